"""The tasks: ``from fleet.tasks import ns`` in a project's ``tasks.py`` gives it all of them.

Here argv becomes Options and errors become exit codes; whatever else there is to decide is in
``fleet.app``. Imports are inside the tasks: ``inv --list`` and a typo must not cost the time that
loading SSH and Docker libraries takes.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit as InvokeExit
from invoke.tasks import task

from fleet.errors import Exit, FleetError, UsageError

if TYPE_CHECKING:
    from fleet.app.options import Options
    from fleet.app.session import Report, Session

HELP = {
    "env": "environment: a directory of inventories/ (else FLEET_ENV, else fleet.env in invoke.yaml)",
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
}

WHAT_NEXT = """
The shop is at http://{address}/ — try next:
  .venv/bin/inv status --env rehearsal
  .venv/bin/inv deploy --env rehearsal --version v42     rolling, batch by batch
  .venv/bin/inv deploy --env rehearsal --version v44     never gets healthy: see it go back
  .venv/bin/inv exec "docker ps" --env rehearsal --limit web
  .venv/bin/inv rehearse --down                          ends it; nothing is left running"""


def _task(*names: str, **help_texts: str) -> Callable[[Callable[..., int | None]], Any]:
    """A task whose flags are described, whose typos are errors, and which never ends in a traceback."""

    def wrap(body: Callable[..., int | None]) -> Any:
        texts = {name.replace("_", "-"): HELP[name] for name in names} | help_texts
        # invoke demands a positional argument as soon as there is one; after "--" it is not wanted.
        positional = ["command"] if "command" in help_texts and "--" not in sys.argv else []
        return task(help=texts, positional=positional, auto_shortflags=False)(_guarded(body))

    return wrap


def _guarded(body: Callable[..., int | None]) -> Callable[..., None]:
    import functools  # noqa: PLC0415

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


def _options(ctx: Context, env: str, *, needs_version: bool = False, **given: Any) -> Options:
    from fleet.app import options  # noqa: PLC0415

    root = options.find_root(Path.cwd())
    configured = str(ctx.config.get("fleet", {}).get("env", ""))
    parallel = given.pop("parallel", "")
    roles = tuple(name.strip() for name in given.pop("roles", "").split(",") if name.strip())
    version = given.pop("version", "")
    return options.Options(
        root=root,
        env=options.choose_env(root, env, os.environ, configured),
        version=options.choose_version(root, version) if needs_version else version or "unknown",
        roles=roles,
        parallel=_whole("--parallel", parallel, "how many hosts at once") if parallel else 0,
        **given,
    )


def _whole(flag: str, text: str, what: str) -> int:
    """invoke's own conversion of a flag ends in a traceback."""
    if not text.isdecimal() or not int(text):
        raise UsageError(f"{flag} {text}: {what}, as a whole number from 1")
    return int(text)


def _with_session(options: Options, use: Callable[[Session], int]) -> int:
    from fleet.app.session import Session  # noqa: PLC0415
    from fleet.secret import Keyring  # noqa: PLC0415

    keyring = Keyring()
    report = _report(options)
    try:
        return use(Session.open(options, report, keyring))
    except FleetError as error:
        # The message leaves through here only, so that no secret can leave with it.
        report.close()
        report.error(keyring.redact(str(error)))
        return int(error.code)
    finally:
        report.close()


def _report(options: Options) -> Report:
    """A live view on a terminal, plain lines elsewhere, JSON lines on demand."""
    from rich.console import Console  # noqa: PLC0415

    from fleet.report.jsonl import JsonReport  # noqa: PLC0415
    from fleet.report.live import LiveReport  # noqa: PLC0415
    from fleet.report.text import TextReport  # noqa: PLC0415

    if options.json:
        return JsonReport()
    out, err = Console(highlight=False, markup=False), Console(stderr=True, highlight=False, markup=False)
    return LiveReport(out, err) if out.is_terminal else TextReport(out, err)


def _confirm(options: Options) -> Callable[[str], bool]:
    def ask(question: str) -> bool:
        if options.json or not sys.stdin.isatty():
            raise UsageError("this changes hosts and nobody can be asked here", hint="say --yes")
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}

    return ask


@_task("env", "limit", "roles", "version", "check", "diff", "yes", "json", "parallel", "remove_orphans",
       "show_commands", plan="carry out this saved plan, or refuse when the fleet has drifted")  # fmt: skip
def deploy(
    ctx: Context,
    env: str = "",
    limit: str = "",
    roles: str = "",
    version: str = "",
    check: bool = False,
    diff: bool = False,
    yes: bool = False,
    json: bool = False,
    parallel: str = "",
    remove_orphans: bool = False,
    show_commands: bool = False,
    plan: str = "",
) -> int | None:
    """Bring every host to what its roles describe: rolling, gated, and nothing that was not shown."""
    from fleet.app.deploy import deploy as run  # noqa: PLC0415
    from fleet.app.deploy import load_plan  # noqa: PLC0415

    saved = load_plan(Path(plan)) if plan else None
    if saved and (limit or roles or remove_orphans or (version and version != saved.desired.version)):
        raise UsageError(
            "a saved plan holds its own hosts, roles, version and orphans", hint="leave them out"
        )
    if saved:
        env, version = env or saved.desired.env, saved.desired.version
        limit = ",".join(state.host for state in saved.desired.hosts)
    options = _options(
        ctx, env, needs_version=True, limit=limit, roles=roles, version=version, check=check, diff=diff,
        yes=yes, json=json, parallel=parallel, remove_orphans=remove_orphans, show_commands=show_commands,
    )  # fmt: skip
    if saved and options.env != saved.desired.env:
        raise UsageError(f"the plan is for {saved.desired.env}, not for {options.env}")
    return _with_session(options, lambda session: run(session, _confirm(options), saved))


