"""Lines of many hosts at once, put out host by host: what came together stays together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HOLD = 0.25
"""Seconds that a line may wait for more of its host: most commands are over by then."""
MOST = 1000

Put = Callable[[str, str, str], None]


@dataclass(slots=True)
class _Held:
    since: float
    lines: list[tuple[str, str]] = field(default_factory=list)


class Blocks:
    """``put`` gets host, stream and line, from one thread at a time."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()
        self._putting = threading.Lock()

    def take(self, host: str, stream: str, line: str) -> None:
        with self._lock:
            held = self._held.setdefault(host, _Held(time.monotonic()))
            held.lines.append((stream, line))
        if len(held.lines) >= MOST:
            # The host waits until it is read: nobody shall have to hold all that it can print.
            with self._putting:
                self._out(host)

    def end(self, host: str, then: Callable[[], None]) -> None:
        """Nothing more comes from the host. ``then`` tells what belongs below its lines."""
        with self._putting:
            self._out(host)
            then()

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """As long as it lasts, nothing is held for long."""
        over = threading.Event()
        thread = threading.Thread(target=self._tick, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _tick(self, over: threading.Event) -> None:
        while not over.wait(HOLD / 2):
            with self._putting:
                with self._lock:
                    due = time.monotonic() - HOLD
                    hosts = [host for host, held in self._held.items() if held.since <= due]
                for host in hosts:
                    self._out(host)

    def _out(self, host: str) -> None:
        with self._lock:
            held = self._held.pop(host, None)
        for stream, line in held.lines if held else ():
            self._put(host, stream, line)
