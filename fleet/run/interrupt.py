"""^C once: what runs is finished and nothing new begins. ^C twice: remote commands are killed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

FIRST = "interrupted: running steps are finished, nothing new begins; ^C again kills them"
SECOND = "second interrupt: killing the remote commands"


class Interrupt:
    """``asked`` after the first ^C, ``now`` after the second."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.now = threading.Event()

    def forgive(self) -> None:
        """The way back after an interrupted, failed batch is finished; a further press counts anew."""
        if not self.now.is_set():
            self.asked.clear()

    def press(self) -> None:
        (self.now if self.asked.is_set() else self.asked).set()


@contextmanager
def on_signals(interrupt: Interrupt, say: Callable[[str], None], first: str = FIRST) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP press it while the block runs; for the main thread only. ``first``:
    what is said at the first press."""

    telling: list[threading.Thread] = []

    def pressed(number: int, frame: FrameType | None) -> None:
        interrupt.press()
        text = SECOND if interrupt.now.is_set() else first
        # Not from here: a handler runs in the midst of anything, also while a report holds its lock.
        thread = threading.Thread(target=say, args=(text,))
        telling.append(thread)
        thread.start()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, pressed) for number in signals}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        for thread in telling:
            thread.join()
