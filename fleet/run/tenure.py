"""Holding the lease while a run lives: it is renewed in the background, and once it is lost nothing changes.

All times are of a clock that goes on while the machine sleeps: a controller that was suspended past the
expiry finds that out by itself, before it asks anybody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from fleet.errors import Fenced, FleetError
from fleet.model.leases import Lease

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
RETRY = 2.0
"""Seconds until another try, when the ledger host gives no answer."""


def now() -> float:
    """Seconds of a clock that only goes forward, also in suspend."""
    return time.clock_gettime(CLOCK)


class Tenure:
    """``renew`` asks the ledger host for more time; ``asked`` is :func:`now` from before the lease was
    taken. ``lost`` is called once, with the reason, by the thread that notices; ``late`` with the cause of
    the first renewal that got no answer."""

    def __init__(
        self,
        lease: Lease,
        asked: float,
        renew: Callable[[], None],
        lost: Callable[[str], None] = lambda why: None,
        late: Callable[[FleetError], None] = lambda error: None,
        clock: Callable[[], float] = now,
    ) -> None:
        self.lease = lease
        self._renew = renew
        self._lost = lost
        self._late = late
        self._clock = clock
        self._until = asked + lease.claim.seconds
        self._why = ""
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Tenure:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def until(self) -> float:
        """When it expires unless it is renewed before, by :func:`now`."""
        return self._until

    def check(self) -> None:
        """Raises Fenced when the lease is not surely ours any more."""
        if not self._why and self._clock() >= self._until:
            self._lose("it expired before it was renewed: this controller slept, or had no way to the ledger")
        if self._why:
            raise Fenced(
                "the lease of this run was lost; nothing more was changed",
                why=self._why,
                hint="see who works now (inv lock), then go on with: inv deploy --resume",
            )

    def _beat(self) -> None:
        # A third of it may be gone since it was asked for: facts were gathered meanwhile.
        pause = max(0.0, self._until - self._clock() - self.lease.claim.seconds * 2 / 3)
        told = False
        while not self._ended.wait(pause):
            asked = self._clock()
            try:
                self.check()
                self._renew()
            except Fenced as error:
                self._lose(error.why or error.what)
                return
            except FleetError as error:
                if not told:
                    self._late(error)
                told, pause = True, min(RETRY, self.lease.claim.seconds / 10)
            else:
                self._until = asked + self.lease.claim.seconds
                told, pause = False, self.lease.claim.seconds / 3

    def _lose(self, why: str) -> None:
        with self._lock:
            first, self._why = not self._why, self._why or why
        if first:
            self._lost(why)
