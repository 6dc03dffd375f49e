"""What a fault is: what breaks and when, until when, and what Fleet has promised for that case."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from fleet.rehearsal.host import Host

SERVICE = "web.app"


class Moment(enum.Enum):
    """When it breaks."""

    BEFORE = "before the deploy begins"
    TURN = "while the first web host is replaced"


@dataclass(frozen=True, slots=True)
class Scene:
    """The hosts that a fault may break. ``webs`` in the order of their turns; ``keeper`` has the ledger.
    ``gateway``: this machine, as the hosts see it. ``image``: of the version that is to come."""

    host: Callable[[str], Host]
    webs: tuple[str, ...]
    others: tuple[str, ...]
    keeper: str
    registry: str
    gateway: str
    image: str

    @property
    def first(self) -> Host:
        """The web host whose turn it is."""
        return self.host(self.webs[0])

    @property
    def next(self) -> Host:
        """The one that is next."""
        return self.host(self.webs[1])

    @property
    def last(self) -> Host:
        """The one that serves until its own turn."""
        return self.host(self.webs[-1])


@dataclass(frozen=True, slots=True)
class Promise:
    """``exits``: of the deploy with the fault. ``grace``: requests asked up to so many seconds after the
    fault may be lost, since what broke is not found out at once; None: none may."""

    text: str
    exits: frozenset[int]
    grace: float | None = None


Event = Mapping[str, Any]
"""As ``--json`` tells it."""


def never(scene: Scene, event: Event) -> bool:
    """It is over when the deploy is."""
    return False


@dataclass(frozen=True, slots=True)
class Fault:
    """``broken`` breaks it, says what is broken, and heals it at the end of its ``with``: at an event that is
    ``over``, after ``lasts`` seconds, or when the deploy has ended. ``advice``: what an operator does in
    earnest."""

    title: str
    moment: Moment
    broken: Callable[[Scene], AbstractContextManager[str]]
    promise: Promise
    advice: str
    lasts: float = 600.0
    over: Callable[[Scene, Event], bool] = never

    def due(self, scene: Scene, event: Event) -> bool:
        """Whether this event of the deploy is its moment."""
        turn = event["event"] == "StepStarted" and event["step"] == f"{scene.webs[0]}/container:{SERVICE}"
        return self.moment is Moment.TURN and turn
