"""One task's change of a host as an operation, and the run of a handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fleet import shell
from fleet.facts.tasks.paths import SEE
from fleet.model.tasks import CommandTask
from fleet.ops.effects import Effect, Shell
from fleet.secret import Text
from fleet.shell import words

TASK_FAILED = 68

HEAD = f"""\
set -eu
umask 022
export LC_ALL=C
fail() {{ code=$1; shift; printf '%s\\n' "$*" >&2; exit "$code"; }}
run() {{ # a command; what it says is told when it fails
  code=0
  said=$("$@" 2>&1 </dev/null) || code=$?
  [ "$code" = 0 ] || {{ printf '%s\\n' "$said" | tail -n 15 >&2; fail {TASK_FAILED} "exit status $code"; }}
}}
"""

AS_SEEN = """\
as_seen() { # what it is, what the plan saw, what is seen now
  [ "$2" = "$3" ] || fail 75 "$1 was changed since the plan was made"
}
"""


class Work(Protocol):
    """What is done for one task, as data."""

    @property
    def target(self) -> str:
        """As of :class:`fleet.ops.op.Op`."""

    @property
    def style(self) -> str:
        """add, change or remove, or plain."""

    def describe(self) -> str: ...

    def diff(self) -> tuple[str, ...]: ...

    def guard(self) -> str:
        """Commands that end with 75 when the host is not as the plan saw it; empty: nothing was seen."""

    def script(self) -> tuple[Text, ...]: ...


@dataclass(frozen=True, slots=True)
class ChangeHost:
    """``told``: the task as it was written. ``ahead``: guards of later changes of the same host, which must
    hold before this first one; ``guarded``: whether this one's own holds still, after what went before.
    ``marks``: files that say of handlers that they are to run."""

    task: str
    told: str
    work: Work
    timeout: float
    ahead: tuple[str, ...] = ()
    guarded: bool = True
    marks: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        return self.work.target

    def describe(self) -> str:
        return self.work.describe()

    def diff(self) -> tuple[str, ...]:
        return self.work.diff()

    def effects(self) -> tuple[Effect, ...]:
        parts: list[Text] = [HEAD, SEE, AS_SEEN, *self.ahead]
        if self.guarded:
            parts.append(self.work.guard())
        # Before the change: a run that is cut off between the two notifies once too often, never too seldom.
        parts += [f'mkdir -p "$(dirname {words([mark])})"; : >{words([mark])}' for mark in self.marks]
        return (Shell(shell.lines((*parts, *self.work.script()))),)


@dataclass(frozen=True, slots=True)
class RunHandler:
    """``mark`` lies on the host until it has ended well; ``why``: who notified it."""

    role: str
    name: str
    told: str
    command: CommandTask
    mark: str
    timeout: float
    why: str

    @property
    def target(self) -> str:
        return f"handler:{self.role}:{self.name}"

    def describe(self) -> str:
        return f'run handler "{self.name}": {words(self.command.argv)}'

    def diff(self) -> tuple[str, ...]:
        return (f"notified by {self.why}",)

    def effects(self) -> tuple[Effect, ...]:
        parts = [HEAD]
        if self.command.chdir:
            parts.append(f"cd {words([self.command.chdir])}")
        return (
            Shell(shell.lines((*parts, f"run {words(self.command.argv)}", f"rm -f {words([self.mark])}"))),
        )
