"""Take a snapshot: copied while it is used, then once more while nobody writes, compared, and recorded.

Until its record is there it does not count, and whoever comes next removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from fleet.errors import Drift, FleetError, RemoteFailed
from fleet.model.snapshots import Kind, Snapshot, Taking
from fleet.model.volumes import Mark
from fleet.ops import snapshots as scripts
from fleet.ops.dumps import dump, dumped
from fleet.ops.effects import Shell
from fleet.ops.pause import Pause
from fleet.report import events as ev
from fleet.run.volumes.attended import COPY_SECONDS
from fleet.run.volumes.beside import Cloner, counted
from fleet.run.volumes.failing import failing
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.preflight import seen, size, told

TRIES = 2
GRACE = 120
"""Seconds beyond its own limit that the last pass gets to let the writers go on in."""


def take(taking: Taking, ground: Ground) -> Snapshot:
    """``ground``: the host of the volume, with a helper for its sake, not started yet. Raises Drift,
    RemoteFailed, Interrupted, Fenced, ConnectionLost; whatever is raised, the writers go on, and no snapshot
    is left that counts or takes room."""
    begun = begin(taking, ground)
    with failing(ground.emit, lambda: give_up(begun)):
        made, how = _dumped(begun) if taking.dump else _copied(begun)
        record(begun, made)
    begun.ground.remove()
    ground.emit(ev.Note(f"volume {taking.volume}: snapshot {made.id} of {how}"))
    return made


@dataclass(frozen=True, slots=True)
class Begun:
    """A snapshot that does not count yet. ``blank``: its record, but for what is found in it; ``ground``:
    with the helper that has both volumes."""

    taking: Taking
    ground: Ground
    blank: Snapshot

    @property
    def cloner(self) -> Cloner:
        return Cloner(self.ground, self.taking.volume)

    def of(self, found: Mapping[str, Any]) -> Snapshot:
        """The record, once the copy was found equal."""
        return replace(
            self.blank, entries=found["entries"], bytes=found["bytes"], digest=str(found["digest"])
        )


def begin(taking: Taking, ground: Ground) -> Begun:
    """As planned, nobody writes whom nobody knows, and the helper runs. What was cut off before is cleared
    away. Raises Drift, RemoteFailed."""
    pause = Pause(taking, ground.helper)
    ground.remove()
    ground.script(pause.over(), f"let the writers of volume {taking.volume} go on")
    _as_planned(taking, ground)
    if names := ground.script(pause.strangers(), f"look at volume {taking.volume}").split():
        raise RemoteFailed(
            f"volume {taking.volume} is used by {', '.join(names)}",
            why="what runs there writes to it while it is copied, and Fleet does not know it",
            hint=f"stop it (docker stop {' '.join(names)}), then run again",
            host=ground.host,
        )
    what = f"begin a snapshot of volume {taking.volume}"
    text = ground.script(scripts.begin(taking.place, taking.volume, taking.role), what)
    try:
        id_, at = scripts.begun(text)
    except ValueError as error:
        raise RemoteFailed(f"{what}: the host's answer makes no sense", why=text, host=ground.host) from error
    mark, kind = taking.mark, Kind.DUMP if taking.dump else Kind.COPY
    blank = Snapshot(
        id_, taking.volume, mark.lineage, mark.generation, taking.version, at, kind=kind, why=taking.why,
        upgrades=mark.upgrades, owner=taking.owner,
    )  # fmt: skip
    begun = Begun(taking, ground.between(taking.volume, blank.name), blank)
    with failing(ground.emit, lambda: give_up(begun)):
        begun.ground.start()
        if not taking.dump:
            begun.cloner.room()
    return begun


def record(begun: Begun, made: Snapshot) -> None:
    what = f"record snapshot {made.id} of volume {made.volume}"
    begun.ground.script(scripts.record(begun.taking.place, made), what)


def give_up(begun: Begun) -> None:
    """What went wrong before is told, and not this: the next one clears away what is left here."""
    begun.ground.remove()
    script = scripts.remove(begun.taking.place, begun.taking.volume, begun.blank.id)
    with suppress(FleetError):
        begun.ground.script(script, f"remove what was begun of snapshot {begun.blank.id}")


def _as_planned(taking: Taking, ground: Ground) -> None:
    found = seen(ground)
    planned = _essence(taking.mark)
    if found.mark is None or _essence(found.mark) != planned:
        raise Drift(
            f"volume {taking.volume} is not as planned any more",
            why=f"planned: {told(taking.mark)}\nfound: {told(found.mark)}",
            hint="make a new plan",
            host=ground.host,
        )
    if not found.image:
        raise RemoteFailed(
            f"the helper image {taking.image} is not on the host",
            hint="make a new plan: it pulls the image first",
            host=ground.host,
        )


def _essence(mark: Mark) -> Mark:
    """When it was written, and what was healthy since, does not matter."""
    return replace(mark, since=0, proven=False)


def _dumped(begun: Begun) -> tuple[Snapshot, str]:
    taking = begun.taking
    assert taking.dump  # noqa: S101 - asked before
    what = f"dump volume {taking.volume} in {taking.dump.service}"
    text = begun.ground.script(dump(begun.ground.helper, taking.dump), what, seconds=COPY_SECONDS)
    try:
        digest, count = dumped(text)
    except ValueError as error:
        raise RemoteFailed(f"{what}: the host's answer makes no sense", why=text) from error
    if not count:
        raise RemoteFailed(
            f"{what}: it printed nothing", hint="it is to print the dump", host=begun.ground.host
        )
    made = replace(begun.blank, entries=1, bytes=count, digest=digest)
    return made, f"{size(count)}, dumped by {taking.dump.service}"


def _copied(begun: Begun) -> tuple[Snapshot, str]:
    if not begun.taking.writers and not begun.taking.freeze:
        found = begun.cloner.last()
        return begun.of(found), f"{counted(found)}, byte for byte the same; nothing runs on it"
    expected = begun.cloner.passes()
    found, seconds = _while_nobody_writes(begun, expected)
    who = "were frozen" if begun.taking.freeze else "paused"
    return (
        begun.of(found),
        f"{counted(found)}, byte for byte the same; its writers {who} for {seconds:.1f} s",
    )


def _while_nobody_writes(begun: Begun, expected: float) -> tuple[Mapping[str, Any], float]:
    """What the comparison said, and how long nobody wrote."""
    pause = Pause(begun.taking, begun.ground.helper)
    limit = pause.limit(expected)
    span: dict[str, float] = {}

    def heard(progress: Mapping[str, Any]) -> None:
        if "from" in progress:
            span.update(progress)
        else:
            begun.cloner.told(progress)

    what = f"copy volume {begun.taking.volume} (the last pass)"
    hint = "does the freeze command stop all that write?" if begun.taking.freeze else ""
    for left in range(TRIES)[::-1]:
        found = _answered(begun.ground, pause.last(limit), what, limit, heard)
        if found.get("equal") is True or not left:
            return begun.cloner.equal(found, hint), span.get("to", 0) - span.get("from", 0)
    raise AssertionError("the last try answers or raises")


def _answered(ground: Ground, script: Shell, what: str, limit: int, heard: Any) -> Mapping[str, Any]:
    return ground.answer(what, script, limit + GRACE, heard)
