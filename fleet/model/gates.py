"""What must be seen before an updated service counts as healthy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DockerCheck:
    """Docker's own health status is ``healthy``."""


@dataclass(frozen=True, slots=True)
class RunningCheck:
    """The container runs and has not restarted."""


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A GET to ``host``, else to the container's own address. Without ``match`` only the status counts."""

    port: int
    path: str = "/"
    status: int = 200
    match: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """``host`` as :class:`HttpCheck` has it."""

    port: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class ExecCheck:
    """A command inside the container; good when it exits 0."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ControllerCheck:
    """A command on the controller; good when it exits 0."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogCheck:
    """A line of the container's log since its start matches this extended regular expression."""

    pattern: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    checks: tuple[Check, ...]


Check = DockerCheck | RunningCheck | HttpCheck | TcpCheck | ExecCheck | ControllerCheck | LogCheck | AnyOf


@dataclass(frozen=True, slots=True)
class GateSpec:
    """All of ``checks``, ``rise`` times in a row and for ``healthy_for``, before ``deadline``.

    Durations in seconds. ``fall`` bad samples in a row fail a gate that had been good; before that,
    only the deadline or the container's end does.
    """

    checks: tuple[Check, ...] = (RunningCheck(),)
    deadline: float = 60
    interval: float = 1
    rise: int = 2
    fall: int = 3
    healthy_for: float = 5
