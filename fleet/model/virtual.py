"""An address that is on one of several hosts at a time, and moves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VirtualAddress:
    """``x-fleet.virtual_address``: the hosts of this service take turns in having ``address`` (IPv4)."""

    address: str
