"""One transfer at a time on a side: the next one ends the last one, and does not wait for it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from .words import Failure

PATIENCE = 8.0
STEP = 0.05


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Whoever holds the lock is asked to end, then killed: it is left over from a connection that was cut.
    Raises Failure when it does not go away."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        for number in (0, signal.SIGTERM, signal.SIGKILL):
            if number:
                _signal(handle, number)
            if _locked(handle, PATIENCE if number else 0):
                break
        else:
            raise Failure("another transfer is under way", f"{lock} is held, and its holder does not end")
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _locked(handle: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(STEP)
        else:
            return True


def _signal(handle: int, number: int) -> None:
    holder = os.pread(handle, 20, 0).decode()
    # Empty in the moment between its lock and its number.
    if holder.isdigit() and int(holder) != os.getpid():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(holder), number)
