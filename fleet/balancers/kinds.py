"""The kinds of balancers that are known."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.balancers.haproxy import HAProxy
from fleet.balancers.kind import Kind

KINDS: Mapping[str, Kind] = {
    "haproxy": HAProxy(),
}
