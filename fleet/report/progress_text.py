"""How far a step is, in words."""

from __future__ import annotations

import time
from collections.abc import Callable

from fleet.report import events as ev
from fleet.report.times import took

EVERY = 30.0


def progress(done: int, total: int, rate: int = 0, left: int = 0) -> str:
    """``▓▓▓▓░░░░ 5 s left, 5.1 MB/s, 12.3 of 40.0 MB``; what is not known is left out. The end may be cut."""
    unit, name = (1e9, "GB") if max(done, total) >= 1e9 else (1e6, "MB")
    words = [f"{took(left)} left"] if left else []
    words += [f"{rate / 1e6:.1f} MB/s"] if rate else []
    words += [f"{done / unit:.1f} of {total / unit:.1f} {name}" if total else f"{done / unit:.1f} {name}"]
    text = ", ".join(words)
    if not total:
        return text
    filled = min(8, 8 * done // total)
    return f"{'▓' * filled}{'░' * (8 - filled)} {text}"


class Seldom:
    """Where no board shows it: a line for each step that takes long, every :data:`EVERY` seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps: dict[str, tuple[str, float]] = {}

    def see(self, event: ev.Event) -> None:
        match event:
            case ev.StepStarted(_, step, text):
                self._steps[step] = (text, self._clock() + EVERY)
            case ev.StepFinished(_, step) | ev.StepFailed(_, step):
                self._steps.pop(step, None)

    def line(self, event: ev.Progress) -> str:
        """Empty: not now."""
        text, due = self._steps.get(event.step, ("", 0))
        if not text or self._clock() < due:
            return ""
        self._steps[event.step] = (text, self._clock() + EVERY)
        return f"{text}: {progress(event.done, event.total, event.rate, event.left)}"
