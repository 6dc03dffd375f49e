"""A volume becomes what a snapshot of it holds, on a host in memory; and is cut off everywhere on its way."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fleet.errors import Drift, FleetError, Interrupted, RemoteFailed, Unreachable
from fleet.facts.snapshots import record_text
from fleet.model.desired import Volume
from fleet.model.place import Place
from fleet.model.snapshots import Kind, Restoring, Snapshot, Taking, Within
from fleet.model.volumes import Mark, State, Writer
from fleet.ops.places import MakeVolume
from fleet.ops.restoring import half
from fleet.ops.volume_helper import Helper
from fleet.plan.keeping import RestoreVolume
from fleet.report import events as ev
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.restoring import restore
from tests.support.cutting import cut, losing
from tests.support.volume_hosts import STATE, VolumeHost, install
from tests.support.waiting import until

VOLUME = "shop_test_pgdata"
SEEN = Mark("11112222333344445555666677778888", 1, State.LIVE, since=1000, proven=True)
LIVE = Mark(SEEN.lineage, 2, State.LIVE)
IMAGE = f"registry/fleet-volumes@sha256:{'ab' * 32}"
POSTGRES = Writer("aaaa", "postgres", 10)
PLACE = Place(STATE, "shop", "test")
OLD = Snapshot("20260102-030405-00ff", VOLUME, SEEN.lineage, 0, "v1", 1, 3, 1000, "d", why="before v2")


@dataclass
class Scene:
    host: VolumeHost
    what: Restoring
    make: MakeVolume | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    told: list[ev.Event] = field(default_factory=list)

    def run(self) -> None:
        helper = Helper(VOLUME, IMAGE, PLACE, ())
        ground = Ground(
            "db-1", helper, self.host.transport, self.told.append, self.cancel, step="db-1/restore"
        )
        restore(RestoreVolume("db-1", self.what, self.make), ground)

    def again(self) -> None:
        """As the next plan has it, from what is there now."""
        mark = self.host.mark(VOLUME)
        assert mark
        running = self.host.containers().get("postgres", (False, ""))[0]
        whole = mark.state is State.LIVE
        self.what = replace(
            self.what, mark=mark, live=replace(LIVE, generation=mark.generation + 1),
            keeping=replace(KEEPING, mark=mark) if whole else None, writers=(POSTGRES,) if running else (),
        )  # fmt: skip
        self.make = None
        self.run()

    @property
    def kept(self) -> Snapshot:
        """What was there before."""
        (one,) = [one for one in self.host.snapshots().values() if one.id != self.what.snapshot.id]
        return one

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, ev.Note)]

    def is_as_before(self) -> None:
        mark = self.host.mark(VOLUME)
        assert mark
        assert replace(mark, since=0) == replace(SEEN, since=0)
        assert self.host.content(VOLUME) == "new"
        assert self.host.containers() == {"postgres": (True, "always:0")}
        assert self.host.moving() == []

    def is_restored(self, generation: int = 2) -> None:
        mark = self.host.mark(VOLUME)
        assert mark
        assert replace(mark, since=0) == replace(LIVE, generation=generation)
        assert self.host.content(VOLUME) == "old"
        assert self.host.moving() == []

    def nothing_is_lost(self) -> None:
        """The data that was there is there, or in a snapshot that counts."""
        there = [self.host.content(one.name) for one in self.host.snapshots().values()]
        assert "old" in there
        assert "new" in {self.host.content(VOLUME), *there}


KEEPING = Taking(
    VOLUME, "db", "db-1", SEEN, IMAGE, PLACE, (POSTGRES,), version="v2", why=f"before restore of {OLD.id}"
)  # fmt: skip


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'bin')}:{os.environ['PATH']}")
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 3600)
    host = VolumeHost("db-1", tmp_path / "db-1")
    host.volume(VOLUME)
    host.content(VOLUME, "new")
    host.volume(OLD.name)
    host.content(OLD.name, "old")
    (host.root / "labels" / OLD.name).touch()
    (host.state / "snapshots").mkdir(parents=True)
    (host.state / "snapshots" / OLD.name).write_text(record_text(OLD))
    host.set_mark(VOLUME, SEEN)
    host.container(POSTGRES.id, POSTGRES.name, VOLUME)
    yield Scene(host, Restoring(VOLUME, "db-1", OLD, SEEN, LIVE, IMAGE, PLACE, KEEPING, (POSTGRES,)))
    # What watches over it would go on for ever.
    for one in (host.state / "moving").glob("*"):
        one.unlink()


def test_what_is_there_is_kept_and_what_was_comes_back(scene: Scene) -> None:
    states: list[tuple[str, str, bool]] = []

    def look(word: str) -> None:
        mark = scene.host.mark(VOLUME)
        running = scene.host.containers()["postgres"][0]
        states.append((word, mark.state.value if mark else "", running))

    scene.host.before = look
    scene.run()
    scene.is_restored()
    assert scene.host.containers() == {"postgres": (True, "always:0")}
    kept = scene.kept
    assert scene.host.content(kept.name) == "new"
    assert (kept.why, kept.version, kept.generation) == (f"before restore of {OLD.id}", "v2", 1)
    words = [one for one in states if one[0] not in {"alive", "remove", "look"}]
    assert words == [
        # What is to be copied is looked at before anything goes for it.
        ("start", "live", True), ("manifest", "live", True),
        ("over", "live", True), ("strangers", "live", True), ("begin", "live", True), ("start", "live", True),
        ("usage", "live", True), ("room", "live", True), ("clone", "live", True), ("clone", "live", True),
        ("manifest", "live", True), ("manifest", "live", True), ("stop", "live", True),
        ("clone --final", "incoming", False), ("same", "incoming", False), ("record", "incoming", False),
        ("release", "incoming", False), ("start", "incoming", False), ("clone --final", "incoming", False),
        ("same", "incoming", False), ("mark", "incoming", False), ("back", "live", False),
    ]  # fmt: skip
    assert scene.notes == [
        f"volume {VOLUME} is what snapshot {OLD.id} holds: 1.0 kB in 3 entries, byte for byte the same; "
        f"what was there is snapshot {kept.id}"
    ]


def test_while_it_is_overwritten_its_mark_says_by_what(scene: Scene) -> None:
    found: list[Mark | None] = []
    scene.host.before = lambda word: found.append(scene.host.mark(VOLUME)) if word == "release" else None
    scene.run()
    assert found[0]
    assert replace(found[0], since=0) == replace(
        SEEN, state=State.INCOMING, snapshot=OLD.id, since=0
    )  # fmt: skip


def test_a_snapshot_that_is_not_what_was_recorded_touches_nothing(scene: Scene) -> None:
    scene.host.answers("manifest", digest="another", entries=3, bytes=1)
    with pytest.raises(RemoteFailed, match="is not what was recorded") as caught:
        scene.run()
    assert "nothing was changed" in caught.value.hint
    scene.is_as_before()
    assert list(scene.host.snapshots()) == [OLD.id]


def test_a_volume_that_is_gone(scene: Scene) -> None:
    (scene.host.root / "volumes" / VOLUME).unlink()
    (scene.host.root / "content" / VOLUME).unlink()
    (scene.host.state / "volumes" / VOLUME).unlink()
    (scene.host.root / "engine" / POSTGRES.id / "name").unlink()
    scene.what = replace(scene.what, mark=None, keeping=None, writers=())
    scene.make = MakeVolume("shop", "test", Volume(VOLUME, "db"), half(scene.what), STATE)
    scene.run()
    scene.is_restored()
    assert list(scene.host.snapshots()) == [OLD.id]


def test_who_is_not_in_the_plan_is_not_stopped(scene: Scene) -> None:
    scene.host.before = lambda word: (
        scene.host.container("cccc", "backup", VOLUME) if word == "stop" else None
    )
    with pytest.raises(Drift, match="container backup uses volume") as caught:
        scene.run()
    assert f"volume {VOLUME} is used on db-1 as before" in caught.value.hint
    assert scene.host.containers()["postgres"] == (True, "always:0")
    assert scene.host.content(VOLUME) == "new"
    assert list(scene.host.snapshots()) == [OLD.id]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_what_fails_once_it_has_begun_brings_back_what_was_there(scene: Scene, number: int) -> None:
    """The first two are of the copy that keeps it, the other of the way back."""
    scene.host.fails("clone", number, what="the disk is full")
    with pytest.raises(FleetError) as caught:
        scene.run()
    scene.is_as_before()
    assert number < 3 or f"volume {VOLUME} is used on db-1 as before" in caught.value.hint


def test_what_differs_at_the_end_brings_back_what_was_there(scene: Scene) -> None:
    scene.host.answers("same", 2, equal=True, entries=3, bytes=1000, digest="another")
    with pytest.raises(RemoteFailed, match="is not what was recorded any more"):
        scene.run()
    scene.is_as_before()
    assert scene.kept


def test_the_way_back_fails_too(scene: Scene) -> None:
    scene.host.fails("clone", 4, what="the disk is full")
    scene.host.fails("clone", 5, what="the disk is full")
    with pytest.raises(RemoteFailed) as caught:
        scene.run()
    kept = scene.kept
    assert f"volume {VOLUME} on db-1 is half restored, and nothing uses it" in caught.value.hint
    assert f"inv volumes restore {VOLUME} --snapshot {kept.id}" in caught.value.hint
    scene.nothing_is_lost()
    assert not scene.host.containers()["postgres"][0]
    # As it says.
    scene.what = replace(scene.what, snapshot=kept)
    scene.again()
    assert scene.host.content(VOLUME) == "new"
    assert scene.host.containers() == {"postgres": (True, "always:0")}


def test_an_interrupt_does_not_interrupt_the_way_back(scene: Scene) -> None:
    scene.host.slow("clone", 4, 30)
    scene.host.before = lambda word: threading.Timer(0.3, scene.cancel.set).start() if word == "mark" or (
        word == "clone --final" and scene.host.done.count(word) == 2) else None  # fmt: skip
    with pytest.raises(Interrupted):
        scene.run()
    scene.is_as_before()


def test_nobody_knows_whether_it_was_marked(scene: Scene) -> None:
    scene.host.after = losing("mark")
    with pytest.raises(RemoteFailed, match="nobody knows whether volume"):
        scene.run()
    assert scene.host.content(VOLUME) == "old"


def test_an_answer_that_was_lost_is_looked_for(scene: Scene) -> None:
    def lose(word: str) -> None:
        if word == "mark":
            scene.host.after = lambda word: None
            raise Unreachable("the connection was lost", host="db-1")

    scene.host.after = lose
    scene.run()
    scene.is_restored()
    assert scene.host.containers() == {"postgres": (True, "always:0")}


def test_what_does_not_start_again_is_told(scene: Scene) -> None:
    scene.host.flaw(POSTGRES.id, "broken")
    with pytest.raises(RemoteFailed) as caught:
        scene.run()
    assert (
        f"volume {VOLUME} is restored, and what runs on it is not: inv deploy starts it" in caught.value.hint
    )
    assert scene.host.content(VOLUME) == "old"


# --- dumps


def dumped(scene: Scene, text: str) -> Scene:
    one = replace(OLD, kind=Kind.DUMP, digest=hashlib.sha256(text.encode()).hexdigest())
    (scene.host.state / "snapshots" / OLD.name).write_text(record_text(one))
    (scene.host.root / "dumped").write_text("all of it")
    load = Within(POSTGRES.id, "db.postgres", ("psql", "-f", "-"))
    scene.what = replace(scene.what, snapshot=one, writers=(), load=load)
    return scene


def test_a_dump_is_loaded_by_a_service_that_runs(scene: Scene) -> None:
    dumped(scene, "all of it").host.program("psql", 'echo "$*" >../loaded; cat >>../loaded')
    scene.run()
    assert (scene.host.root / "loaded").read_text() == "-f -\nall of it"
    mark = scene.host.mark(VOLUME)
    assert mark
    assert replace(mark, since=0) == LIVE
    assert scene.host.containers() == {"postgres": (True, "always:0")}
    assert (
        f"db.postgres has loaded snapshot {OLD.id}; what was there is snapshot {scene.kept.id}"
        in scene.notes[-1]
    )


def test_a_dump_that_cannot_be_loaded(scene: Scene) -> None:
    dumped(scene, "all of it").host.program("psql", 'echo "syntax error" >&2; exit 3')
    with pytest.raises(RemoteFailed) as caught:
        scene.run()
    assert "syntax error" in caught.value.why
    assert f"what was there: inv volumes restore {VOLUME} --snapshot {scene.kept.id}" in caught.value.hint
    mark = scene.host.mark(VOLUME)
    assert mark == SEEN


def test_a_dump_that_is_another_one_is_not_loaded(scene: Scene) -> None:
    dumped(scene, "some of it").host.program("psql", "echo loaded >../loaded")
    with pytest.raises(RemoteFailed) as caught:
        scene.run()
    assert "the dump is not what was recorded" in caught.value.why
    assert not (scene.host.root / "loaded").exists()


# --- cut off


STEPS = ("begin", "clone", "stop", "clone --final", "record", "release", "mark", "back")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("last", [False, True])
def test_cut_anywhere(
    scene: Scene, step: str, moment: str, last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controller is gone, and the connection with it: data is nowhere lost, nothing runs on half of it,
    and the next one goes on. ``last``: at the last time that the step is made."""
    monkeypatch.setattr("fleet.ops.fence.TICK", 0.1)
    with cut(scene.host, moment, step, time=2 if last and step in {"clone", "clone --final"} else 1):
        scene.run()
    # What may go on by itself does so, once it has not heard of us for long enough.
    if VOLUME in scene.host.moving():
        os.utime(scene.host.state / "moving" / VOLUME, (0, 0))
    until(lambda: VOLUME not in scene.host.moving() and f"{VOLUME}.back" not in scene.host.moving())
    scene.nothing_is_lost()
    mark = scene.host.mark(VOLUME)
    assert mark
    if scene.host.containers()["postgres"][0]:
        assert mark.state is State.LIVE
    if mark.state is State.INCOMING:
        assert mark.snapshot == OLD.id
    scene.again()
    mark = scene.host.mark(VOLUME)
    assert mark
    assert (mark.state, mark.snapshot) == (State.LIVE, "")
    assert scene.host.content(VOLUME) == "old"
    scene.nothing_is_lost()
