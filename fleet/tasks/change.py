"""Tasks that bring the hosts to a release, and the plan of it."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from fleet.errors import UsageError
from fleet.tasks.common import confirming, operator_task, read_options, with_session


@operator_task("env", "limit", "roles", "version", "check", "diff", "yes", "json", "parallel",
               "remove_orphans", "show_commands", "on_failure", "unreachable", "wait", "ledger",
               "allow_downtime", "adopt", "allow_empty", "volume_from", "max_downtime", "copy_rate",
               plan="carry out this saved plan, or refuse when the fleet has drifted",
               resume="go on with the last release where its run stopped",
               retry_failed="go on with the last release on the hosts that failed",
               weight="percent of the requests for a new version on trial (blue-green; else 50)",
               promote="auto: promote what goes on trial when its watch has found it good",
               tag="tag the git commit with the release when it is good")  # fmt: skip
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
    on_failure: str = "",
    unreachable: str = "fail",
    wait: str = "",
    ledger: str = "",
    plan: str = "",
    resume: bool = False,
    retry_failed: bool = False,
    allow_downtime: bool = False,
    weight: str = "",
    promote: str = "",
    tag: bool = False,
    adopt: str = "",
    allow_empty: str = "",
    volume_from: str = "",
    max_downtime: str = "",
    copy_rate: str = "",
) -> int | None:
    """Bring every host to what its roles describe: rolling, gated, and nothing that was not shown."""
    from fleet.app.deploy import deploy as run  # noqa: PLC0415
    from fleet.app.deploy import load_plan  # noqa: PLC0415
    from fleet.app.resume import resume as go_on  # noqa: PLC0415

    given = bool(limit or roles or remove_orphans)
    again = resume or retry_failed
    if again and (given or version or plan):
        raise UsageError("a release that goes on has its own version, hosts and roles", hint="leave them out")
    saved = load_plan(Path(plan)) if plan else None
    told = adopt or allow_empty or volume_from or max_downtime or copy_rate
    if saved and (given or told or (version and version != saved.desired.version)):
        raise UsageError(
            "a saved plan holds its own hosts, roles, version, orphans and volumes", hint="leave them out"
        )
    if saved:
        env, version = env or saved.desired.env, saved.desired.version
        limit = ",".join(state.host for state in saved.desired.hosts)
    options = read_options(
        ctx, env, needs_version=not again, limit=limit, roles=roles, version=version, check=check, diff=diff,
        yes=yes, json=json, parallel=parallel, remove_orphans=remove_orphans, show_commands=show_commands,
        on_failure=on_failure, unreachable=unreachable, wait=wait, ledger=ledger, tag=tag,
        allow_downtime=allow_downtime, weight=share(weight), auto_promote=automatic(promote),
        adopt=adopt, allow_empty=allow_empty, volume_from=volume_from, max_downtime=max_downtime,
        copy_rate=copy_rate,
    )  # fmt: skip
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
    if text and not (number.isdecimal() and 1 <= int(number) <= 99):
        raise UsageError(f"--weight {text}: percent of the requests, from 1 to 99")
    return int(number) if text else 0


def automatic(text: str) -> bool:
    if text not in {"", "auto"}:
        raise UsageError(f"--promote {text}: only auto is known", hint="by hand it is: inv promote")
    return text == "auto"


@operator_task("env", "limit", "roles", "version", "diff", "json", "parallel", "remove_orphans", "ledger",
               "allow_downtime", "adopt", "allow_empty", "volume_from", "max_downtime", "copy_rate",
               weight="percent of the requests for a new version on trial",
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
    ledger: str = "",
    allow_downtime: bool = False,
    weight: str = "",
    out: str = "",
    adopt: str = "",
    allow_empty: str = "",
    volume_from: str = "",
    max_downtime: str = "",
    copy_rate: str = "",
) -> int | None:
    """Show what a deploy would do. Exit 0: nothing; 2: something."""
    from fleet.app.deploy import plan as run  # noqa: PLC0415

    options = read_options(
        ctx, env, needs_version=True, limit=limit, roles=roles, version=version, diff=diff, json=json,
        parallel=parallel, remove_orphans=remove_orphans, ledger=ledger, allow_downtime=allow_downtime,
        weight=share(weight),
        adopt=adopt, allow_empty=allow_empty, volume_from=volume_from, max_downtime=max_downtime,
        copy_rate=copy_rate,
    )  # fmt: skip
    return with_session(options, lambda session: run(session, Path(out) if out else None))


@operator_task("env", "limit", "check", "diff", "yes", "json", "parallel", "show_commands", "on_failure",
               "unreachable", "wait", "ledger", "allow_downtime",
               "adopt", "allow_empty", "volume_from", "max_downtime", "copy_rate",
               to="a version, or the number of a release (else the last good one before this)")  # fmt: skip
def rollback(
    ctx: Context,
    env: str = "",
    to: str = "",
    limit: str = "",
    check: bool = False,
    diff: bool = False,
    yes: bool = False,
    json: bool = False,
    parallel: str = "",
    show_commands: bool = False,
    on_failure: str = "",
    unreachable: str = "fail",
    wait: str = "",
    ledger: str = "",
    allow_downtime: bool = False,
    adopt: str = "",
    allow_empty: str = "",
    volume_from: str = "",
    max_downtime: str = "",
    copy_rate: str = "",
) -> int | None:
    """Bring a release back as it was recorded: images, environment, configuration."""
    from fleet.app.rollback import rollback as run  # noqa: PLC0415

    options = read_options(
        ctx, env, limit=limit, check=check, diff=diff, yes=yes, json=json, parallel=parallel,
        show_commands=show_commands, on_failure=on_failure, unreachable=unreachable, wait=wait, ledger=ledger,
        allow_downtime=allow_downtime,
        adopt=adopt, allow_empty=allow_empty, volume_from=volume_from, max_downtime=max_downtime,
        copy_rate=copy_rate,
    )  # fmt: skip
    return with_session(options, lambda session: run(session, confirming(options), to))


@operator_task("env", "limit", "check", "diff", "yes", "json", "parallel", "show_commands", "on_failure",
               "unreachable", "wait", "ledger", "allow_downtime",
               "adopt", "allow_empty", "volume_from", "max_downtime", "copy_rate")  # fmt: skip
def converge(
    ctx: Context,
    env: str = "",
    limit: str = "",
    check: bool = False,
    diff: bool = False,
    yes: bool = False,
    json: bool = False,
    parallel: str = "",
    show_commands: bool = False,
    on_failure: str = "",
    unreachable: str = "fail",
    wait: str = "",
    ledger: str = "",
    allow_downtime: bool = False,
    adopt: str = "",
    allow_empty: str = "",
    volume_from: str = "",
    max_downtime: str = "",
    copy_rate: str = "",
) -> int | None:
    """Bring hosts that were left behind, or have drifted, to the current release as it was recorded."""
    from fleet.app.resume import converge as run  # noqa: PLC0415

    options = read_options(
        ctx, env, limit=limit, check=check, diff=diff, yes=yes, json=json, parallel=parallel,
        show_commands=show_commands, on_failure=on_failure, unreachable=unreachable, wait=wait, ledger=ledger,
        allow_downtime=allow_downtime,
        adopt=adopt, allow_empty=allow_empty, volume_from=volume_from, max_downtime=max_downtime,
        copy_rate=copy_rate,
    )  # fmt: skip
    return with_session(options, lambda session: run(session, confirming(options)))


@operator_task("env", "check", "diff", "yes", "json", "parallel", "show_commands", "on_failure",
               "unreachable", "wait", "ledger", "allow_downtime")  # fmt: skip
def promote(
    ctx: Context,
    env: str = "",
    check: bool = False,
    diff: bool = False,
    yes: bool = False,
    json: bool = False,
    parallel: str = "",
    show_commands: bool = False,
    on_failure: str = "",
    unreachable: str = "fail",
    wait: str = "",
    ledger: str = "",
    allow_downtime: bool = False,
) -> int | None:
    """Give what is on trial its next share of the requests, or the whole; then the old version goes."""
    from fleet.app.trial import promote as run  # noqa: PLC0415

    options = read_options(
        ctx, env, check=check, diff=diff, yes=yes, json=json, parallel=parallel, show_commands=show_commands,
        on_failure=on_failure, unreachable=unreachable, wait=wait, ledger=ledger,
        allow_downtime=allow_downtime,
    )  # fmt: skip
    return with_session(options, lambda session: run(session, confirming(options)))


@operator_task("env", "check", "diff", "yes", "json", "parallel", "show_commands", "unreachable", "wait",
               "ledger", "allow_downtime")  # fmt: skip
def abort(
    ctx: Context,
    env: str = "",
    check: bool = False,
    diff: bool = False,
    yes: bool = False,
    json: bool = False,
    parallel: str = "",
    show_commands: bool = False,
    unreachable: str = "fail",
    wait: str = "",
    ledger: str = "",
    allow_downtime: bool = False,
) -> int | None:
    """Take back what is on trial: the old version gets all requests, the new one goes."""
    from fleet.app.trial import abort as run  # noqa: PLC0415

    options = read_options(
        ctx, env, check=check, diff=diff, yes=yes, json=json, parallel=parallel, show_commands=show_commands,
        unreachable=unreachable, wait=wait, ledger=ledger, allow_downtime=allow_downtime,
    )  # fmt: skip
    return with_session(options, lambda session: run(session, confirming(options)))
