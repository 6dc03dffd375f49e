"""Carry out MoveVolume: the writers stop, what is left is copied, both sides are equal, the target has it.

When a move is cut off, the two marks tell how far it had come. At most one of them is ``live`` at any time:

=========================  =========================  =====================================================
source                     target                     what was going on, and what a later run does
=========================  =========================  =====================================================
live                       none                       not begun: copy
live                       incoming                   copied while it is used, or taken back: copy on
fenced, peer the target    incoming                   between the stop and the end of the comparison. The
                                                      source goes on by itself after a minute, unless its
                                                      host was switched off meanwhile, or told not to, which
                                                      comes last; then a later run moves on or takes it back
fenced, peer the target    live, a generation higher  moved. While it is not ``proven`` there, taking it back
                                                      loses what was written since; then the target's mark
                                                      goes first
=========================  =========================  =====================================================
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from fleet.errors import Drift, Fenced, FleetError, RemoteFailed, Unreachable
from fleet.model.volumes import Mark, State
from fleet.ops import marks
from fleet.ops.fence import PATIENCE, Halt, fence
from fleet.plan.tree import MoveVolume
from fleet.report import events as ev
from fleet.run.volumes.failing import Unknown, failing
from fleet.run.volumes.passes import Beat, Copier, allowed
from fleet.run.volumes.preflight import only_writers, seen, size, source_is_as_planned, target_is_incoming
from fleet.run.volumes.side import Side, clear_away
from fleet.run.volumes.way import way

TRIES = 2
BEAT_SECONDS = 5


class NotEqual(RemoteFailed):
    """Nobody writes, and yet the two sides differ."""


def move(
    node: MoveVolume,
    source: Side,
    target: Side,
    emit: ev.Emit,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Raises Drift, RemoteFailed, Interrupted, Fenced, ConnectionLost. Whatever is raised, the error says on
    which host the volume is used now, or that nobody can say."""
    _Mover(node, source, target, emit, clock).run()


@dataclass(frozen=True, slots=True)
class _Mover:
    node: MoveVolume
    source: Side
    target: Side
    emit: ev.Emit
    clock: Callable[[], float]

    def run(self) -> None:
        with ExitStack() as failed:
            failed.callback(clear_away, self.source, self.target)
            incoming = self._ready()
            with way(self.source, self.target) as there:
                copier = Copier(self.source, self.target, there, self.node.id)
                expected, _ = copier.passes()
                allowed(expected.seconds, self.source)
                began = self.clock()
                sent, found = self._switched(copier, incoming)
                took = self.clock() - began
                failed.pop_all()
                # At once: the service waits for this.
                clear_away(self.source, self.target, self._forget)
        text = (
            f"volume {self.node.move.volume} lives on {self.node.host}: {size(found.get('bytes', 0))} in "
            f"{found.get('entries', 0)} entries, byte for byte the same. It was stopped for {took:.1f} s, in "
            f"which {size(sent)} were copied"
        )
        self.emit(ev.Note(text))

    def _ready(self) -> Mark:
        """Both sides as planned, with their helpers; answers the target's mark."""
        here, there = seen(self.source), seen(self.target)
        source_is_as_planned(self.source, here)
        only_writers(self.source, here)
        target_is_incoming(self.target, there)
        for side in (self.source, self.target):
            if not side.running:
                side.start()
        if there.mark is None:
            raise AssertionError("target_is_incoming lets no other pass")
        return there.mark

    def _switched(self, copier: Copier, incoming: Mark) -> tuple[int, Mapping[str, Any]]:
        """Bytes that were still to be copied, and what the comparison said."""
        halt, kept = self.halt, False
        with failing(self.emit, lambda: self._back(kept)):
            with Beat(self._alive, BEAT_SECONDS):
                self.source.script(halt.stop(), self._what("stop its writers"), seconds=halt.seconds)
                sent, found = self._rest(copier)
                self.source.script(halt.release(), self._what("keep it fenced"))
                kept = True
            self._live(incoming)
        return sent, found

    def _rest(self, copier: Copier) -> tuple[int, Mapping[str, Any]]:
        sent = 0
        for _ in range(TRIES):
            sent += copier.last()
            found = copier.compare()
            if found.get("equal") is True:
                return sent, found
        raise NotEqual(
            f"both sides of volume {self.node.move.volume} differ, though nobody uses it",
            why="\n".join(map(str, found.get("differences", ()))),
            hint="does something outside of Docker write to it? (fuser on its directory tells)",
            host=self.source.host,
        )

    def _live(self, incoming: Mark) -> None:
        """The one step after which there is no way back. Raises Unknown when nobody knows if it was made."""
        move = self.node.move
        live = replace(incoming, state=State.LIVE, generation=incoming.generation + 1, peer=move.source)
        script = marks.write(move.place.state_dir, move.volume, incoming, live)
        try:
            self.target.script(script, self._what("take it"))
        except (Drift, Fenced):
            raise
        except FleetError as error:
            if self._taken(error):
                return
            raise

    def _taken(self, error: FleetError) -> bool:
        """Was it, in spite of the error?"""
        try:
            mark = seen(self.target).mark
        except FleetError:
            volume = self.node.move.volume
            raise Unknown(
                f"nobody knows whether {self.node.host} has taken volume {volume}: nothing uses it now",
                why="\n".join(filter(None, [error.what, error.why])),
                hint=f"run again when {self.node.host} can be reached: the two marks tell how it stands",
                host=self.node.host,
            ) from error
        return mark is not None and mark.state is State.LIVE

    def _back(self, kept: bool) -> str:
        """The source goes on: that it does, or why that cannot be told."""
        try:
            self.source.script(self.halt.back(), self._what("go on"), seconds=self.halt.seconds)
        except FleetError as second:
            return self._not_back(second, kept)
        return f"volume {self.source.volume} is used on {self.source.host} as before"

    def _not_back(self, second: FleetError, kept: bool) -> str:
        why = f"{second.what}{f' ({second.why.splitlines()[0]})' if second.why else ''}"
        volume, host = self.source.volume, self.source.host
        gone = isinstance(second, Unreachable | Fenced)
        if gone and not kept:
            return (
                f"{host} could not be told to go on with volume {volume}: {why}; it does so by itself "
                f"{PATIENCE} s after it last heard of this run, unless it is switched off before that. Then, "
                f"or if nothing uses the volume in two minutes, run again"
            )
        names = " ".join(one.name for one in self.node.move.writers)
        again = "" if kept else f"; it tries by itself {PATIENCE} s after it last heard of this run"
        return (
            f"volume {volume} could not be given back to {host}: {why}; nothing uses it now{again}. Run "
            f"again when that is mended" + (f", or there: docker start {names}" if names and not gone else "")
        )

    def _alive(self) -> None:
        try:
            self.source.transport.run(self.halt.alive().script, timeout=BEAT_SECONDS)
        except FleetError:
            # Whether the source has gone on without us is asked before it counts.
            return

    def _forget(self) -> None:
        try:
            self.source.script(self.halt.forget(), self._what("forget how it was used"))
        except FleetError as error:
            text = f"{self.source.host}: {error.what}; a later move from there clears it away"
            self.emit(ev.Note(text, "warning"))

    @property
    def halt(self) -> Halt:
        return fence(self.node.move)

    def _what(self, action: str) -> str:
        return f"move volume {self.node.move.volume} ({action})"
