"""Carry out CopyVolume: the data is brought over while it is written. What runs is not touched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from fleet.errors import Drift, FleetError, RemoteFailed
from fleet.facts.volumes import made_with
from fleet.model.desired import Volume
from fleet.model.volumes import is_directory
from fleet.ops import marks
from fleet.ops.effects import Shell
from fleet.plan.tree import CopyVolume, Step
from fleet.report import events as ev
from fleet.run.perform import carry_out
from fleet.run.volumes.passes import Copier, allowed
from fleet.run.volumes.preflight import room, seen, size, source_is_as_planned, target_may_take, told, whence
from fleet.run.volumes.side import Side, clear_away
from fleet.run.volumes.way import way
from fleet.shell import words


def copy(
    node: CopyVolume,
    source: Side,
    target: Side,
    emit: ev.Emit,
    cancel: threading.Event,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Raises Drift, RemoteFailed, Interrupted, ConnectionLost. Whatever is raised, the source is as it was,
    the target bears the mark of a copy that is not complete, and a later run goes on from there."""
    began = clock()
    source_is_as_planned(source, seen(source))
    with ExitStack() as failed:
        # What runs in them would go on without us.
        failed.callback(clear_away, source, target)
        _make(node, target, emit, cancel)
        source.start()
        target.start()
        found = source.ask("measure", "usage")
        _is_of(node.make.volume, source, found)
        room(node.move.volume, target.host, found, target.ask("measure", "usage"))
        with way(source, target) as there:
            copier = Copier(source, target, there, node.id)
            sent = copier.seed()
            enough, more = copier.passes()
        text = (
            f"volume {node.move.volume}: {size(sent + more)} copied to {node.host} in "
            f"{clock() - began:.1f} s; the move itself will take about {enough.seconds:.1f} s ({enough.why})"
            f"{_besides(node)}"
        )
        emit(ev.Note(text))
        allowed(enough.seconds, source)
        failed.pop_all()


def _besides(node: CopyVolume) -> str:
    """What its users are away for, too, and nobody has measured: how long a stop may take is known."""
    writers = node.move.writers
    if not writers:
        return ", and nothing runs on it"
    names, most = ", ".join(one.name for one in writers), max(one.grace for one in writers)
    where = f" on {node.host}" if node.host != node.move.source else ""
    return f", plus the stop of {names} (at most {most:g} s) and its start{where}"


def _is_of(volume: Volume, source: Side, found: Mapping[str, Any]) -> None:
    """A move changes no owner. Raises RemoteFailed."""
    owner, wanted = found.get("owner", ""), volume.care.owner
    if wanted and owner and owner != wanted:
        raise RemoteFailed(
            f"volume {source.volume} is to move, and to get another owner",
            why=f"it is owned by {owner}, and its role says {wanted}",
            hint="move it first: take owner out of the role until then; nothing was changed",
            host=source.host,
        )


def _make(node: CopyVolume, target: Side, emit: ev.Emit, cancel: threading.Event) -> None:
    """A volume that is marked before anything is in it."""
    move = node.move
    found = seen(target)
    target_may_take(target, found)
    make = Step(node.host, replace(node.make, mark=None))
    # Options may place it where data lies already.
    placed = not found.driver and bool(node.make.volume.options)
    if placed:
        _carry_out(make, target, emit, cancel)
    if placed or (found.driver and found.own is None):
        try:
            _is_empty(target, node.make.volume)
        except FleetError:
            if placed:
                _unmake(target)
            raise
    made = found.made if found.driver else made_with(node.make.labels)
    incoming = replace(move.incoming, made=made if not is_directory(move.volume) else "")
    what = f"mark volume {move.volume} as not complete"
    target.script(marks.write(move.place.state_dir, move.volume, found.mark, incoming), what)
    if not found.driver and not placed:
        _carry_out(make, target, emit, cancel)


def _carry_out(step: Step, target: Side, emit: ev.Emit, cancel: threading.Event) -> None:
    for effect in step.op.effects():
        carry_out(effect, step, target.transport, emit, cancel)


def _is_empty(target: Side, volume: Volume) -> None:
    """Raises Drift."""
    target.start()
    # One is its own directory.
    held = target.ask("measure", "usage")["entries"] - 1
    if not held:
        return
    place = volume.name if is_directory(volume.name) else dict(volume.options).get("device")
    none = f"an empty {place} there" if place else "docker volume rm"
    raise Drift(
        f"volume {volume.name} is there already, with {held} files of which Fleet knows nothing",
        why=f"planned: to be filled from {whence(target.move)} ({told(target.move.mark)})",
        hint=f"make a new plan; --adopt says that this is the data, {none} that it is none",
        host=target.host,
    )


def _unmake(target: Side) -> None:
    """It was made to look into it; what lies in its place stays."""
    target.remove()
    with suppress(FleetError):
        command = words(["docker", "volume", "rm", target.move.volume])
        target.script(Shell(f"{command} >/dev/null\n"), f"remove volume {target.move.volume}")
