"""What a rehearsal with a fault has seen: plain values, all times in seconds since its load began."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.rehearsal.traffic.orders import Orders
from fleet.rehearsal.traffic.tally import Failure


@dataclass(frozen=True, slots=True)
class Entry:
    """``who``: fault, fleet, traffic or operator."""

    second: float
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A deploy: its exit code, and what it said last."""

    command: str
    code: int
    seconds: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Span:
    """From when on something was being done until it was in force."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A host in the end. ``runs``: services and their versions. ``behind``: how many balancers ask it;
    None where none is to. ``lost``: volumes that are not those that were there before."""

    host: str
    runs: tuple[tuple[str, str], ...]
    behind: int | None = None
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """The fleet in the end; ``balancers``: how many there are."""

    hosts: tuple[Seen, ...]
    balancers: int
    orders: Orders


@dataclass(frozen=True, slots=True)
class Story:
    """``injected`` and ``healed`` are None when it did not come to it. ``first``: the deploy with the fault,
    ``second`` the one after it, both to ``version``. ``load``: processes that each core of this machine had
    to serve, on average of the last minutes."""

    fault: str
    version: str
    entries: tuple[Entry, ...]
    injected: Span | None
    healed: Span | None
    first: Ended
    second: Ended
    requests: int
    lost: tuple[Failure, ...]
    state: State
    load: float
