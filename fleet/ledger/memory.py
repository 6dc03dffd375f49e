"""A ledger in memory, for tests of what uses one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from fleet.errors import LedgerError
from fleet.ledger.failures import fenced
from fleet.ledger.store import History
from fleet.model.leases import Claim, Holder, Lease
from fleet.model.releases import Entry, Head, Record, Release

HOST = "ledger"


class MemoryStore:
    """See :class:`fleet.ledger.store.Store`. ``clock`` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._records: dict[int, Record] = {}
        self._entries: dict[int, tuple[Entry, ...]] = {}
        self._token = 0
        self._claim: Claim | None = None
        self._expires = 0.0

    def history(self) -> History:
        with self._lock:
            releases = (Release(one.head, self._entries[number]) for number, one in self._records.items())
            return History(tuple(releases))

    def record(self, number: int) -> Record:
        if number not in self._records:
            raise LedgerError(
                f"there is no release {number}", hint="see which there are: inv releases", host=HOST
            )
        return self._records[number]

    def begin(self, lease: Lease, record: Record, entry: Entry) -> Head:
        with self._lock:
            self._check(lease)
            head = replace(record.head, number=len(self._records) + 1)
            self._records[head.number] = replace(record, head=head)
            self._entries[head.number] = (entry,)
            return head

    def add(self, lease: Lease, number: int, entry: Entry) -> None:
        with self._lock:
            self._check(lease)
            self._entries[self.record(number).head.number] += (entry,)

    def take(self, claim: Claim, over: int = 0) -> Lease | Holder:
        with self._lock:
            holder = self.holder()
            if holder and holder.token != over:
                return holder
            self._token += 1
            self._claim = claim
            self._expires = self._clock() + claim.seconds
            return Lease(self._token, claim)

    def renew(self, lease: Lease) -> None:
        with self._lock:
            self._check(lease)
            if self.holder() is None:
                raise fenced(HOST, None)
            self._expires = self._clock() + lease.claim.seconds

    def release(self, lease: Lease) -> None:
        with self._lock:
            if lease.token == self._token:
                self._claim = None

    def holder(self) -> Holder | None:
        claim, left = self._claim, self._expires - self._clock()
        if claim is None or (claim.seconds and left <= 0):
            return None
        return Holder(self._token, claim, left if claim.seconds else 0)

    def _check(self, lease: Lease) -> None:
        if self._claim is None or lease.token != self._token:
            raise fenced(HOST, self.holder())
