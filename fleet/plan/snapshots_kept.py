"""Snapshots that a host has of a volume."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.model.found import Facts
from fleet.model.snapshots import Snapshot


def kept(facts: Facts, host: str, volume: str) -> tuple[Snapshot, ...]:
    """The oldest first; none when they could not be read."""
    found = facts.hosts[host].snapshots if host in facts.hosts else {}
    return found.get(volume, ()) if isinstance(found, Mapping) else ()
