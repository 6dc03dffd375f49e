"""Tasks that change what the hosts run, and the plan of it."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from fleet.errors import UsageError
from fleet.tasks.common import confirming, operator_task, read_options, with_session


@operator_task("env", "limit", "roles", "version", "check", "diff", "yes", "json", "parallel",
               "remove_orphans", "show_commands",
               plan="carry out this saved plan, or refuse when the fleet has drifted")  # fmt: skip
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
    options = read_options(
        ctx, env, needs_version=True, limit=limit, roles=roles, version=version, check=check, diff=diff,
        yes=yes, json=json, parallel=parallel, remove_orphans=remove_orphans, show_commands=show_commands,
    )  # fmt: skip
    if saved and options.env != saved.desired.env:
        raise UsageError(f"the plan is for {saved.desired.env}, not for {options.env}")
    return with_session(options, lambda session: run(session, confirming(options), saved))


@operator_task("env", "limit", "roles", "version", "diff", "json", "parallel", "remove_orphans",
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

    options = read_options(
        ctx, env, needs_version=True, limit=limit, roles=roles, version=version, diff=diff, json=json,
        parallel=parallel, remove_orphans=remove_orphans,
    )  # fmt: skip
    return with_session(options, lambda session: run(session, Path(out) if out else None))
