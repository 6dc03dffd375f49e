"""Tasks that work on hosts directly."""

from __future__ import annotations

import shlex
import sys

from fleet.errors import UsageError
from fleet.tasks.common import Given, operator_task, whole, with_session


@operator_task("env", "limit", "json", "parallel", command="a line of shell; or words after --",
       timeout="seconds until the command is ended on its host (default 600)")  # fmt: skip
def exec(given: Given, command: str | None = None, timeout: str = "600") -> int | None:
    """Run a command on the hosts: inv exec "df -h /" --limit web, or inv exec -- df -h /."""
    from fleet.app.execute import execute  # noqa: PLC0415

    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    if bool(command) == bool(words):
        raise UsageError("one command, please", hint='inv exec "df -h /", or inv exec -- df -h /')
    seconds = whole("--timeout", timeout, "seconds")
    options = given.options()
    line = command or shlex.join(words)
    return with_session(options, lambda session: execute(session, line, seconds))
