"""Tasks that bring the hosts to a release, and the plan of it."""

from __future__ import annotations

from pathlib import Path

from fleet.errors import UsageError
from fleet.tasks.common import DIGITS, ROLLING, VOLUMES, Given, confirming, operator_task, with_session


@operator_task(*ROLLING, *VOLUMES, "limit", "roles", "version", "remove_orphans", "on_failure",
               plan="carry out this saved plan, or refuse when the fleet has drifted",
               resume="go on with the last release where its run stopped",
               retry_failed="go on with the last release on the hosts that failed",
               weight="percent of the requests for a new version on trial (blue-green; else 50)",
               promote="auto: promote what goes on trial when its watch has found it good",
               tag="tag the git commit with the release when it is good")  # fmt: skip
def deploy(
    given: Given,
    plan: str = "",
    resume: bool = False,
    retry_failed: bool = False,
    weight: str = "",
    promote: str = "",
    tag: bool = False,
) -> int | None:
    """Bring every host to what its roles describe: rolling, gated, and nothing that was not shown."""
    from fleet.app.deploy import deploy as run  # noqa: PLC0415
    from fleet.app.deploy import load_plan  # noqa: PLC0415
    from fleet.app.resume import resume as go_on  # noqa: PLC0415

    limited = bool(given["limit"] or given["roles"] or given["remove_orphans"])
    again = resume or retry_failed
    if again and (limited or given["version"] or plan):
        raise UsageError("a release that goes on has its own version, hosts and roles", hint="leave them out")
    saved = load_plan(Path(plan)) if plan else None
    told = any(given[name] for name in VOLUMES)
    if saved and (limited or told or given["version"] not in {"", saved.desired.version}):
        raise UsageError(
            "a saved plan holds its own hosts, roles, version, orphans and volumes", hint="leave them out"
        )
    of_plan = (
        {
            "env": given["env"] or saved.desired.env,
            "version": saved.desired.version,
            "limit": ",".join(state.host for state in saved.desired.hosts),
        }
        if saved
        else {}
    )
    options = given.options(
        needs_version=not again, tag=tag, weight=share(weight), auto_promote=automatic(promote), **of_plan
    )
    if saved and options.env != saved.desired.env:
        raise UsageError(f"the plan is for {saved.desired.env}, not for {options.env}")
    if again:
        return with_session(
            options, lambda session: go_on(session, confirming(options), only_failed=retry_failed)
        )
    return with_session(options, lambda session: run(session, confirming(options), saved))


def share(text: str) -> int:
    """``50`` or ``50%``: both versions get a part."""
    number = text.removesuffix("%")
    if text and not (number.isdecimal() and len(number) <= DIGITS and 1 <= int(number) <= 99):
        raise UsageError(f"--weight {text}: percent of the requests, from 1 to 99")
    return int(number) if text else 0


def automatic(text: str) -> bool:
    if text not in {"", "auto"}:
        raise UsageError(f"--promote {text}: only auto is known", hint="by hand it is: inv promote")
    return text == "auto"


@operator_task("env", "limit", "roles", "version", "diff", "json", "parallel", "remove_orphans", "ledger",
               "allow_downtime", *VOLUMES, weight="percent of the requests for a new version on trial",
               out="keep the plan in this file, for: inv deploy --plan FILE")  # fmt: skip
def plan(given: Given, weight: str = "", out: str = "") -> int | None:
    """Show what a deploy would do. Exit 0: nothing; 2: something."""
    from fleet.app.deploy import plan as run  # noqa: PLC0415

    options = given.options(needs_version=True, weight=share(weight))
    return with_session(options, lambda session: run(session, Path(out) if out else None))


@operator_task(*ROLLING, *VOLUMES, "limit", "on_failure",
               to="a version, or the number of a release (else the last good one before this)")  # fmt: skip
def rollback(given: Given, to: str = "") -> int | None:
    """Bring a release back as it was recorded: images, environment, configuration."""
    from fleet.app.rollback import rollback as run  # noqa: PLC0415

    options = given.options()
    return with_session(options, lambda session: run(session, confirming(options), to))


@operator_task(*ROLLING, *VOLUMES, "limit", "on_failure")
def converge(given: Given) -> int | None:
    """Bring hosts that were left behind, or have drifted, to the current release as it was recorded."""
    from fleet.app.resume import converge as run  # noqa: PLC0415

    options = given.options()
    return with_session(options, lambda session: run(session, confirming(options)))


@operator_task(*ROLLING, "on_failure")
def promote(given: Given) -> int | None:
    """Give what is on trial its next share of the requests, or the whole; then the old version goes."""
    from fleet.app.trial import promote as run  # noqa: PLC0415

    options = given.options()
    return with_session(options, lambda session: run(session, confirming(options)))


@operator_task(*ROLLING)
def abort(given: Given) -> int | None:
    """Take back what is on trial: the old version gets all requests, the new one goes."""
    from fleet.app.trial import abort as run  # noqa: PLC0415

    options = given.options()
    return with_session(options, lambda session: run(session, confirming(options)))
