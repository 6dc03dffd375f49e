"""Everything that a run tells: one frozen type per thing that happens.

The terminal, the JSON lines and the journal are readers of the same events. No event holds a
secret; a redactor in front of every reader is the second wall.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RunStarted:
    """``release`` is its number in the ledger."""

    run: str
    command: str
    env: str
    version: str
    hosts: tuple[str, ...]
    release: int = 0


@dataclass(frozen=True, slots=True)
class Gathered:
    """All hosts answered. ``seconds`` from the first connection to the last fact."""

    hosts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan, line by line."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageStarted:
    title: str
    number: int
    of: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchStarted:
    service: str
    number: int
    of: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchFinished:
    service: str
    number: int
    of: int
    failed: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Delay:
    """The pause between two batches, in seconds."""

    service: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StepStarted:
    host: str
    step: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes of a running step; ``total`` 0: not known. Of a copy also bytes a second, and seconds that are
    left."""

    host: str
    step: str
    done: int
    total: int
    rate: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A gate's last look: what is still missing."""

    host: str
    step: str
    need: str


Row = tuple[str, str, str, str, str]
"""What is compared, of the old version, of the new one, the limit, and ``ok``, ``no`` or nothing."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A new version beside the old one (empty: there is none), watched for ``seconds`` so far.
    ``seconds_left`` 0: the watch is over."""

    service: str
    old: str
    new: str
    seconds: float
    seconds_left: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class StepFinished:
    host: str
    step: str
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StepFailed:
    """``why`` may be several lines; ``bundle`` the file in the run's directory that holds the rest."""

    host: str
    step: str
    text: str
    what: str
    why: str
    hint: str
    seconds: float
    bundle: str = ""


@dataclass(frozen=True, slots=True)
class StepSkipped:
    host: str
    step: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Command:
    """What is about to be done to a host, for ``--show-commands``; secrets are masked."""

    host: str
    text: str


@dataclass(frozen=True, slots=True)
class CommandStarted:
    """The same on all of these hosts; what they print follows."""

    command: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """On one host. ``ending``: how, in words; ``status`` -1: there is no exit status."""

    host: str
    ok: bool
    ending: str
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Tested:
    """One of a role's tests on one host. ``outcome``: passed, failed or skipped; ``at``: the line that
    failed, else where the test begins; ``why`` may be several lines."""

    host: str
    role: str
    test: str
    at: str
    outcome: str
    why: str
    seconds: float


@dataclass(frozen=True, slots=True)
class SameTest:
    """Hosts on which one test ended alike."""

    hosts: tuple[str, ...]
    role: str
    test: str
    at: str
    outcome: str
    why: str


@dataclass(frozen=True, slots=True)
class Same:
    """Hosts whose command printed the same and ended alike. ``differs``: from the largest group, as a diff;
    empty in the largest, and where there is nothing in common."""

    hosts: tuple[str, ...]
    ending: str
    ok: bool
    lines: tuple[str, ...]
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a container's log. ``time`` as its engine tells it."""

    host: str
    service: str
    container: str
    time: str
    line: str


@dataclass(frozen=True, slots=True)
class Output:
    """A line of a remote command. ``stream`` is ``out`` or ``err``."""

    host: str
    stream: str
    line: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something the operator should know. ``level``: info, warning or error."""

    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class RunFinished:
    """``outcome`` in a few words; ``state`` what the fleet runs now; ``hint`` what to do next."""

    outcome: str
    ok: bool
    seconds: float
    state: tuple[str, ...] = ()
    hint: str = ""


Event = (
    RunStarted
    | Gathered
    | Planned
    | StageStarted
    | BatchStarted
    | BatchFinished
    | Delay
    | StepStarted
    | Progress
    | Waiting
    | Compared
    | StepFinished
    | StepFailed
    | StepSkipped
    | Command
    | CommandStarted
    | CommandEnded
    | Tested
    | SameTest
    | Same
    | LogLine
    | Output
    | Note
    | RunFinished
)

Emit = Callable[[Event], None]


def as_dict(event: Event) -> dict[str, Any]:
    """The event as JSON tells it: its type and its fields."""
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return {"event": type(event).__name__, **fields}
