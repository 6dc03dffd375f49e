"""Two hosts, a volume on the first, and a database that writes to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fleet.model.desired import Volume
from fleet.model.place import Place
from fleet.model.volumes import Mark, Relocation, State, Writer
from fleet.ops.places import MakeVolume
from fleet.plan.tree import CopyVolume, MoveVolume
from fleet.report import events as ev
from fleet.run.volumes.copying import copy
from fleet.run.volumes.moving import move as carry_out
from fleet.run.volumes.side import Side
from tests.support.volume_hosts import STATE, VolumeHost, install

VOLUME = "shop_test_pgdata"
SEEN = Mark("11112222333344445555666677778888", 1, State.LIVE, since=1000, proven=True)
LABELS = {"fleet.project": "shop", "fleet.env": "test", "fleet.role": "db"}
WRITER = Writer("aaaa", "postgres", 10)


@dataclass
class Stage:
    source: VolumeHost
    target: VolumeHost
    move: Relocation
    options: tuple[tuple[str, str], ...] = ()
    cancel: threading.Event = field(default_factory=threading.Event)
    told: list[ev.Event] = field(default_factory=list)

    def change(self, **fields: object) -> None:
        self.move = replace(self.move, **fields)  # type: ignore[arg-type]

    def sides(self) -> tuple[Side, Side]:
        return (
            Side.of(self.move, True, self.source.transport, self.told.append, self.cancel),
            Side.of(self.move, False, self.target.transport, self.told.append, self.cancel),
        )

    def copy(self) -> None:
        make = MakeVolume("shop", "test", Volume(VOLUME, "db", options=self.options), SEEN, STATE)
        node = CopyVolume("db-2", self.move, make)
        source, target = self.sides()
        copy(node, source, target, self.told.append, self.cancel)

    def run(self) -> None:
        carry_out(MoveVolume("db-2", self.move), *self.sides(), self.told.append)

    def after_copy(self) -> None:
        """As a copy leaves it."""
        self.target.volume(VOLUME)
        self.target.set_mark(VOLUME, replace(SEEN, state=State.INCOMING, peer="db-1", proven=False))

    @property
    def marks(self) -> tuple[State | None, State | None]:
        here, there = self.source.mark(VOLUME), self.target.mark(VOLUME)
        return here and here.state, there and there.state

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, ev.Note)]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'bin')}:/usr/bin:/bin")
    source, target = VolumeHost("db-1", tmp_path / "db-1"), VolumeHost("db-2", tmp_path / "db-2")
    source.volume(VOLUME)
    source.set_mark(VOLUME, SEEN)
    source.container(WRITER.id, WRITER.name, VOLUME)
    target.answers("usage", bytes=0, apparent=0, entries=1, free=10**9, free_inodes=10**6)
    place = Place(STATE, "shop", "test")
    image = f"registry/fleet-volumes@sha256:{'ab' * 32}"
    move = Relocation(VOLUME, "db-1", "db-2", SEEN, "10.0.0.2", image, place, (WRITER,))
    made = Stage(source, target, move)
    yield made
    # The source's own watch ends when nothing is written down any more.
    for one in (made.source.state / "moving").glob("*"):
        one.unlink()
