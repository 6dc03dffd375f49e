"""What is compared, as rows to show, and how a value and its limit are written."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model.watch import LogRate, Measure, WatchCommand


@dataclass(frozen=True, slots=True)
class Figure:
    """A row to show. ``good`` None: nothing is asked of it."""

    what: str
    old: str
    new: str
    limit: str = ""
    good: bool | None = None


def within(measure: Measure, value: float) -> bool:
    """The value is as the measure wants it."""
    if isinstance(measure, WatchCommand):
        return value == 0
    least = None if isinstance(measure, LogRate) else measure.least
    return (least is None or value >= least) and (measure.most is None or value <= measure.most)


def limit_of(measure: Measure) -> str:
    if isinstance(measure, WatchCommand):
        return ""
    least = None if isinstance(measure, LogRate) else measure.least
    limits = [f"≥{number(least)}"] if least is not None else []
    limits += [f"≤{number(measure.most)}"] if measure.most is not None else []
    return " ".join(limits) + ("/min" if isinstance(measure, LogRate) else "")


def number(value: float) -> str:
    """Six digits are enough to tell two values apart; a large whole number is not told as a power."""
    return f"{value:,.0f}" if abs(value) >= 1e5 and abs(value) < 1e15 else f"{value:.6g}"


def share(value: float) -> str:
    return f"{100 * value:.2f} %"


def ms(value: float) -> str:
    return f"{value:,.0f} ms"
