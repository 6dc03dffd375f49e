"""The task for named volumes."""

from __future__ import annotations

from fleet.errors import UsageError
from fleet.tasks.common import CHANGING, Given, confirming, operator_task, with_session


@operator_task(*CHANGING, "limit", "parallel", "max_downtime", "copy_rate",
               sizes="also how large they are: each engine has to count",
               confirm="a volume that was moved: remove what was kept where it came from",
               move="move this volume, with its role, to the host --to",
               to="the host that a volume is moved to")  # fmt: skip
def volumes(given: Given, sizes: bool = False, confirm: str = "", move: str = "", to: str = "") -> int | None:
    """Which volume lives on which host, since which move, and what is not as it should be."""
    from fleet.app import volumes as app  # noqa: PLC0415

    if bool(move) != bool(to) or (move and confirm):
        raise UsageError("to move a volume: --move NAME --to HOST; to end a move: --confirm NAME")
    options = given.options()
    if move:
        return with_session(options, lambda session: app.move(session, confirming(options), move, to))
    if confirm:
        return with_session(options, lambda session: app.confirm_move(session, confirming(options), confirm))
    return with_session(options, lambda session: app.volumes(session, sizes=sizes))
