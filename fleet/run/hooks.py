"""Hooks: the project's own programs, run on the controller at the turns of a run."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet import shell
from fleet.errors import ConfigError, ConfigErrors, FleetError, Interrupted
from fleet.plan.tree import Rollout
from fleet.report import events as ev
from fleet.suggest import suggest
from fleet.transport.base import Result
from fleet.transport.local import LocalProcess
from fleet.transport.pump import carry_out

DIRECTORY = "hooks"
TIMEOUT = 600.0
"""Seconds for one hook."""
LAST_LINES = 10
"""Of the output, shown with a failure."""

# What a failure of each means for the run.
NAMES = {
    "pre-connect": "no host was connected to",
    "pre-deploy": "nothing was changed",
    "pre-batch": "the batch was not begun",
    "post-batch": "the batch was carried out and counts as failed",
    "post-deploy": "the run had ended well before it",
    "on-failure": "the run had ended before it",
}
AFTERWARDS = ("post-deploy", "on-failure")
"""Nothing is left to stop: a failure is a warning."""


class HookFailed(FleetError):
    """A hook ended with another status than 0, by a signal, or not in time."""


@dataclass(frozen=True, slots=True)
class HookFacts:
    """What a hook is told of the run. None and empty: not known yet, or not about this hook.

    ``command`` is deploy, rollback or converge; ``release`` its number; ``batch`` counts from 1;
    ``outcome`` is a word as the history shows it (good, failed, rolled-back), ``seconds`` the run took.
    """

    env: str
    version: str
    run: str
    command: str
    who: str
    hosts: tuple[str, ...]
    roles: tuple[str, ...] = ()
    release: int | None = None
    service: str = ""
    batch: int | None = None
    batches: int | None = None
    batch_hosts: tuple[str, ...] = ()
    outcome: str = ""
    seconds: float | None = None
    why: str = ""

    def of_batch(self, rollout: Rollout, number: int, hosts: Sequence[str]) -> HookFacts:
        return dataclasses.replace(
            self,
            service=rollout.service,
            batch=number,
            batches=len(rollout.batches),
            batch_hosts=tuple(hosts),
        )

    def ended(self, outcome: str, seconds: float, why: str = "") -> HookFacts:
        return dataclasses.replace(self, outcome=outcome, seconds=seconds, why=why)

    def environment(self, hook: str) -> dict[str, str]:
        """``FLEET_…``, all of them each time: none is inherited from a run around this one."""
        return {f"FLEET_{name.upper()}": _text(value) for name, value in self.as_dict(hook).items()}

    def as_dict(self, hook: str) -> dict[str, Any]:
        return {"hook": hook, **dataclasses.asdict(self)}


class Hooks:
    """Those in ``hooks/`` of ``root``. ``emit`` masks secrets; ``cancel`` ends a running hook."""

    def __init__(
        self, root: Path, emit: ev.Emit, cancel: threading.Event, *, timeout: float = TIMEOUT
    ) -> None:
        self._root = root
        self._emit = emit
        self._cancel = cancel
        self._timeout = timeout

    def check(self) -> None:
        """Raises ConfigErrors: a hook that cannot be run, or a file that would never be one."""
        directory = self._root / DIRECTORY
        try:
            paths = sorted(directory.iterdir()) if os.path.lexists(directory) else []
        except OSError as error:
            raise ConfigError(f"{DIRECTORY}/ cannot be read", why=error.strerror or str(error)) from error
        errors = [error for path in paths for error in _problems(path)]
        if errors:
            raise ConfigErrors(errors)

    def run(self, name: str, facts: HookFacts) -> None:
        """Run the hook, if there is one. Raises HookFailed, Interrupted; of a hook that runs afterwards
        both are only told."""
        path = self._root / DIRECTORY / name
        if not path.exists():
            return
        try:
            self._run(name, path, facts)
        except FleetError as error:
            if name not in AFTERWARDS:
                raise
            self._emit(ev.Note(str(error), "warning"))

    def _run(self, name: str, path: Path, facts: HookFacts) -> None:
        if self._cancel.is_set():
            raise Interrupted(f"interrupted: hook {name} was not run")
        self._emit(ev.Note(_title(name, facts)))
        last: list[str] = []

        def told(stream: str, line: str) -> None:
            last[:] = [*last[1 - LAST_LINES :], line]
            self._emit(ev.Output(f"hook {name}", stream, line))

        process = self._start(path, facts.environment(name))
        result = carry_out(
            process,
            json.dumps(facts.as_dict(name)).encode() + b"\n",
            timeout=self._timeout,
            on_line=told,
            cancel=self._cancel,
            spare=0,
        )
        if result.stopped or result.timed_out:
            # Its children may not have ended with it.
            process.kill(process.group, "KILL")
        if result.stopped:
            raise Interrupted(f"interrupted in hook {name}", hint=NAMES[name])
        if not result.ok:
            raise self._failed(name, result, last)

    def _start(self, path: Path, facts: dict[str, str]) -> LocalProcess:
        # The shell tells its own number, which is that of the group, and then becomes the hook.
        command = f'echo "@fleet $$"; exec {shell.words([str(path.absolute())])}'
        try:
            return LocalProcess(command, cwd=self._root, env={**os.environ, **facts})
        except OSError as error:
            what = f"hook {path.name} cannot be started"
            raise HookFailed(what, why=error.strerror or str(error), hint=NAMES[path.name]) from error

    def _failed(self, name: str, result: Result, last: Sequence[str]) -> HookFailed:
        return HookFailed(
            f"hook {name} failed: {result.ending(self._timeout)}",
            why="\n".join(last),
            hint=f"{NAMES[name]}; correct what {DIRECTORY}/{name} found, or the hook itself",
        )


def _problems(path: Path) -> Iterator[ConfigError]:
    """What is wrong with an entry. What the hooks themselves use has an extension, or is a directory."""
    shown = f"{DIRECTORY}/{path.name}"
    if path.name in NAMES:
        if not path.is_file():
            yield ConfigError(f"{shown} is not a file", hint="a hook is a program or a script")
        elif not os.access(path, os.X_OK):
            yield ConfigError(f"{shown} is not executable", hint=f"chmod +x {shown}")
    elif path.stem in NAMES and path.suffix != ".sample":
        yield ConfigError(f"{shown} would never be run", hint=f"rename it to {DIRECTORY}/{path.stem}")
    elif path.is_file() and "." not in path.name and not path.name.endswith("~"):
        hint = f"hooks are {', '.join(NAMES)}; a file beside them has an extension"
        yield ConfigError(f"{shown}: there is no such hook{suggest(path.name, NAMES)}", hint=hint)


def _title(name: str, facts: HookFacts) -> str:
    if facts.batch is None:
        return f"hook {name}"
    return f"hook {name}: {facts.service}, batch {facts.batch} of {facts.batches}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    # No variable can hold it.
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
