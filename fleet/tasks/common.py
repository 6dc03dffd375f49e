"""What all tasks share: argv becomes Options, errors become exit codes, flags read alike."""

from __future__ import annotations

import functools
import getpass
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from fleet.errors import Exit, FleetError, UsageError

if TYPE_CHECKING:
    from fleet.app.options import Options
    from fleet.app.session import Report, Session

HELP = {
    "env": "environment: a directory of inventories/ (else FLEET_ENV, else fleet.env in invoke.yaml)",
    "sudo": "as root through sudo; its password is asked once, or read from standard input",
    "limit": "hosts, in Ansible's pattern language: web:&staging:!web3, web[0:2], ~regex, @file",
    "roles": "only these roles, comma separated",
    "version": "the version to deploy (else git describe --tags)",
    "check": "show the plan and stop; exit 2 when there is something to do",
    "diff": "show files and container fields as differences",
    "yes": "do not ask",
    "json": "JSON lines instead of text",
    "parallel": "hosts at once (else fleet_parallel, else 32)",
    "remove_orphans": "also remove containers that no role of their host wants any more",
    "show_commands": "show every script and API call, secrets masked",
    "on_failure": "pause, rollback or continue, instead of what the roles say",
    "unreachable": "fail, or skip[:N|:N%] to leave behind hosts that do not answer",
    "allow_downtime": "go on also where a backend is left without a server for a while",
    "adopt": "volumes whose data is what lies there, whatever is known of it: pgdata,uploads=web-2",
    "allow_empty": "volumes that may begin anew where their data is expected",
    "volume_from": "the host that a volume's data is taken from: db-1, or pgdata=db-1,uploads=web-2",
    "max_downtime": "do not begin to move a volume that would be away for longer: 5s",
    "copy_rate": "bytes a second that the copy of a volume may take: 20m",
    "wait": "how long to wait for somebody else's run: 10m (else not at all)",
    "ledger": "the host that keeps the ledger (else fleet_ledger, else the first host)",
}


SWITCHES = {
    "check", "diff", "yes", "json", "remove_orphans", "show_commands", "allow_downtime", "sudo",
}  # fmt: skip
DEFAULTS = {"unreachable": "fail"}

DIGITS = 9
"""No number that is typed has more."""

LOOKING = ("env", "json", "ledger")
CHANGING = ("env", "yes", "json", "wait", "ledger")
ROLLING = (
    "env", "check", "diff", "yes", "json", "parallel", "show_commands", "unreachable", "wait", "ledger",
    "allow_downtime",
)  # fmt: skip
"""What every task has that looks at the ledger, changes something by hand, or rolls hosts to a release."""
VOLUMES = ("adopt", "allow_empty", "volume_from", "max_downtime", "copy_rate")
"""Of those, what a task has that may come upon volumes."""

POSITIONAL = ("command", "old", "new", "host", "switch", "source", "target")
"""Arguments that are no flags, in whichever task has them."""
OPTIONAL = ("action", "name", "file", "service")
"""Those that may be left out, from the last one on."""
INSTEAD = {"--", "-t", "--script"}
"""With one of these a command may be left out."""


@dataclass(frozen=True, slots=True)
class Given:
    """The flags that read alike in every task, as they were typed."""

    ctx: Context
    flags: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.flags[name]

    def options(self, *, needs_version: bool = False, **more: Any) -> Options:
        """``more``: other options, or instead of what was typed. Raises UsageError."""
        return read_options(self.ctx, needs_version=needs_version, **(dict(self.flags) | more))


def operator_task(*names: str, **help_texts: str) -> Callable[[Callable[..., int | None]], Any]:
    """A task whose flags are described, whose typos are errors, and which never ends in a traceback.

    ``names`` are of :data:`HELP`; the body gets what was typed as its first argument, a :class:`Given`. What
    else it has is described in ``help_texts``.
    """

    def wrap(body: Callable[..., int | None]) -> Any:
        def run(ctx: Context, **typed: Any) -> int | None:
            return body(Given(ctx, {name: typed.pop(name) for name in names}), **typed)

        _, *own = inspect.signature(body).parameters.values()
        first = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = [first, *map(_flag, names), *(one.replace(kind=one.KEYWORD_ONLY) for one in own)]
        functools.update_wrapper(run, body)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        texts = {name.replace("_", "-"): HELP[name] for name in names} | help_texts
        # invoke demands a positional argument as soon as there is one, also one that was left out.
        bare = bare_words(body.__name__, parameters[1:], sys.argv)
        needed = bare or not INSTEAD & set(sys.argv)
        positional = [name for name in POSITIONAL if name in help_texts and (needed or name != "command")]
        positional += [name for name in OPTIONAL if name in help_texts][:bare]
        return task(help=texts, positional=positional, auto_shortflags=False)(guarded(run))

    return wrap


def _flag(name: str) -> inspect.Parameter:
    default = False if name in SWITCHES else DEFAULTS.get(name, "")
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)


def bare_words(name: str, flags: Iterable[inspect.Parameter], argv: Sequence[str]) -> int:
    """How many words after the task's name are neither a flag nor the value of one."""
    switches = {f"--{one.name.replace('_', '-')}" for one in flags if isinstance(one.default, bool)}
    own = argv[: argv.index("--")] if "--" in argv else argv
    words = own[own.index(name) + 1 :] if name in own else ()
    before = ("", *words)
    valued = (flag.startswith("--") and "=" not in flag and flag not in switches for flag in before)
    return sum(not word.startswith("-") and not value for word, value in zip(words, valued, strict=False))


