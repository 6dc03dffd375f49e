"""Wait on a host for what its service wants to see around a start or a stop. Nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.health.transition import waiting
from fleet.model.gates import ExecCheck, HttpCheck, TcpCheck
from fleet.model.transitions import CommandCheck, FreeCheck, SleepCheck, Transition, TransitionCheck
from fleet.ops.effects import Effect, Shell

MARGIN = 15
REMEDIES = {
    "pre-start": "nothing was stopped: bring up what it waits for, then run again",
    "pre-stop": "it was not stopped: let it finish, or docker stop it, then run again",
    "stopped": "its container is gone: see what it has left on the host, then run again",
}


@dataclass(frozen=True, slots=True)
class Await:
    """``state``: pre-start, pre-stop or stopped. ``container``: the one that still runs, and is asked."""

    key: str
    state: str
    transition: Transition
    container: str = ""

    @property
    def target(self) -> str:
        return f"{self.state}:{self.container or self.key}"

    @property
    def timeout(self) -> float:
        return self.transition.deadline + MARGIN

    def describe(self) -> str:
        return f"{self.state} of {self.key}: {transition_text(self.transition)}"

    @property
    def remedy(self) -> str:
        """What to do when they were not good in time."""
        return REMEDIES[self.state]

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        return (Shell(waiting(self.state, self.transition, self.container)),)


def transition_text(transition: Transition) -> str:
    """``tcp db-1:5432, then sleep 2 s, within 60 s``."""
    return f"{', then '.join(map(_text, transition.checks))}, within {transition.deadline:g} s"


def _text(check: TransitionCheck) -> str:
    match check:
        case HttpCheck(port, path, status, match, host):
            return f"http {host}:{port}{path} is {status}" + (f" matching {match}" if match else "")
        case TcpCheck(port, host):
            return f"tcp {host}:{port}"
        case ExecCheck(command):
            return f"exec {' '.join(command)}"
        case CommandCheck(command):
            return f"command {' '.join(command)}"
        case FreeCheck(port):
            return f"free :{port}"
        case SleepCheck(seconds):
            return f"sleep {seconds:g} s"
