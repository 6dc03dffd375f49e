"""Tasks that lead requests by hand."""

from __future__ import annotations

from invoke.context import Context

from fleet.errors import UsageError
from fleet.tasks.common import confirming, operator_task, read_options, with_session


@operator_task("env", "yes", "json", "wait", "ledger", "allow_downtime",
               host="the host, or several in the pattern language of --limit",
               for_="what for: inv status shows it to others")  # fmt: skip
def drain(
    ctx: Context,
    host: str,
    env: str = "",
    for_: str = "",
    yes: bool = False,
    json: bool = False,
    wait: str = "",
    ledger: str = "",
    allow_downtime: bool = False,
) -> int | None:
    """Take hosts out of traffic until `inv ready HOST`; deploys update them and leave them out."""
    from fleet.app.by_hand import drain as run  # noqa: PLC0415

    options = read_options(
        ctx, env, limit=host, yes=yes, json=json, wait=wait, ledger=ledger, allow_downtime=allow_downtime
    )
    return with_session(options, lambda session: run(session, confirming(options), for_ or "by hand"))


@operator_task("env", "yes", "json", "wait", "ledger",
               host="the host, or several in the pattern language of --limit")  # fmt: skip
def ready(
    ctx: Context,
    host: str,
    env: str = "",
    yes: bool = False,
    json: bool = False,
    wait: str = "",
    ledger: str = "",
) -> int | None:
    """Give hosts that were drained their requests again."""
    from fleet.app.by_hand import ready as run  # noqa: PLC0415

    options = read_options(ctx, env, limit=host, yes=yes, json=json, wait=wait, ledger=ledger)
    return with_session(options, lambda session: run(session, confirming(options)))


@operator_task("env", "yes", "json", "wait", "ledger", switch="on or off",
               backend="which, when there are several")  # fmt: skip
def maintenance(
    ctx: Context,
    switch: str,
    env: str = "",
    backend: str = "",
    yes: bool = False,
    json: bool = False,
    wait: str = "",
    ledger: str = "",
) -> int | None:
    """Answer the requests of a backend by a page, or serve them again."""
    from fleet.app.by_hand import maintenance as run  # noqa: PLC0415

    if switch not in {"on", "off"}:
        raise UsageError(f"maintenance is on or off, not {switch!r}")
    options = read_options(ctx, env, yes=yes, json=json, wait=wait, ledger=ledger)
    return with_session(
        options, lambda session: run(session, confirming(options), backend, on=switch == "on")
    )
