"""What a restore and an upgrade have in common: a volume that is neither what it was nor what it is to be,
and the way out of that to either side."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fleet.errors import Drift, Fenced, FleetError, RemoteFailed
from fleet.model.snapshots import Restoring, Snapshot
from fleet.model.volumes import Mark, State
from fleet.ops import marks
from fleet.ops.fence import Halt
from fleet.ops.restoring import standstill
from fleet.ops.volume_helper import Helper, Mount
from fleet.run.volumes.beside import Cloner
from fleet.run.volumes.failing import Unknown, failing
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.passes import Beat
from fleet.run.volumes.preflight import seen
from fleet.run.volumes.taking import Begun, give_up, record

BEAT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Stand:
    """``verb``: what is done, and ``done`` once it is."""

    what: Restoring
    ground: Ground
    verb: str = "restore"
    done: str = "restored"

    def keep(self, begun: Begun) -> Snapshot:
        """What runs stops, and what was there is in a snapshot that counts. Whatever is raised, it goes
        on."""
        made: list[Snapshot] = []

        def stands() -> str:
            if not made:
                give_up(begun)
            return self.back()

        with failing(self.ground.emit, stands):
            if self.what.writers:
                begun.cloner.passes()
            with Beat(self._alive, BEAT_SECONDS):
                self.stop()
                one = begun.of(begun.cloner.last())
                record(begun, one)
                made.append(one)
                self.release()
        return one

    def stop(self) -> None:
        self.ground.script(self.halt.stop(), self.doing("stop what runs"), seconds=self.halt.seconds)

    def release(self) -> None:
        """From here on it does not go on by itself."""
        self.ground.script(self.halt.release(), self.doing("keep it stopped"))

    def start(self) -> None:
        """What ran, but for what another container takes the place of."""
        script = self.halt.back(self.what.replaced)
        self.ground.script(script, self.doing("start what ran"), seconds=self.halt.seconds)

    def is_whole(self) -> None:
        """The snapshot is what was recorded, before anything goes for its sake."""
        snapshot = self.what.snapshot
        ground = self.reading(snapshot)
        ground.start()
        found = ground.ask(f"look at snapshot {snapshot.id}", "manifest")
        if found["digest"] != snapshot.digest:
            raise RemoteFailed(
                f"snapshot {snapshot.id} of volume {snapshot.volume} is not what was recorded",
                why=f"its manifest is {found['digest'][:12]}…, and was {snapshot.digest[:12]}…",
                hint=f"take another one: inv volumes list {snapshot.volume}; nothing was changed",
                host=ground.host,
            )

    def brought(self, snapshot: Snapshot, ground: Ground) -> Mapping[str, Any]:
        """What the volume is once it is the same as ``snapshot``."""
        between = ground.between(snapshot.name, self.what.volume)
        between.start()
        found = Cloner(between, self.what.volume).last()
        if found["digest"] != snapshot.digest:
            raise RemoteFailed(f"snapshot {snapshot.id} is not what was recorded any more", host=between.host)
        return found

    def live(self, live: Mark) -> None:
        """The step after which there is no way back. Raises Unknown when nobody knows if it was made."""
        found = seen(self.ground).mark
        script = marks.write(self.what.place.state_dir, self.what.volume, found, live)
        try:
            self.ground.script(script, self.doing("mark it live"))
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
                f"nobody knows whether volume {volume} is {self.done}: nothing uses it now",
                why="\n".join(filter(None, [error.what, error.why])),
                hint=f"when {self.ground.host} can be reached, inv volumes tells: inv deploy starts what "
                "runs on it, or inv volumes restore goes on",
                host=self.ground.host,
            ) from error
        return mark is not None and mark.state is State.LIVE

    def back(self, kept: Snapshot | None = None, before: Mark | None = None) -> str:
        """What runs on the volume goes on with what was there: untouched, or as ``kept`` has it. ``before``:
        the mark then, when it is not the one that was seen. That it does, or how it stands."""
        # What has interrupted the way there does not interrupt the way back.
        ground = replace(self.ground, cancel=threading.Event())
        volume, host = self.what.volume, self.ground.host
        try:
            if kept:
                self.brought(kept, ground)
                self.live(before or self.halt.before)
            ground.script(self.halt.back(), self.doing("go on"), seconds=self.halt.seconds)
        except FleetError as second:
            why = f"{second.what}{f' ({second.why.splitlines()[0]})' if second.why else ''}"
            return (
                f"volume {volume} on {host} is half {self.done}, and nothing uses it: {why}. What was there: "
                f"inv volumes restore {volume} --snapshot {kept.id}"
                if kept
                else f"what runs on volume {volume} could not be told to go on: {why}; it does so by itself"
            )
        return f"volume {volume} is used on {host} as before"

    def reading(self, snapshot: Snapshot) -> Ground:
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

    def doing(self, action: str) -> str:
        return f"{self.verb} volume {self.what.volume} ({action})"
