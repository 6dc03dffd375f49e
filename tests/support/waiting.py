"""Waiting for what other threads, programs and hosts do."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], object], what: str = "it is so", seconds: float = 60) -> None:
    """Return as soon as it is so; else the test fails, and says ``what`` it waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)
