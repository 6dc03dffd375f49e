"""Carry out RestoreVolume: what is there is kept as a snapshot, then the volume becomes what one holds.

The mark tells how far it came, and what the next run does:

======================  =======================================================================
live                    not begun, or nothing was overwritten yet: what ran goes on by itself
incoming, and of which  between the stop and the end of the comparison. Nothing starts on it;
snapshot                 ``inv volumes restore`` goes on, with this snapshot or another one
live, one generation    restored. What stopped is started by the next deploy, should it not run
higher
======================  =======================================================================
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fleet.errors import Drift, Fenced, FleetError, RemoteFailed
from fleet.model.snapshots import Kind, Restoring, Snapshot
from fleet.model.volumes import Mark, State
from fleet.ops import marks
from fleet.ops.dumps import load
from fleet.ops.fence import Halt
from fleet.ops.restoring import standstill, take_over
from fleet.ops.volume_helper import Helper, Mount
from fleet.plan.keeping import RestoreVolume
from fleet.plan.tree import Step
from fleet.report import events as ev
from fleet.run.perform import perform
from fleet.run.volumes.attended import COPY_SECONDS
from fleet.run.volumes.beside import Cloner, counted
from fleet.run.volumes.failing import Unknown, failing
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.passes import Beat
from fleet.run.volumes.preflight import seen, told
from fleet.run.volumes.taking import begin, give_up, record, take

BEAT_SECONDS = 5


def restore(node: RestoreVolume, ground: Ground) -> None:
    """``ground``: the host of the volume, with a helper for its sake, not started yet. Raises Drift,
    RemoteFailed, Interrupted, Fenced, ConnectionLost. Whatever is raised, the error says how it stands."""
    one = _Restorer(node, node.restoring, ground)
    try:
        one.run()
    finally:
        ground.remove()


@dataclass(frozen=True, slots=True)
class _Restorer:
    node: RestoreVolume
    what: Restoring
    ground: Ground

    def run(self) -> None:
        if self.what.snapshot.kind is Kind.DUMP:
            self._load()
            return
        self._is_whole()
        if self.node.make:
            self._make()
        elif self.what.keeping is None:
            self.ground.script(take_over(self.what), self._doing("take it over"))
        if self.what.keeping is None:
            self._on()
        else:
            self._replace()

    def _is_whole(self) -> None:
        """The snapshot is what was recorded, before anything goes for its sake."""
        snapshot = self.what.snapshot
        ground = self._reading(snapshot)
        ground.start()
        found = ground.ask(f"look at snapshot {snapshot.id}", "manifest")
        if found["digest"] != snapshot.digest:
            raise RemoteFailed(
                f"snapshot {snapshot.id} of volume {snapshot.volume} is not what was recorded",
                why=f"its manifest is {found['digest'][:12]}…, and was {snapshot.digest[:12]}…",
                hint=f"take another one: inv volumes list {snapshot.volume}; nothing was changed",
                host=ground.host,
            )

    def _make(self) -> None:
        assert self.node.make  # noqa: S101 - asked before
        perform(
            Step(self.ground.host, self.node.make), self.ground.transport, self.ground.emit,
            self.ground.cancel, show=self.ground.show,
        )  # fmt: skip

    def _on(self) -> None:
        """Nothing whole is there: the volume was just made, or a run before was cut off. So it stays when
        this one fails."""
        volume = self.what.volume
        half = f"volume {volume} is half restored: nothing uses it. Run again"
        with failing(self.ground.emit, lambda: f"{half}; inv volumes list {volume} tells of others"):
            found = self._brought(self.what.snapshot, self.ground)
            self._live(self.what.live)
        self._start(found, "")

    def _replace(self) -> None:
        """What is there is whole, and stays so in a snapshot of its own."""
        keeping = self.what.keeping
        assert keeping  # noqa: S101 - asked before
        self.ground.remove()
        begun = begin(keeping, self.ground)
        kept: Snapshot | None = None
        released = False

        def stands() -> str:
            if kept is None:
                give_up(begun)
            return self._back(kept if released else None)

        with failing(self.ground.emit, stands):
            if self.what.writers:
                begun.cloner.passes()
            with Beat(self._alive, BEAT_SECONDS):
                self.ground.script(self.halt.stop(), self._doing("stop what runs"), seconds=self.halt.seconds)
                made = begun.of(begun.cloner.last())
                record(begun, made)
                kept = made
                self.ground.script(self.halt.release(), self._doing("keep it stopped"))
                released = True
            found = self._brought(self.what.snapshot, self.ground)
            self._live(self.what.live)
        self._start(found, f"; what was there is snapshot {kept.id}")

    def _brought(self, snapshot: Snapshot, ground: Ground) -> Mapping[str, Any]:
        """What the volume is once it is the same as ``snapshot``."""
        between = ground.between(snapshot.name, self.what.volume)
        between.start()
        found = Cloner(between, self.what.volume).last()
        if found["digest"] != snapshot.digest:
            raise RemoteFailed(f"snapshot {snapshot.id} is not what was recorded any more", host=between.host)
        return found

    def _live(self, live: Mark) -> None:
        """The step after which there is no way back. Raises Unknown when nobody knows if it was made."""
        found = seen(self.ground).mark
        script = marks.write(self.what.place.state_dir, self.what.volume, found, live)
        try:
            self.ground.script(script, self._doing("mark it live"))
        except (Drift, Fenced):
            raise
        except FleetError as error:
            if not self._is_live(error):
                raise

    def _is_live(self, error: FleetError) -> bool:
        try:
            mark = seen(self.ground).mark
        except FleetError:
            volume = self.what.volume
            raise Unknown(
                f"nobody knows whether volume {volume} is restored: nothing uses it now",
                why="\n".join(filter(None, [error.what, error.why])),
                hint=f"when {self.ground.host} can be reached, inv volumes tells: inv deploy starts what "
                "runs on it, or inv volumes restore goes on",
                host=self.ground.host,
            ) from error
        return mark is not None and mark.state is State.LIVE

    def _start(self, found: Mapping[str, Any], kept: str) -> None:
        what = self.what
        text = f"volume {what.volume} is what snapshot {what.snapshot.id} holds: {counted(found)}"
        self.ground.emit(ev.Note(f"{text}, byte for byte the same{kept}"))
        left = f"volume {what.volume} is restored, and what runs on it is not: inv deploy starts it"
        with failing(self.ground.emit, lambda: left):
            self.ground.script(self.halt.back(), self._doing("start what ran"), seconds=self.halt.seconds)

    def _back(self, kept: Snapshot | None) -> str:
        """What runs on the volume goes on with what was there: that it does, or how it stands."""
        # What has interrupted the way there does not interrupt the way back.
        ground = replace(self.ground, cancel=threading.Event())
        volume, host = self.what.volume, self.ground.host
        try:
            if kept:
                self._brought(kept, ground)
                self._live(self.halt.before)
            ground.script(self.halt.back(), self._doing("go on"), seconds=self.halt.seconds)
        except FleetError as second:
            why = f"{second.what}{f' ({second.why.splitlines()[0]})' if second.why else ''}"
            return (
                f"volume {volume} on {host} is half restored, and nothing uses it: {why}. What was there: "
                f"inv volumes restore {volume} --snapshot {kept.id}"
                if kept
                else f"what runs on volume {volume} could not be told to go on: {why}; it does so by itself"
            )
        return f"volume {volume} is used on {host} as before"

    def _load(self) -> None:
        """The service reads it itself, so nothing stops."""
        what, snapshot = self.what, self.what.snapshot
        assert what.load and what.keeping and what.mark  # noqa: S101, PT018 - as planned
        kept = take(what.keeping, self.ground)
        ground = self._reading(snapshot)
        ground.start()
        how = f"inv volumes restore {what.volume} --snapshot {kept.id}"
        loaded = f"what was loaded before that is in volume {what.volume}; what was there: {how}"
        with failing(ground.emit, lambda: loaded):
            script = load(ground.helper, what.load, snapshot.digest)
            ground.script(script, self._doing("load the dump"), seconds=COPY_SECONDS)
        found = seen(self.ground).mark
        if found is None or found.generation != what.mark.generation:
            raise Drift(
                f"volume {what.volume} is not as planned any more", why=f"found: {told(found)}",
                host=ground.host,
            )  # fmt: skip
        self._live(what.live)
        text = f"volume {what.volume}: {what.load.service} has loaded snapshot {snapshot.id}"
        self.ground.emit(ev.Note(f"{text}; what was there is snapshot {kept.id}"))

    def _reading(self, snapshot: Snapshot) -> Ground:
        one = self.ground.helper
        mounts = (Mount(snapshot.name, "/data", read_only=True),)
        return replace(self.ground, helper=Helper(one.volume, one.image, one.place, mounts))

    def _alive(self) -> None:
        try:
            self.ground.transport.run(self.halt.alive().script, timeout=BEAT_SECONDS)
        except FleetError:
            # Whether it has gone on without us is asked before it counts.
            return

    @property
    def halt(self) -> Halt:
        return standstill(self.what)

    def _doing(self, action: str) -> str:
        return f"restore volume {self.what.volume} ({action})"
