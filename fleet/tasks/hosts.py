"""Tasks that work on hosts directly."""

from __future__ import annotations

import re
import shlex
import sys

from fleet.errors import UsageError
from fleet.tasks.common import Given, by_sudo, moment, operator_task, whole, with_session

LIMIT = "seconds until it is ended on the host (default 600)"


@operator_task(
    "env", "limit", "json", "parallel", "sudo",
    command="a line of shell; or words after --",
    timeout=LIMIT,
    group="equal outputs once, and how the others differ from them",
    serial="hosts at once; when one of them fails, no other begins",
    script="a script of this machine instead of a command; its arguments after --",
    in_="in the container of this service: web.app, or app; of its replicas web.app is all, web.app-2 one",
    t="on your terminal, on one host; without a command a shell",
    retry_failed="only on the hosts where the last one failed",
)  # fmt: skip
def exec(
    given: Given, command: str | None = None, timeout: str = "600", group: bool = False, serial: str = "",
    script: str = "", in_: str = "", t: bool = False, retry_failed: bool = False,
) -> int | None:  # fmt: skip
    """Run a command on the hosts: inv exec "df -h /" --limit web, or inv exec -- df -h /."""
    from fleet.app.execute import execute  # noqa: PLC0415
    from fleet.app.orders import Asked, order  # noqa: PLC0415
    from fleet.app.terminal import terminal  # noqa: PLC0415

    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    line = command or shlex.join([] if script else words)
    _one_thing(command, words, script, in_, terminal=t)
    seconds = whole("--timeout", timeout, "seconds")
    at_once = whole("--serial", serial, "hosts at once") if serial else 0
    options = given.options()
    if t:
        return with_session(options, lambda session: terminal(session, line, service=in_, sudo=given["sudo"]))
    asked = Asked(line, script, tuple(words if script else ()), in_, retry_failed)
    return with_session(options, by_sudo(given, lambda session: execute(
        session, order(session, asked, seconds, group=group, serial=at_once)
    )))  # fmt: skip


def _one_thing(command: str | None, words: list[str], script: str, service: str, *, terminal: bool) -> None:
    """Raises UsageError."""
    if script and (command or service or terminal):
        raise UsageError("--script is run on hosts, by itself", hint="its arguments stand after --")
    if command and command.startswith("-"):
        # A flag that is not known here is taken for the command, and -h would be run on every host.
        raise UsageError(f"{command} is no command", hint="inv --help exec tells the flags of this one")
    given = bool(command) + bool(words)
    if given > 1 or (not given and not script and not terminal):
        raise UsageError("one command, please", hint='inv exec "df -h /", or inv exec -- df -h /')
    if terminal and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("-t: this is no terminal", hint="without -t it works anywhere")


@operator_task("env", host="the host")
def ssh(given: Given, host: str) -> int | None:
    """A shell on a host, as its login user."""
    from fleet.app.terminal import terminal  # noqa: PLC0415

    _one_thing("", [], "", "", terminal=True)
    options = given.options(limit=host)
    return with_session(options, lambda session: terminal(session, become=False))


@operator_task(
    "env", "limit", "json",
    service="web.app, app, or all services of the role web; else of every role",
    follow="go on until ^C, also when containers are replaced",
    since="from when on: 10m, or 2026-01-31T10:00",
    grep="only lines in which this regular expression is found",
    lines="of each container, before --grep (default 100, or 10 with --follow; with --since all)",
)  # fmt: skip
def logs(
    given: Given,
    service: str | None = None,
    follow: bool = False,
    since: str = "",
    grep: str = "",
    lines: str = "",
) -> int | None:
    """The logs of a service on all its hosts, in the order of time."""
    from fleet.app.logs import Wanted  # noqa: PLC0415
    from fleet.app.logs import logs as read  # noqa: PLC0415

    most = whole("--lines", lines, "how many lines of each container") if lines else 0
    wanted = Wanted(service or "", follow, moment("--since", since) if since else None, most, grep)
    return with_session(given.options(), lambda session: read(session, wanted))


@operator_task(
    "env", "limit", "json", "parallel", "sudo",
    source="a file of this machine",
    target="its path on the hosts, or a directory there",
    mode="its mode: 0640 (else as of the file that it replaces, else as here)",
    timeout=LIMIT,
)  # fmt: skip
def put(given: Given, source: str, target: str, mode: str = "", timeout: str = "600") -> int | None:
    """Copy a file to the hosts; each has the old one or the whole new one."""
    from fleet.app.files import put as copy  # noqa: PLC0415

    seconds = whole("--timeout", timeout, "seconds")
    if mode and not re.fullmatch("[0-7]{3,4}", mode):
        raise UsageError(f"--mode {mode}: three or four octal digits", hint="--mode 0640")
    options = given.options()
    return with_session(options, by_sudo(given, lambda session: copy(session, source, target, mode, seconds)))


@operator_task(
    "env", "limit", "json", "parallel", "sudo",
    source="a file of the hosts",
    target="a directory of this machine: the file comes to DIRECTORY/HOST/",
    timeout=LIMIT,
)  # fmt: skip
def get(given: Given, source: str, target: str, timeout: str = "600") -> int | None:
    """Copy a file of each host to here."""
    from fleet.app.files import get as copy  # noqa: PLC0415

    seconds = whole("--timeout", timeout, "seconds")
    options = given.options()
    return with_session(options, by_sudo(given, lambda session: copy(session, source, target, seconds)))
