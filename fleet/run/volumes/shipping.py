"""A snapshot goes to another host: streamed as a move is, and it counts there once both were found equal."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

from fleet.errors import FleetError, RemoteFailed
from fleet.facts.snapshots import read_record
from fleet.model.snapshots import Kind, Snapshot
from fleet.ops import snapshots as scripts
from fleet.plan.keeping import ShipSnapshot
from fleet.report import events as ev
from fleet.run.volumes.attended import Attended
from fleet.run.volumes.beside import counted
from fleet.run.volumes.passes import Copier
from fleet.run.volumes.preflight import room
from fleet.run.volumes.side import Side, clear_away
from fleet.run.volumes.way import way


def newest(node: ShipSnapshot, source: Attended) -> Snapshot:
    """The one that was taken last. Raises RemoteFailed."""
    what = f"look for the newest snapshot of volume {node.volume}"
    text = source.script(scripts.newest(node.place, node.volume), what)
    try:
        return read_record(text)
    except ValueError as error:
        raise RemoteFailed(f"{what}: there is none", why=text, host=source.host) from error


def ship(node: ShipSnapshot, snapshot: Snapshot, source: Side, target: Side) -> None:
    """Both with helpers that have the volume which holds it, not started yet. Raises RemoteFailed,
    Interrupted, ConnectionLost; then nothing of it is left at the target, and the source has it still."""
    with ExitStack() as failed:
        failed.callback(_forget, node, snapshot, target)
        script = scripts.begin(node.place, node.volume, node.role, snapshot.id)
        target.script(script, f"begin snapshot {snapshot.id} of volume {node.volume}")
        with ExitStack() as helpers:
            helpers.callback(clear_away, source, target)
            found = _copied(node, snapshot, source, target)
        target.script(scripts.record(node.place, snapshot), f"record snapshot {snapshot.id}")
        failed.pop_all()
    where = f"snapshot {snapshot.id} is on {target.host}"
    target.emit(ev.Note(f"volume {node.volume}: {where}: {counted(found)}, byte for byte the same"))
    if node.snapshot is None:
        script = scripts.remove(node.place, node.volume, snapshot.id)
        source.script(script, f"remove snapshot {snapshot.id} of volume {node.volume}")


def _copied(node: ShipSnapshot, snapshot: Snapshot, source: Side, target: Side) -> Mapping[str, Any]:
    source.start()
    target.start()
    room(node.volume, target.host, source.ask("measure", "usage"), target.ask("measure", "usage"))
    with way(source, target) as there:
        copier = Copier(source, target, there, node.id)
        copier.seed()
        copier.last()
        found = copier.compare()
    # A dump has the digest of its one file, and not of the manifest.
    whole = snapshot.kind is Kind.DUMP or found.get("digest") == snapshot.digest
    if found.get("equal") is not True or not whole:
        raise RemoteFailed(
            f"snapshot {snapshot.id} of volume {node.volume} did not arrive as it was taken",
            why="\n".join(map(str, found.get("differences", ()))) or "it is not what was recorded any more",
            hint="something has written to it, or a disk has lost bits; take another one",
            host=target.host,
        )
    return found


def _forget(node: ShipSnapshot, snapshot: Snapshot, target: Side) -> None:
    """What went wrong before is told, and not this: the next one clears away what is left here."""
    script = scripts.remove(node.place, node.volume, snapshot.id)
    with suppress(FleetError):
        target.script(script, f"remove what was begun of snapshot {snapshot.id}")
