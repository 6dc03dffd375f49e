"""The task for the address that balancers share."""

from __future__ import annotations

from invoke.context import Context

from fleet.tasks.common import confirming, operator_task, read_options, with_session


@operator_task("env", "yes", "json", "wait", "ledger",
               move="the host that shall have the address (else who has it is shown)")  # fmt: skip
def vip(
    ctx: Context,
    env: str = "",
    move: str = "",
    yes: bool = False,
    json: bool = False,
    wait: str = "",
    ledger: str = "",
) -> int | None:
    """Show which host has the virtual address, or move it: no request is lost."""
    from fleet.app.vip import vip as run  # noqa: PLC0415

    options = read_options(ctx, env, yes=yes, json=json, wait=wait, ledger=ledger)
    return with_session(options, lambda session: run(session, confirming(options), move))
