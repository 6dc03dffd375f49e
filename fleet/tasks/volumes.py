"""The task for named volumes."""

from __future__ import annotations

from collections.abc import Callable

from fleet.errors import Exit, UsageError
from fleet.suggest import suggest
from fleet.tasks.common import CHANGING, Given, confirming, operator_task, with_session

USES = {
    "move": "inv volumes move NAME --to HOST",
    "confirm": "inv volumes confirm NAME",
    "snapshot": "inv volumes snapshot NAME [--to HOST]",
    "list": "inv volumes list [NAME]",
    "restore": "inv volumes restore NAME --snapshot ID",
    "export": "inv volumes export NAME FILE [--snapshot ID]",
    "import": "inv volumes import NAME FILE",
}
ARCHIVES = ("export", "import")


@operator_task(*CHANGING, "limit", "parallel", "max_downtime", "copy_rate",
               action="move, confirm, snapshot, list, restore, export, import; without one: which there are",
               name="the volume, as its role calls it, or in full",
               to="move: the host that it goes to, with its role; snapshot: the one that keeps it",
               snapshot="restore, export: which one, as inv volumes list tells them",
               file="export, import: a file of this machine, or restic:REPOSITORY",
               sizes="also how large they are: each engine has to count")  # fmt: skip
def volumes(
    given: Given,
    action: str | None = None,
    name: str | None = None,
    file: str | None = None,
    to: str = "",
    snapshot: str = "",
    sizes: bool = False,
) -> int | None:
    """Which volume lives on which host, and what is not as it should be; move one, keep it, bring it back."""
    from fleet.app import archives, snapshots  # noqa: PLC0415
    from fleet.app import volumes as app  # noqa: PLC0415
    from fleet.app.session import Session  # noqa: PLC0415

    if action and action not in USES:
        what = f"volumes has no action {action}{suggest(action, USES)}"
        raise UsageError(what, hint=f"one of {', '.join(USES)}; without one it shows which there are")
    wrong = (
        bool(to) != (action == "move") and action != "snapshot",
        bool(file) != (action in ARCHIVES),
        bool(snapshot) != (action == "restore") and action != "export",
    )
    if action and (any(wrong) or not (name or action == "list")):
        raise UsageError(f"it is: {USES[action]}")
    options = given.options()
    asks = confirming(options)
    run: dict[str | None, Callable[[Session], Exit]] = {
        None: lambda session: app.volumes(session, sizes=sizes),
        "move": lambda session: app.move(session, asks, name or "", to),
        "confirm": lambda session: app.confirm_move(session, asks, name or ""),
        "snapshot": lambda session: snapshots.snapshot(session, name or "", to),
        "list": lambda session: snapshots.listed(session, name or ""),
        "restore": lambda session: snapshots.restore(session, asks, name or "", snapshot),
        "export": lambda session: archives.export(session, asks, name or "", file or "", snapshot),
        "import": lambda session: archives.import_(session, name or "", file or ""),
    }
    return with_session(options, run[action])
