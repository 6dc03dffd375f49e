"""What can go wrong, as values an operator can act on: what, where, why and what to do next."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Exit(enum.IntEnum):
    """Exit codes of every command; the gaps follow sysexits.h."""

    OK = 0
    FAILED = 1
    CHANGES = 2
    ROLLED_BACK = 3
    USAGE = 64
    CONFIG = 65
    UNREACHABLE = 69
    LOCKED = 73
    DRIFT = 75
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file the operator wrote. Lines and columns count from 1, as editors do."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class FleetError(Exception):
    """A failure that ends in one clear message and an exit code, never in a traceback.

    ``what`` is one sentence; ``why`` the cause as the failing part told it (may be several lines);
    ``hint`` the next thing to do.
    """

    code: Exit = Exit.FAILED

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        hint: str = "",
        at: Position | None = None,
        host: str = "",
        step: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint
        self.at = at
        self.host = host
        self.step = step

    @property
    def where(self) -> str:
        """``file:line:col`` or ``host step``, whichever is known."""
        return " ".join(str(part) for part in (self.at, self.host, self.step) if part)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        lines += [f"    {line}" for line in self.why.splitlines()]
        if self.hint:
            lines.append(f"  → {self.hint}")
        return "\n".join(lines)


class UsageError(FleetError):
    """The command line is wrong."""

    code = Exit.USAGE


class ConfigError(FleetError):
    """Something the operator wrote in a file is wrong; ``at`` says where."""

    code = Exit.CONFIG


class ConfigErrors(FleetError):
    """All configuration errors of one run, in the order of their places."""

    code = Exit.CONFIG

    def __init__(self, errors: Iterable[FleetError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda e: (e.at is None, e.at or Position(""), e.what)))
        super().__init__("\n".join(str(error) for error in self.errors))


class Unreachable(FleetError):
    """No SSH connection: name, route, port, host key or login."""

    code = Exit.UNREACHABLE


class RemoteFailed(FleetError):
    """The host was reached and something on it failed."""


class Drift(FleetError):
    """The host is not as the plan saw it; nothing was changed by the step that says so."""

    code = Exit.DRIFT


class Locked(FleetError):
    """Somebody else may change this environment now, and we may not."""

    code = Exit.LOCKED


class Fenced(Locked):
    """We held the lease and lost it; the step that says so changed nothing."""


class LedgerError(FleetError):
    """The ledger cannot be read or written: its disk, its content, its rights."""


class Interrupted(FleetError):
    """The operator pressed ^C."""

    code = Exit.INTERRUPTED
