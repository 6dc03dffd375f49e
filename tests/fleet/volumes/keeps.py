"""A real host with a volume and a container that writes to it, and snapshots of the two."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace

from fleet.facts.snapshots import read_record
from fleet.model.place import Place
from fleet.model.snapshots import Restoring, Snapshot, Taking, Within
from fleet.model.volumes import Mark, State, Writer
from fleet.ops.volume_helper import Helper
from fleet.plan.keeping import RestoreVolume
from fleet.rehearsal import Host
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.restoring import restore
from fleet.run.volumes.taking import take
from tests.fleet.volumes.moves import VOLUME, Moves
from tests.support.volume_hosts import STATE
from tests.support.waiting import until

PLACE = Place(STATE, "shop", "test")


@dataclass
class Keeps(Moves):
    """Source and target are the same host."""

    names: tuple[str, str] = ("db-1", "db-1")

    @property
    def host(self) -> Host:
        return self.source

    def taking(self, **changes: object) -> Taking:
        mark = self.mark(self.host)
        assert mark
        found = self.docker(self.host, "ps -q --no-trunc --filter name=^writer$").split()
        writers = tuple(Writer(one, "writer", 5) for one in found)
        made = Taking(
            VOLUME, "db", self.host.name, mark, self.image, PLACE, writers, version="v1", why="before v2"
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    def within(self, *command: str) -> Within:
        (one,) = self.docker(self.host, "ps -q --no-trunc --filter name=^writer$").split()
        return Within(one, "db.writer", command)

    def take(self, cancel: threading.Event | None = None, **changes: object) -> Snapshot:
        taking = self.taking(**changes)
        with self.connected() as (here, _):
            return take(taking, self._ground(here, cancel))

    def restore(self, snapshot: Snapshot, **changes: object) -> None:
        """As a plan makes it of what is found."""
        mark = self.mark(self.host)
        assert mark
        whole = mark.state is State.LIVE
        keeping = self.taking(why=f"before restore of {snapshot.id}") if whole else None
        live = Mark(mark.lineage, mark.generation + 1, State.LIVE)
        writers = self.taking().writers
        what = Restoring(VOLUME, self.host.name, snapshot, mark, live, self.image, PLACE, keeping, writers)
        what = replace(what, **changes)  # type: ignore[arg-type]
        with self.connected() as (here, _):
            restore(RestoreVolume(self.host.name, what), self._ground(here))

    def _ground(self, here: object, cancel: threading.Event | None = None) -> Ground:
        helper = Helper(VOLUME, self.image, PLACE, ())
        cancel = cancel or threading.Event()
        return Ground(self.host.name, helper, here, self.told.append, cancel, step="db-1/x")  # type: ignore[arg-type]

    def snapshots(self) -> dict[str, Snapshot]:
        texts = self.host.run(f"cat {STATE}/snapshots/*.snapshot-* 2>/dev/null || true").splitlines()
        found = [read_record(text) for text in texts if text]
        return {one.id: one for one in found}

    def volumes(self) -> list[str]:
        return sorted(self.docker(self.host, "volume ls -q").split())

    def log(self, volume: str = VOLUME) -> list[int]:
        """What the writer has written, as it lies in a volume."""
        program = "print(open('/data/log').read())"
        words = f'run --rm -v {volume}:/data:ro {self.image} python3 -c "{program}"'
        return [int(one) for one in self.docker(self.host, words).split()]

    def state(self) -> dict[str, bool]:
        """Of the writer's container."""
        found: dict[str, bool] = json.loads(self.docker(self.host, "inspect -f '{{json .State}}' writer"))
        return found

    def goes_on(self) -> None:
        """The writer writes, and nothing waits."""
        until(lambda: self.docker(self.host, "ps -q --filter status=paused") == "", "somebody is paused")
        before = self.noted()
        until(lambda: self.noted() > before + 3, "the writer does not write")

    def is_whole(self, snapshot: Snapshot, at_least: int, at_most: int) -> None:
        """All records up to one between the two, in their order."""
        numbers = self.log(snapshot.name)
        assert numbers == [*range(1, len(numbers) + 1)]
        assert at_least <= len(numbers) <= at_most + 1

    def nothing_half(self, *snapshots: Snapshot) -> None:
        assert self.helpers() == []
        assert self.volumes() == sorted([VOLUME, *(one.name for one in snapshots)])
        assert set(self.snapshots()) == {one.id for one in snapshots}
