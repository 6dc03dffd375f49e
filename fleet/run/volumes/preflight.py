"""What must be so before a volume is copied, and before it is moved. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.errors import Drift, RemoteFailed
from fleet.model.volumes import Mark, Relocation, State
from fleet.ops.volume_look import Look, look, read
from fleet.run.volumes.attended import Attended
from fleet.run.volumes.side import Side

ROOM = 1.05
"""Of what the source holds: another file system keeps the same files in other blocks."""


def seen(side: Attended) -> Look:
    """Raises RemoteFailed."""
    what = f"look at volume {side.helper.volume}"
    text = side.script(look(side.helper), what)
    try:
        return read(text, side.helper)
    except ValueError as error:
        raise RemoteFailed(f"{what}: its mark is damaged", why=str(error), host=side.host) from error


def source_is_as_planned(side: Side, found: Look) -> None:
    """Raises Drift, RemoteFailed."""
    move = side.move
    if found.mark != move.mark or (found.driver and found.own is None):
        raise Drift(
            f"volume {side.volume} is not as planned any more",
            why=f"planned: {told(move.mark)}\nfound: {told(found.own if found.driver else found.mark)}",
            hint="make a new plan",
            host=side.host,
        )
    _is_itself(side, found)
    if found.driver != "local":
        raise RemoteFailed(
            f"volume {side.volume} cannot be copied",
            why=f"its driver is {found.driver}" if found.driver else "there is no such volume",
            hint="only volumes of Docker's local driver lie on one host",
            host=side.host,
        )
    _has_image(side, found)


def target_may_take(side: Side, found: Look) -> None:
    """Nothing that is there is overwritten, but for what is known to be of the same data and older.

    Raises Drift, RemoteFailed.
    """
    move, mark = side.move, found.own
    ours = mark is not None and mark.lineage == move.mark.lineage and mark.generation <= move.mark.generation
    older = mark is not None and mark.generation < move.mark.generation
    if mark is not None and (not ours or (mark.state is State.LIVE and not older)):
        raise Drift(
            f"volume {side.volume} is there already, and is not a copy of the one on {move.source}",
            why=f"found: {told(mark)}",
            hint="make a new plan; what it should be is yours to say (--volume-from)",
            host=side.host,
        )
    _is_itself(side, found)
    if found.driver not in {"", "local"}:
        why = f"a volume of this name is there, and its driver is {found.driver}"
        raise RemoteFailed(f"volume {side.volume} cannot be copied", why=why, host=side.host)
    _nobody(side, found.users)
    _has_image(side, found)


def target_is_incoming(side: Side, found: Look) -> None:
    """Raises Drift, RemoteFailed."""
    move, mark = side.move, found.own
    if mark is None or mark.state is not State.INCOMING or mark.lineage != move.mark.lineage:
        raise Drift(
            f"volume {side.volume} is not the copy that was made",
            why=f"found: {told(mark)}",
            hint="make a new plan",
            host=side.host,
        )
    _nobody(side, found.users)


def only_writers(side: Side, found: Look) -> None:
    """Raises RemoteFailed."""
    planned = {one.id for one in side.move.writers}
    _nobody(side, tuple((one, name) for one, name in found.users if one not in planned))


def room(volume: str, host: str, source: Mapping[str, Any], target: Mapping[str, Any]) -> None:
    """Raises RemoteFailed. What a copy that was cut off has brought counts. ``host``: the target's."""
    needed = int(source["bytes"] * ROOM) - target["bytes"]
    if needed > target["free"]:
        raise RemoteFailed(
            f"there is no room for volume {volume}",
            why=f"it needs {size(needed)} more, and {size(target['free'])} are free",
            hint="make room on the host (df -h), or clear away what docker system df tells",
            host=host,
        )
    files = source["entries"] - target["entries"]
    # Some file systems count none: they make them as they need them.
    if target["free_inodes"] and files > target["free_inodes"]:
        raise RemoteFailed(
            f"there is no room for the files of volume {volume}",
            why=f"it has {files} more, and {target['free_inodes']} inodes are free",
            hint="remove files on the host (df -i)",
            host=host,
        )


def whence(move: Relocation) -> str:
    """Where the data comes from, in words."""
    return move.origin if move.source == move.target else move.source


def told(mark: Mark | None) -> str:
    if mark is None:
        return "no mark"
    there = f"{mark.called} on {mark.peer}" if mark.called else mark.peer
    peer = f", {'to' if mark.state is State.FENCED else 'from'} {there}" if there else ""
    return f"{mark.state}, generation {mark.generation} of {mark.lineage[:8]}{peer}"


def size(count: float) -> str:
    """``12.3 GB``"""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _is_itself(side: Side, found: Look) -> None:
    """Who mounts it by its other path would not be known to use it."""
    if found.real:
        raise RemoteFailed(
            f"{side.volume} is reached over a symbolic link",
            why=f"the directory is {found.real}",
            hint="name that in the role",
            host=side.host,
        )


def _has_image(side: Side, found: Look) -> None:
    if not found.image:
        raise RemoteFailed(
            f"the helper image {side.move.image} is not on the host",
            hint="make a new plan: it pulls the image first",
            host=side.host,
        )


def _nobody(side: Side, users: tuple[tuple[str, str], ...]) -> None:
    if users:
        names = ", ".join(name for _, name in users)
        raise RemoteFailed(
            f"volume {side.volume} is used by {names}",
            why="what runs there would write to data that is being moved",
            hint=f"stop it (docker stop {names}), then run again",
            host=side.host,
        )
