"""The task for the address that balancers share."""

from __future__ import annotations

from fleet.tasks.common import CHANGING, Given, confirming, operator_task, with_session


@operator_task(*CHANGING, move="the host that shall have the address (else who has it is shown)")  # fmt: skip
def vip(given: Given, move: str = "") -> int | None:
    """Show which host has the virtual address, or move it: no request is lost."""
    from fleet.app.vip import vip as run  # noqa: PLC0415

    options = given.options()
    return with_session(options, lambda session: run(session, confirming(options), move))