def guarded(body: Callable[..., int | None]) -> Callable[..., None]:
    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            code = body(*args, **kwargs)
        except FleetError as error:
            raise InvokeExit(f"error: {error}", int(error.code)) from error
        except KeyboardInterrupt:
            raise InvokeExit("interrupted; nothing was begun", int(Exit.INTERRUPTED)) from None
        if code:
            raise InvokeExit(code=int(code))

    return run


def configured_env(config: Config) -> str:
    """``fleet.env`` of invoke's configuration; empty where there is none."""
    settings = config.get("fleet", {})
    return str(settings.get("env", "") or "") if hasattr(settings, "get") else ""


def read_options(ctx: Context, env: str = "", *, needs_version: bool = False, **given: Any) -> Options:
    from fleet.app import options  # noqa: PLC0415
    from fleet.app.options import FAILURE_ACTIONS, budget  # noqa: PLC0415
    from fleet.suggest import suggest  # noqa: PLC0415

    for flag, value in pairwise(sys.argv):
        # A variable of the shell that is not set must not mean "all hosts".
        if flag.startswith("--") and "=" not in flag and value == "":
            raise UsageError(f"{flag} is empty")
    root = options.find_root(Path.cwd())
    configured = configured_env(ctx.config)
    parallel = given.pop("parallel", "")
    roles = names(given.pop("roles", ""))
    version = given.pop("version", "")
    wait = given.pop("wait", "")
    moving = volumes_given(given)
    given.pop("sudo", None)
    on_failure = given.get("on_failure", "")
    if on_failure not in {"", *FAILURE_ACTIONS}:
        raise UsageError(f"--on-failure {on_failure}{suggest(on_failure, FAILURE_ACTIONS)}",
                         hint=f"one of {', '.join(FAILURE_ACTIONS)}")  # fmt: skip
    budget(given.get("unreachable", "fail"), 1)
    return options.Options(
        root=root,
        env=options.choose_env(root, env, os.environ, configured),
        version=options.choose_version(root, version, needed=needs_version),
        roles=roles,
        parallel=whole("--parallel", parallel, "how many hosts at once") if parallel else 0,
        wait=span("--wait", wait) if wait else 0,
        **moving,
        **given,
    )


def volumes_given(given: dict[str, Any]) -> dict[str, Any]:
    """What the flags say of volumes, taken out of ``given``."""
    downtime, rate = given.pop("max_downtime", ""), given.pop("copy_rate", "")
    pairs = (name.rpartition("=") for name in names(given.pop("volume_from", "")))
    return {
        "adopt": names(given.pop("adopt", "")),
        "allow_empty": names(given.pop("allow_empty", "")),
        "volume_from": tuple((volume, host) for volume, _, host in pairs),
        "max_downtime": span("--max-downtime", downtime) if downtime else 0,
        "copy_rate": amount("--copy-rate", rate) if rate else 0,
    }


def names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def amount(flag: str, text: str) -> int:
    """Bytes of ``20m``, written as sizes are in roles."""
    from fleet.config.roles.scalars import size  # noqa: PLC0415

    try:
        return size(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text}: {error}") from error


def whole(flag: str, text: str, what: str) -> int:
    """invoke's own conversion of a flag ends in a traceback."""
    if not text.isdecimal() or len(text) > DIGITS or not int(text):
        raise UsageError(f"{flag} {text}: {what}, as a whole number from 1")
    return int(text)


def span(flag: str, text: str) -> float:
    """Seconds of ``10m``, written as durations are in roles."""
    from fleet.config.roles.scalars import duration  # noqa: PLC0415

    try:
        return duration(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text}: {error}") from error


def moment(flag: str, text: str) -> float | datetime:
    """Seconds back, of ``10m``, or a time: without a zone in that of this machine."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return span(flag, text)


def by_sudo(given: Given, use: Callable[[Session], int]) -> Callable[[Session], int]:
    """``use``, with the password for sudo when one is wanted. Raises UsageError."""
    if not given["sudo"]:
        return use
    typed = getpass.getpass("sudo password: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not typed and not sys.stdin.isatty():
        raise UsageError("--sudo: no password on standard input", hint="an empty line, where sudo wants none")

    def work(session: Session) -> int:
        session.work_by_sudo(typed.rstrip("\n"))
        return use(session)

    return work


def with_session(options: Options, use: Callable[[Session], int]) -> int:
    from fleet.app.session import Session  # noqa: PLC0415
    from fleet.secret import Keyring  # noqa: PLC0415

    keyring = Keyring()
    report = report_for(options)
    try:
        return use(Session.open(options, report, keyring))
    except FleetError as error:
        # The message leaves through here only, so that no secret can leave with it.
        report.close()
        report.error(keyring.redact(str(error)))
        return int(error.code)
    finally:
        report.close()


def report_for(options: Options) -> Report:
    """A live view on a terminal, plain lines elsewhere, JSON lines on demand."""
    from rich.console import Console  # noqa: PLC0415

    from fleet.report.jsonl import JsonReport  # noqa: PLC0415
    from fleet.report.live import LiveReport  # noqa: PLC0415
    from fleet.report.text import TextReport  # noqa: PLC0415

    if options.json:
        return JsonReport()
    out, err = Console(highlight=False, markup=False), Console(stderr=True, highlight=False, markup=False)
    return LiveReport(out, err) if out.is_terminal else TextReport(out, err)


def confirming(options: Options) -> Callable[[str], bool]:
    def ask(question: str) -> bool:
        if options.json or not sys.stdin.isatty():
            raise UsageError("this changes hosts and nobody can be asked here", hint="say --yes")
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}

    return ask
