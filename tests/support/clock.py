"""Time that goes by when somebody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Clock(threading.Event):
    """Waiting takes no time; ``due`` happens when its second has come."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.due: dict[float, Callable[[], None]] = {}

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0
        for at in [at for at in self.due if at <= self.now]:
            self.due.pop(at)()
        return self.is_set()

    def __call__(self) -> float:
        return self.now
