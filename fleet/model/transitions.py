"""What must be seen around a container's start and its stop, beside the gate of one that runs."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model.gates import ExecCheck, HttpCheck, TcpCheck


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """A command on the host; good when it exits 0."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FreeCheck:
    """Nothing listens at this port of the host."""

    port: int


@dataclass(frozen=True, slots=True)
class SleepCheck:
    seconds: float


TransitionCheck = HttpCheck | TcpCheck | ExecCheck | CommandCheck | FreeCheck | SleepCheck


@dataclass(frozen=True, slots=True)
class Transition:
    """One check after the other, each asked every ``interval`` until it is good; all before ``deadline``.
    Durations in seconds."""

    checks: tuple[TransitionCheck, ...]
    deadline: float = 60
    interval: float = 1
