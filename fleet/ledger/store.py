"""Where releases and the lease of an environment are kept; every implementation passes one contract suite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fleet.model.leases import Claim, Holder, Lease
from fleet.model.releases import Entry, Head, Record, Release


@dataclass(frozen=True, slots=True)
class History:
    """``releases`` from the oldest to the newest; ``damaged``: what cannot be read, in words."""

    releases: tuple[Release, ...] = ()
    damaged: tuple[str, ...] = ()


class Store(Protocol):
    """All of it raises LedgerError, and what the way there raises (Unreachable, ConnectionLost)."""

    def history(self) -> History: ...

    def record(self, number: int) -> Record:
        """Raises LedgerError when there is none, or its content is not what was written."""

    def begin(self, lease: Lease, record: Record, entry: Entry) -> Head:
        """Write a new release, whole or not at all, with its first entry. Its number is given here:
        ``record.head.number`` is ignored. Raises Fenced when the lease is not ours any more."""

    def add(self, lease: Lease, number: int, entry: Entry) -> None:
        """One more entry. Raises Fenced."""

    def take(self, claim: Claim, over: int = 0) -> Lease | Holder:
        """The lease, or who holds it. An expired one is free. ``over``: take it from the holder of this
        token even so, and from no other."""

    def renew(self, lease: Lease) -> None:
        """Another ``claim.seconds`` from now. Raises Fenced when it has expired or is another's."""

    def release(self, lease: Lease) -> None:
        """Free it; when it is not ours any more, nothing happens."""

    def holder(self) -> Holder | None: ...