@_task("env", "limit", "roles", "version", "diff", "json", "parallel", "remove_orphans",
       out="keep the plan in this file, for: inv deploy --plan FILE")  # fmt: skip
def plan(
    ctx: Context,
    env: str = "",
    limit: str = "",
    roles: str = "",
    version: str = "",
    diff: bool = False,
    json: bool = False,
    parallel: str = "",
    remove_orphans: bool = False,
    out: str = "",
) -> int | None:
    """Show what a deploy would do. Exit 0: nothing; 2: something."""
    from fleet.app.deploy import plan as run  # noqa: PLC0415

    options = _options(
        ctx, env, needs_version=True, limit=limit, roles=roles, version=version, diff=diff, json=json,
        parallel=parallel, remove_orphans=remove_orphans,
    )  # fmt: skip
    return _with_session(options, lambda session: run(session, Path(out) if out else None))


@_task("env", "limit", "roles", "json", "parallel")
def status(
    ctx: Context, env: str = "", limit: str = "", roles: str = "", json: bool = False, parallel: str = ""
) -> int | None:
    """Who runs which version: health, uptime, drift."""
    from fleet.app.status import status as run  # noqa: PLC0415

    options = _options(ctx, env, limit=limit, roles=roles, json=json, parallel=parallel)
    return _with_session(options, run)


@_task("env", "limit", "roles", "version")
def validate(ctx: Context, env: str = "", limit: str = "", roles: str = "", version: str = "") -> int | None:
    """Check inventory, roles and templates, without any network."""
    from fleet.app.validate import validate as run  # noqa: PLC0415

    options = _options(ctx, env, limit=limit, roles=roles, version=version)
    return _with_session(options, run)


@_task("env", "limit", list="the JSON that ansible-inventory --list prints",
       pattern="the hosts of a pattern, one a line, as ansible PATTERN --list-hosts names them")  # fmt: skip
def inventory(
    ctx: Context, env: str = "", limit: str = "", list: bool = False, pattern: str = ""
) -> int | None:
    """The inventory as Fleet reads it."""
    import json as codec  # noqa: PLC0415

    from fleet.config.inventory import limit as limited  # noqa: PLC0415
    from fleet.config.inventory import load_inventory, select, to_list_json  # noqa: PLC0415

    options = _options(ctx, env, limit=limit)
    loaded = load_inventory(options.root, options.env)
    for warning in loaded.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if list:
        print(codec.dumps(to_list_json(loaded), indent=4, sort_keys=True))
    else:
        chosen = {host.name for host in limited(loaded, limit or None)}
        for host in select(loaded, pattern or "all"):
            if host.name in chosen:
                print(host.name)
    return None


@_task("env", "limit", "json", "parallel", command="a line of shell; or words after --",
       timeout="seconds until the command is ended on its host (default 600)")  # fmt: skip
def exec(
    ctx: Context,
    command: str | None = None,
    env: str = "",
    limit: str = "",
    json: bool = False,
    parallel: str = "",
    timeout: str = "600",
) -> int | None:
    """Run a command on the hosts: inv exec "df -h /" --limit web, or inv exec -- df -h /."""
    from fleet.app.execute import execute  # noqa: PLC0415

    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    if bool(command) == bool(words):
        raise UsageError("one command, please", hint='inv exec "df -h /", or inv exec -- df -h /')
    seconds = _whole("--timeout", timeout, "seconds")
    options = _options(ctx, env, limit=limit, json=json, parallel=parallel)
    line = command or shlex.join(words)
    return _with_session(options, lambda session: execute(session, line, seconds))


@_task(
    version="the version of the shop to deploy",
    down="end the rehearsal: hosts, network and volumes",
    purge="with --down: its images, too",
)
def rehearse(ctx: Context, version: str = "v41", down: bool = False, purge: bool = False) -> int | None:
    """Boot a fleet of real hosts on this machine and deploy the sample shop onto it."""
    from fleet.app.options import find_root  # noqa: PLC0415
    from fleet.rehearsal import Rehearsal  # noqa: PLC0415

    rehearsal = Rehearsal(find_root(Path.cwd()), print)
    if down:
        rehearsal.down(purge=purge)
        return None
    rehearsal.up()
    options = _options(ctx, "rehearsal", needs_version=True, version=version, yes=True)
    from fleet.app.deploy import deploy as run  # noqa: PLC0415

    code = _with_session(options, lambda session: run(session, _confirm(options)))
    if not code:
        print(WHAT_NEXT.format(address=rehearsal.address))
    return code


ns = Collection(deploy, plan, status, validate, inventory, exec, rehearse)
