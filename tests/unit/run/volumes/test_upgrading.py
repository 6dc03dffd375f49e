"""A volume's data is upgraded on a host in memory, and is cut off everywhere on its way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fleet.errors import Drift, RemoteFailed
from fleet.model.place import Place
from fleet.model.snapshots import Restoring, Snapshot, Taking, Upgrading
from fleet.model.volumes import Mark, State, Writer
from fleet.ops.job import RunJob
from fleet.ops.volume_helper import Helper
from fleet.plan.keeping import RestoreVolume, UpgradeVolume
from fleet.report import events as ev
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.restoring import restore
from fleet.run.volumes.upgrading import upgrade
from tests.support.cutting import cut
from tests.support.volume_hosts import STATE, VolumeHost, install
from tests.unit.plan.test_upgrades import command
from tests.unit.run.volumes.test_restoring import IMAGE, POSTGRES, SEEN, VOLUME, until

BACKUP = Writer("bbbb", "backup", 1)
PLACE = Place(STATE, "shop", "test")
LIVE = replace(SEEN, generation=2, proven=False, upgrades=("u1",))


@dataclass
class Scene:
    """``does``: what the command does to the volume."""

    host: VolumeHost
    what: Upgrading
    does: Callable[[], None]
    told: list[ev.Event] = field(default_factory=list)

    def ground(self) -> Ground:
        helper = Helper(VOLUME, IMAGE, PLACE, ())
        return Ground("db-1", helper, self.host.transport, self.told.append, threading.Event(), step="db-1/x")

    def run(self) -> None:
        def execute(op: RunJob) -> None:
            self.host.before("command")
            self.does()
            self.host.after("command")

        upgrade(UpgradeVolume("db-1", self.what, command()), self.ground(), execute)

    def again(self) -> None:
        """As the next plan has it, from what is there now."""
        mark = self.host.mark(VOLUME)
        assert mark
        if mark.upgrades == LIVE.upgrades:
            return
        kept = self.host.snapshots()[mark.snapshot] if mark.snapshot else None
        running = self.host.containers()
        there = tuple(one for one in (POSTGRES, BACKUP) if running[one.name][0])
        self.what = replace(
            self.what, mark=mark, kept=kept, keeping=None if kept else keeping(mark), writers=there
        )
        self.does = self.upgraded
        self.run()

    def upgraded(self) -> None:
        assert self.host.content(VOLUME) == "old", "it begins in what is whole"
        assert not self.host.containers()["postgres"][0]
        self.host.content(VOLUME, "upgraded")

    @property
    def kept(self) -> Snapshot:
        (one,) = self.host.snapshots().values()
        return one

    def is_as_before(self) -> None:
        mark = self.host.mark(VOLUME)
        assert mark
        assert replace(mark, since=0) == replace(SEEN, since=0)
        assert self.host.content(VOLUME) == "old"
        assert self.host.containers() == {"postgres": (True, "always:0"), "backup": (True, "always:0")}
        assert self.host.moving() == []

    def is_upgraded(self) -> None:
        mark = self.host.mark(VOLUME)
        assert mark
        assert replace(mark, since=0) == replace(LIVE, since=0)
        assert self.host.content(VOLUME) == "upgraded"
        assert "old" in {self.host.content(one.name) for one in self.host.snapshots().values()}


def keeping(mark: Mark) -> Taking:
    why = "before the upgrade of v2"
    return Taking(VOLUME, "db", "db-1", mark, IMAGE, PLACE, (POSTGRES, BACKUP), version="v1", why=why)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'bin')}:{os.environ['PATH']}")
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 3600)
    host = VolumeHost("db-1", tmp_path / "db-1")
    host.volume(VOLUME)
    host.content(VOLUME, "old")
    host.set_mark(VOLUME, SEEN)
    for one in (POSTGRES, BACKUP):
        host.container(one.id, one.name, VOLUME)
    what = Upgrading(
        VOLUME, "db-1", SEEN, LIVE, IMAGE, PLACE, keeping(SEEN), writers=(POSTGRES, BACKUP),
        replaced=(POSTGRES.id,),
    )  # fmt: skip
    made = Scene(host, what, lambda: None)
    made.does = made.upgraded
    return made


def test_the_command_runs_on_what_is_kept_elsewhere(scene: Scene) -> None:
    states: list[tuple[str, str]] = []

    def look(word: str) -> None:
        mark = scene.host.mark(VOLUME)
        states.append((word, mark.state.value if mark else ""))

    scene.host.before = look
    scene.run()
    scene.is_upgraded()
    kept = scene.kept
    assert (kept.why, kept.upgrades, kept.generation) == ("before the upgrade of v2", (), 1)
    # The one in whose place the new version starts stays stopped; the other runs again.
    assert scene.host.containers() == {"postgres": (False, "no:0"), "backup": (True, "always:0")}
    assert scene.host.moving() == []
    words = [one for one in states if one[0] not in {"alive", "remove", "look"}]
    assert words[-8:] == [
        ("stop", "live"), ("clone --final", "incoming"), ("same", "incoming"), ("record", "incoming"),
        ("release", "incoming"), ("command", "incoming"), ("mark", "incoming"), ("back", "live"),
    ]  # fmt: skip
    (note,) = [event.text for event in scene.told if isinstance(event, ev.Note)]
    assert note == f"volume {VOLUME} is upgraded; what was there is snapshot {kept.id}"


def test_a_command_that_fails_changes_nothing(scene: Scene) -> None:
    def fails() -> None:
        scene.host.content(VOLUME, "half of it")
        raise RemoteFailed("job db.upgrade.data failed: exit status 3")

    scene.does = fails
    with pytest.raises(RemoteFailed, match="exit status 3") as caught:
        scene.run()
    assert f"volume {VOLUME} is used on db-1 as before" in caught.value.hint
    scene.is_as_before()
    # It does not go on in what was copied back.
    assert any(one.startswith("rm -f ") and "upgrade.data" in one for one in scene.host.docker_calls)
    scene.again()
    scene.is_upgraded()


def test_who_is_not_in_the_plan_is_not_stopped(scene: Scene) -> None:
    scene.host.before = lambda word: scene.host.container("cccc", "other", VOLUME) if word == "stop" else None
    with pytest.raises(Drift, match="container other uses volume"):
        scene.run()
    assert scene.host.content(VOLUME) == "old"
    assert scene.host.containers()["postgres"] == (True, "always:0")
    assert scene.host.snapshots() == {}


def test_the_way_back_fails_too(scene: Scene) -> None:
    def fails() -> None:
        scene.host.content(VOLUME, "half of it")
        raise RemoteFailed("no")

    scene.does = fails
    scene.host.fails("clone", 4, what="the disk is full")
    with pytest.raises(RemoteFailed) as caught:
        scene.run()
    assert f"volume {VOLUME} on db-1 is half upgraded, and nothing uses it" in caught.value.hint
    assert not scene.host.containers()["postgres"][0]
    scene.again()
    scene.is_upgraded()
    assert len(scene.host.snapshots()) == 1


def test_what_does_not_start_again_is_told(scene: Scene) -> None:
    scene.host.flaw(BACKUP.id, "broken")
    with pytest.raises(RemoteFailed) as caught:
        scene.run()
    assert f"volume {VOLUME} is upgraded, and what runs on it is not: inv deploy" in caught.value.hint
    scene.is_upgraded()


def test_a_run_that_goes_back_brings_back_what_was(scene: Scene) -> None:
    """The new version was never healthy on it: it stops, and stays so."""
    scene.run()
    kept = scene.kept
    (scene.host.root / "engine" / POSTGRES.id / "running").write_text("true\n")
    mark = scene.host.mark(VOLUME)
    assert mark
    live = replace(mark, generation=3, upgrades=())
    what = Restoring(
        VOLUME, "db-1", kept, mark, live, IMAGE, PLACE, writers=(POSTGRES, BACKUP), replaced=(POSTGRES.id,)
    )
    restore(RestoreVolume("db-1", what), scene.ground())
    found = scene.host.mark(VOLUME)
    assert found
    assert replace(found, since=0) == replace(live, since=0)
    assert scene.host.content(VOLUME) == "old"
    assert scene.host.containers() == {"postgres": (False, "no:0"), "backup": (True, "always:0")}
    assert list(scene.host.snapshots()) == [kept.id]


def test_what_cannot_be_stopped_for_that_goes_on(scene: Scene) -> None:
    scene.run()
    scene.host.container("cccc", "other", VOLUME)
    mark = scene.host.mark(VOLUME)
    assert mark
    live = replace(mark, generation=3, upgrades=())
    what = Restoring(VOLUME, "db-1", scene.kept, mark, live, IMAGE, PLACE, writers=(BACKUP,))
    with pytest.raises(Drift, match="container other uses") as caught:
        restore(RestoreVolume("db-1", what), scene.ground())
    assert f"volume {VOLUME} is used on db-1 as before" in caught.value.hint
    scene.is_upgraded()
    assert scene.host.containers()["backup"] == (True, "always:0")


STEPS = ("begin", "clone", "stop", "clone --final", "record", "release", "command", "mark", "back")


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_cut_anywhere(scene: Scene, step: str, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller is gone, and the connection with it: what was there is there or in a snapshot that
    counts, nothing runs on half of it, and the next run carries it out."""
    monkeypatch.setattr("fleet.ops.fence.TICK", 0.1)

    def half() -> None:
        if step == "command":
            scene.host.content(VOLUME, "half of it")

    with cut(scene.host, moment, step, then=half):
        scene.run()
    if VOLUME in scene.host.moving():
        os.utime(scene.host.state / "moving" / VOLUME, (0, 0))
    until(lambda: VOLUME not in scene.host.moving() and f"{VOLUME}.back" not in scene.host.moving())
    there = [
        scene.host.content(VOLUME),
        *map(scene.host.content, (one.name for one in scene.host.snapshots().values())),
    ]
    assert "old" in there
    mark = scene.host.mark(VOLUME)
    assert mark
    if scene.host.containers()["postgres"][0]:
        assert (mark.state, scene.host.content(VOLUME)) == (State.LIVE, "old")
    if mark.state is State.INCOMING:
        assert scene.host.snapshots()[mark.snapshot].of_upgrade
    scene.again()
    scene.is_upgraded()
