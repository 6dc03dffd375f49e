"""How often a volume is copied while it is written, before its writers stop: a table of what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHORT = 2.0
"""Seconds. A pass that takes no longer is not worth another one."""
SHRINKS = 0.8
"""Of the pass before: with less gained, the next one would gain nothing either."""
MOST = 5


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass did: bytes sent, and seconds in which it copied and both sides were listed. The last one,
    after the stop, does the same."""

    sent: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Enough:
    """``seconds``: what the last pass is expected to take."""

    seconds: float
    why: str


def decide(passes: Sequence[Pass]) -> Enough | None:
    """None: another one. It ends after :data:`MOST` passes, whatever they are."""
    if not passes:
        return None
    last = passes[-1]
    if last.seconds <= SHORT:
        return Enough(last.seconds, "little is left")
    # The first reads all that the seed has brought: it is no measure for the second.
    if len(passes) > 2 and last.seconds > passes[-2].seconds * SHRINKS:
        return Enough(last.seconds, "it is written as fast as it is copied")
    if len(passes) >= MOST:
        return Enough(last.seconds, f"after {MOST} passes")
    return None
