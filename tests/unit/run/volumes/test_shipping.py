"""A snapshot goes to another host in memory: whole, or not at all."""

from __future__ import annotations

import pytest

from fleet.errors import FleetError, RemoteFailed
from fleet.model.place import Place
from fleet.model.snapshots import Snapshot
from fleet.ops import snapshots as scripts
from fleet.plan.keeping import ShipSnapshot
from fleet.run.volumes.shipping import newest, ship
from tests.support.cutting import cut
from tests.support.volume_hosts import STATE
from tests.unit.run.volumes.conftest import VOLUME, Stage

PLACE = Place(STATE, "shop", "test")
MADE = Snapshot(
    "20260102-030405-00ff", VOLUME, "11112222333344445555666677778888", 1, "v1", 5, 3, 1000, "d"
)  # fmt: skip


@pytest.fixture
def stage(stage: Stage) -> Stage:
    node = ShipSnapshot("db-2", "db-1", VOLUME, "db", stage.move.image, PLACE, "10.0.0.2")
    stage.move = node.relocation(MADE)
    stage.source.volume(MADE.name)
    script = scripts.record(PLACE, MADE)
    assert stage.source.transport.run(script.script, timeout=9).ok
    for host in (stage.source, stage.target):
        host.answers("compare", equal=True, entries=3, bytes=1000, digest="d", differences=[])
    return stage


def sent(stage: Stage, snapshot: Snapshot | None = None) -> None:
    node = ShipSnapshot("db-2", "db-1", VOLUME, "db", stage.move.image, PLACE, "10.0.0.2", 0, snapshot)
    source, target = stage.sides()
    ship(node, newest(node, source), source, target)


def test_it_counts_there_and_does_not_stay_here(stage: Stage) -> None:
    sent(stage)
    assert stage.target.snapshots() == {MADE.id: MADE}
    assert stage.target.volumes() == [MADE.name]
    assert stage.source.snapshots() == {}
    assert stage.source.volumes() == [VOLUME]
    done = [word for word in stage.target.done if word in {"begin", "start", "serve", "record"}]
    assert done == ["begin", "start", "serve", "record"]
    asked = [word for word in stage.source.done if word in {"seed", "sync --final", "compare", "drop"}]
    assert asked == ["seed", "sync --final", "compare", "drop"]
    (note,) = stage.notes
    assert note == (
        f"volume {VOLUME}: snapshot {MADE.id} is on db-2: 1.0 kB in 3 entries, byte for byte the same"
    )


def test_what_is_brought_back_stays_where_it_was(stage: Stage) -> None:
    sent(stage, MADE)
    assert stage.source.snapshots() == stage.target.snapshots() == {MADE.id: MADE}


@pytest.mark.parametrize(
    "answer", [{"equal": False, "differences": ["a: content differs"]}, {"equal": True, "digest": "other"}]
)
def test_what_did_not_arrive_whole_is_none(stage: Stage, answer: dict[str, object]) -> None:
    stage.source.answers("compare", 1, entries=3, bytes=1000, **answer)
    with pytest.raises(RemoteFailed, match="did not arrive as it was taken"):
        sent(stage)
    nothing_new(stage)


def nothing_new(stage: Stage) -> None:
    assert stage.target.snapshots() == {}
    assert stage.target.volumes() == []
    assert stage.source.snapshots() == {MADE.id: MADE}


@pytest.mark.parametrize("step", ["seed", "sync --final", "compare"])
def test_cut_off_the_next_one_begins_anew(stage: Stage, step: str) -> None:
    with cut(stage.source, "before", step):
        sent(stage)
    nothing_new(stage)
    sent(stage)
    assert stage.target.snapshots() == {MADE.id: MADE}


def test_there_is_no_room(stage: Stage) -> None:
    stage.target.answers("usage", bytes=0, apparent=0, entries=1, free=10, free_inodes=10**6)
    with pytest.raises(FleetError, match="there is no room for volume"):
        sent(stage)
    nothing_new(stage)


def test_there_is_none(stage: Stage) -> None:
    (stage.source.state / "snapshots" / MADE.name).unlink()
    with pytest.raises(RemoteFailed, match="there is none"):
        sent(stage)
