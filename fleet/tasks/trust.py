"""The task for the host keys of an environment."""

from __future__ import annotations

import sys

from fleet.errors import UsageError
from fleet.tasks.common import Given, operator_task, with_session


@operator_task("env", "limit", "yes", "json", "parallel",
               replace="also keys that have changed; compare them first")  # fmt: skip
def trust(given: Given, replace: bool = False) -> int | None:
    """Collect the hosts' keys into the environment's known_hosts; their fingerprints are shown first."""
    from fleet.app.trust_hosts import trust as run  # noqa: PLC0415

    options = given.options()

    def ask(question: str) -> bool:
        if options.yes:
            return True
        if options.json or not sys.stdin.isatty():
            what = "keys are to be compared, and nobody can be asked here"
            raise UsageError(what, hint="--yes takes them as they are shown")
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}

    return with_session(options, lambda session: run(session, ask, replace=replace))
