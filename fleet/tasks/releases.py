"""Tasks about the releases of an environment: their history, the lease, and what they leave on the hosts."""

from __future__ import annotations

from fleet.errors import UsageError
from fleet.tasks.common import LOOKING, Given, confirming, operator_task, whole, with_session


@operator_task(*LOOKING, "yes",
               show="one release in full: a version, or its number",
               rebuild="make the ledger anew from the copies that the hosts keep")  # fmt: skip
def releases(given: Given, show: str = "", rebuild: bool = False) -> int | None:
    """What was deployed when, by whom, and what became of it."""
    from fleet.app import history  # noqa: PLC0415
    from fleet.app.rebuild import rebuild as mend  # noqa: PLC0415

    if show and rebuild:
        raise UsageError("--show or --rebuild, not both")
    options = given.options()
    if rebuild:
        return with_session(options, lambda session: mend(session, confirming(options)))
    if show:
        return with_session(options, lambda session: history.show(session, show))
    return with_session(options, history.table)


@operator_task(*LOOKING,
               old="a version, or the number of a release", new="another one")  # fmt: skip
def diff(given: Given, old: str, new: str) -> int | None:
    """What is different between two releases: inv diff v41 v42."""
    from fleet.app import history  # noqa: PLC0415

    options = given.options()
    return with_session(options, lambda session: history.diff(session, old, new))


@operator_task(*LOOKING, message="freeze the environment, and say why")
def lock(given: Given, message: str = "") -> int | None:
    """Who is changing the environment now (exit 73 if somebody is); with --message, freeze it."""
    from fleet.app import locks  # noqa: PLC0415

    options = given.options()
    if message:
        return with_session(options, lambda session: locks.lock(session, message))
    return with_session(options, locks.show)


@operator_task("env", "yes", "ledger")
def unlock(given: Given) -> int | None:
    """End a freeze, or take the lease from a run that cannot give it back."""
    from fleet.app import locks  # noqa: PLC0415

    options = given.options()
    return with_session(options, lambda session: locks.unlock(session, confirming(options)))


@operator_task("env", "limit", "check", "yes", "json", "parallel", "wait", "ledger",
               keep="how many good releases to keep (default 5)")  # fmt: skip
def prune(given: Given, keep: str = "5") -> int | None:
    """Remove containers, images and configuration that no kept release needs."""
    from fleet.app.prune import prune as run  # noqa: PLC0415

    count = whole("--keep", keep, "how many releases to keep")
    options = given.options()
    return with_session(options, lambda session: run(session, confirming(options), count))
