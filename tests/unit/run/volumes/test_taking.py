"""A snapshot is taken of a volume on a host in memory: what it looks at, what waits, and what is left."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fleet.errors import Drift, Interrupted, RemoteFailed
from fleet.model.place import Place
from fleet.model.snapshots import Kind, Snapshot, Taking, Within
from fleet.model.volumes import Mark, State, Writer
from fleet.ops.volume_helper import Helper
from fleet.report import events as ev
from fleet.run.volumes.beside import NotEqual
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.taking import take
from tests.support.cutting import cut
from tests.support.volume_hosts import STATE, VolumeHost, install
from tests.support.waiting import until

VOLUME = "shop_test_pgdata"
SEEN = Mark("11112222333344445555666677778888", 1, State.LIVE, since=1000)
IMAGE = f"registry/fleet-volumes@sha256:{'ab' * 32}"
POSTGRES, EXPORTER = Writer("aaaa", "postgres", 10), "bbbb"


@dataclass
class Scene:
    host: VolumeHost
    taking: Taking
    cancel: threading.Event = field(default_factory=threading.Event)
    told: list[ev.Event] = field(default_factory=list)

    def take(self, **changes: object) -> Snapshot:
        self.taking = replace(self.taking, **changes)  # type: ignore[arg-type]
        helper = Helper(VOLUME, IMAGE, self.taking.place, ())
        ground = Ground(
            "db-1", helper, self.host.transport, self.told.append, self.cancel, step="db-1/snapshot"
        )
        return take(self.taking, ground)

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, ev.Note)]

    def nothing_left(self) -> None:
        """Nobody waits, nothing counts, and no room is taken."""
        assert self.host.paused() == []
        assert self.host.snapshots() == {}
        assert self.host.volumes() == [VOLUME]
        assert not [one for one in self.host.containers() if one.endswith(".copy")]
        assert self.waiting() == []

    def waiting(self) -> list[str]:
        directory = self.host.state / "snapshots"
        return sorted(one.name for one in directory.glob(".waiting*"))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'bin')}:{os.environ['PATH']}")
    monkeypatch.setattr("fleet.ops.pause.TICK", 0.02)
    host = VolumeHost("db-1", tmp_path / "db-1")
    host.volume(VOLUME)
    host.set_mark(VOLUME, SEEN)
    host.container(POSTGRES.id, POSTGRES.name, VOLUME)
    host.container(EXPORTER, "exporter", VOLUME)
    taking = Taking(
        VOLUME, "db", "db-1", SEEN, IMAGE, Place(STATE, "shop", "test"), (POSTGRES,), (EXPORTER,),
        version="v1", why="before v2",
    )  # fmt: skip
    return Scene(host, taking)


def test_copied_while_used_then_once_more_while_nobody_writes(scene: Scene) -> None:
    seen: list[list[str]] = []
    scene.host.before = lambda word: seen.append([word, *scene.host.paused()])
    made = scene.take()
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", made.id)
    assert abs(made.at - time.time()) < 60
    assert made == Snapshot(
        made.id, VOLUME, SEEN.lineage, 1, "v1", made.at, 3, 1000, "d", Kind.COPY, "before v2"
    )  # fmt: skip
    assert scene.host.snapshots() == {made.id: made}
    assert scene.host.volumes() == [VOLUME, made.name]
    labels = (scene.host.root / "labels" / made.name).read_text().split()
    assert {"fleet.project=shop", "fleet.env=test", "fleet.role=db", f"fleet.snapshot={VOLUME}"} < set(labels)
    assert [word for word, *_ in seen] == [
        "remove", "over", "look", "strangers", "begin", "start", "usage", "room", "clone", "clone",
        "manifest", "manifest", "last", "record", "remove",
    ]  # fmt: skip
    assert scene.host.paused() == []
    # Who only reads goes on.
    calls = [call.split()[:2] for call in scene.host.docker_calls]
    assert ["pause", "aaaa"] in calls
    assert ["pause", "bbbb"] not in calls
    between = calls[calls.index(["pause", "aaaa"]) : calls.index(["unpause", "aaaa"])]
    assert between.count(["exec", f"{VOLUME}.copy"]) == 2
    (note,) = scene.notes
    assert re.match(
        rf"volume {VOLUME}: snapshot {made.id} of 1.0 kB in 3 entries, byte for byte the same; its writers "
        r"paused for \d+\.\d s", note,
    )  # fmt: skip
    assert not [one for one in scene.host.containers() if one.endswith(".copy")]


def test_the_helper_sees_the_volume_and_may_write_to_the_copy_only(scene: Scene) -> None:
    made = scene.take()
    (run,) = [call for call in scene.host.docker_calls if call.startswith("run")]
    assert f"--mount type=volume,src={VOLUME},dst=/data,volume-nocopy,readonly" in run
    assert f"--mount type=volume,src={made.name},dst=/copy,volume-nocopy " in run
    assert "--network none" in run


def test_where_blocks_are_shared_nothing_is_copied_twice(scene: Scene) -> None:
    scene.host.answers("clone", how="reflink", bytes=0, seconds=0.0, complete=True)
    scene.take()
    assert scene.host.done.count("clone") == 1, "and once more within the pause"


def test_nothing_runs_on_it(scene: Scene) -> None:
    made = scene.take(writers=(), readers=(POSTGRES.id, EXPORTER))
    assert "last" not in scene.host.done
    assert "clone --final" in scene.host.done
    assert not [call for call in scene.host.docker_calls if call.startswith("pause")]
    assert scene.notes[0].endswith("nothing runs on it")
    assert scene.host.snapshots() == {made.id: made}


def test_frozen_in_place_of_a_pause(scene: Scene) -> None:
    scene.host.program("lock", 'echo "lock $*" >>../did')
    scene.host.program("unlock", "echo unlock >>../did")
    freeze, thaw = (
        Within("aaaa", "db.postgres", ("lock", "it's all")),
        Within("aaaa", "db.postgres", ("unlock",)),
    )
    scene.take(freeze=freeze, thaw=thaw)
    assert (scene.host.root / "did").read_text() == "lock it's all\nunlock\n"
    assert not [call for call in scene.host.docker_calls if call.startswith("pause")]
    assert "its writers were frozen for" in scene.notes[0]


def test_a_freeze_that_fails_is_thawed(scene: Scene) -> None:
    scene.host.program("lock", 'echo "no lock" >&2; exit 3')
    scene.host.program("unlock", "echo unlock >>../did")
    within = [Within("aaaa", "db.postgres", (word,)) for word in ("lock", "unlock")]
    with pytest.raises(RemoteFailed) as caught:
        scene.take(freeze=within[0], thaw=within[1])
    assert "no lock" in caught.value.why
    assert "the freeze command failed" in caught.value.why
    assert (scene.host.root / "did").read_text() == "unlock\n"
    scene.nothing_left()


def test_a_thaw_that_fails_is_tried_again(scene: Scene) -> None:
    scene.host.program("lock", "")
    scene.host.program("unlock", 'echo unlock >>../did; [ "$(grep -c . ../did)" -ge 3 ]')
    within = [Within("aaaa", "db.postgres", (word,)) for word in ("lock", "unlock")]
    made = scene.take(freeze=within[0], thaw=within[1])
    assert (scene.host.root / "did").read_text() == "unlock\n" * 3
    assert scene.host.snapshots() == {made.id: made}


def test_a_thaw_that_never_succeeds_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.ops.pause.THAWS", 3)
    scene.host.program("lock", "exit 1")
    scene.host.program("unlock", "exit 1")
    within = [Within("aaaa", "db.postgres", (word,)) for word in ("lock", "unlock")]
    with pytest.raises(RemoteFailed) as caught:
        scene.take(freeze=within[0], thaw=within[1])
    assert "the thaw command has failed 3 times: see to it by hand" in caught.value.why
    scene.nothing_left()


def test_a_dump_in_place_of_a_copy(scene: Scene) -> None:
    scene.host.program("pg_dumpall", "printf 'all of it'")
    made = scene.take(dump=Within("aaaa", "db.postgres", ("pg_dumpall", "--clean")))
    assert (made.kind, made.bytes, made.entries) == (Kind.DUMP, 9, 1)
    assert made.digest == hashlib.sha256(b"all of it").hexdigest()
    assert (scene.host.root / "dumped").read_text() == "all of it"
    assert scene.host.snapshots() == {made.id: made}
    assert "9 B, dumped by db.postgres" in scene.notes[0]
    assert not {"clone", "last", "room"} & set(scene.host.done)


@pytest.mark.parametrize(
    ("program", "told"),
    [("printf half; echo 'no space' >&2; exit 3", "ended with exit status 3"), ("", "it printed nothing")],
)
def test_a_dump_that_fails(scene: Scene, program: str, told: str) -> None:
    scene.host.program("pg_dumpall", program)
    with pytest.raises(RemoteFailed) as caught:
        scene.take(dump=Within("aaaa", "db.postgres", ("pg_dumpall",)))
    assert told in str(caught.value)
    scene.nothing_left()


def test_a_writer_that_nobody_knows(scene: Scene) -> None:
    scene.host.container("cccc", "backup", VOLUME)
    with pytest.raises(RemoteFailed) as caught:
        scene.take()
    assert caught.value.what == f"volume {VOLUME} is used by backup"
    assert "docker stop backup" in caught.value.hint
    scene.nothing_left()
    # Who only reads does no harm.
    scene.host.flaw("cccc", "reader")
    scene.take()


def test_a_writer_that_comes_meanwhile(scene: Scene) -> None:
    scene.host.before = lambda word: (
        scene.host.container("cccc", "backup", VOLUME) if word == "last" else None
    )
    with pytest.raises(Drift, match=f"container backup uses volume {VOLUME}, too"):
        scene.take()
    scene.nothing_left()


@pytest.mark.parametrize(
    "found", [None, replace(SEEN, generation=2), replace(SEEN, state=State.FENCED, peer="db-2")]
)
def test_a_volume_that_is_not_as_planned(scene: Scene, found: Mark | None) -> None:
    path = scene.host.state / "volumes" / VOLUME
    path.unlink()
    if found:
        scene.host.set_mark(VOLUME, found)
    with pytest.raises(Drift, match="is not as planned any more"):
        scene.take()
    scene.nothing_left()
    # When it was written, and what was healthy since, does not matter.
    scene.host.set_mark(VOLUME, replace(SEEN, since=5, proven=True))
    scene.take()


def test_without_its_image(scene: Scene) -> None:
    scene.host.image(False)
    with pytest.raises(RemoteFailed, match=r"the helper image .* is not on the host"):
        scene.take()
    scene.nothing_left()


def test_no_room(scene: Scene) -> None:
    scene.host.says("stat", "1 1000 0 0\n")
    with pytest.raises(RemoteFailed) as caught:
        scene.take()
    assert caught.value.what == f"there is no room for volume {VOLUME}"
    assert caught.value.host == "db-1"
    scene.nothing_left()
    scene.host.says("stat", "1000000 1000 1000 2\n")
    with pytest.raises(RemoteFailed, match="no room for the files"):
        scene.take()


def test_what_differs_is_copied_once_more_and_then_told(scene: Scene) -> None:
    differing = {"equal": False, "entries": 3, "bytes": 1, "digest": "e", "differences": ["a: content"]}
    scene.host.answers("same", 1, **differing)
    scene.take()
    assert scene.host.done.count("last") == 2
    scene.host.answers("same", **differing)
    with pytest.raises(NotEqual) as caught:
        scene.take()
    assert caught.value.why == "a: content"
    assert len(scene.host.snapshots()) == 1
    assert len(scene.host.volumes()) == 2
    assert scene.host.paused() == []


def test_a_helper_that_fails_within_the_pause(scene: Scene) -> None:
    scene.host.fails("clone", 3, what="the disk is full", why="No space left on device")
    with pytest.raises(RemoteFailed) as caught:
        scene.take()
    assert "the disk is full" in caught.value.what
    scene.nothing_left()


def test_a_last_pass_that_takes_too_long(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.ops.pause.LEAST", 2)
    scene.host.slow("clone", 3, 30)
    with pytest.raises(RemoteFailed) as caught:
        scene.take()
    assert "it took longer than 2 s: the writers go on" in caught.value.why
    scene.nothing_left()


def test_one_that_cannot_be_paused(scene: Scene) -> None:
    scene.host.container("cccc", "worker", VOLUME)
    scene.host.flaw("cccc", "stubborn")
    with pytest.raises(RemoteFailed) as caught:
        scene.take(writers=(POSTGRES, Writer("cccc", "worker", 1)))
    assert "cannot pause cccc" in caught.value.why
    scene.nothing_left()


def test_an_engine_that_is_away_for_a_while_lets_them_go_on_later(scene: Scene) -> None:
    """It goes when all is copied, and comes back when it was asked twice."""
    host = scene.host

    def away() -> None:
        until(lambda: host.paused() == ["aaaa"])
        host.silent("unpause")
        until(lambda: sum(call.startswith("unpause") for call in host.docker_calls) > 2)
        host.silent("unpause", over=True)

    thread = threading.Thread(target=away)
    thread.start()
    host.slow("clone", 3, 0.5)
    made = scene.take()
    thread.join()
    assert host.paused() == []
    assert host.snapshots() == {made.id: made}


def test_the_controller_is_killed_within_the_pause(scene: Scene) -> None:
    """As the transport does it: the whole process group of the script is gone, at once."""
    host = scene.host
    host.slow("clone", 3, 1)

    def kill() -> None:
        until(lambda: host.paused() == ["aaaa"])
        scene.cancel.set()

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(Interrupted):
        scene.take()
    thread.join()
    until(lambda: host.paused() == [])
    until(lambda: scene.waiting() == [])
    assert host.snapshots() == {}


def test_what_a_killed_script_left_waiting_goes_on_first(scene: Scene) -> None:
    notes = scene.host.state / "snapshots"
    notes.mkdir(parents=True)
    (notes / f".waiting-{VOLUME}").write_text("aaaa\n")
    scene.host.flaw("aaaa", "paused")
    seen: list[list[str]] = []
    scene.host.before = lambda word: seen.append(scene.host.paused()) if word == "look" else None
    scene.take()
    assert seen == [[]]


def test_what_was_cut_off_is_cleared_away_and_what_counts_stays(scene: Scene) -> None:
    first = scene.take()
    cut = f"{VOLUME}.snapshot-20200101-000000-aaaa"
    scene.host.volume(cut)
    (scene.host.root / "labels" / cut).touch()
    second = scene.take()
    assert scene.host.volumes() == [VOLUME, *sorted([first.name, second.name])]


def test_a_full_disk_when_it_is_recorded(scene: Scene) -> None:
    scene.host.before = lambda word: scene.host.disk(full=True) if word == "record" else None
    with pytest.raises(RemoteFailed):
        scene.take()
    assert scene.host.snapshots() == {}
    assert scene.host.volumes() == [VOLUME]


STEPS = (
    "remove", "over", "look", "strangers", "begin", "start", "usage", "room", "clone", "manifest", "last",
    "record",
)  # fmt: skip


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_cut_anywhere(scene: Scene, step: str, moment: str) -> None:
    """The connection is gone for good: nothing counts that is not whole, and the next one clears up."""
    with cut(scene.host, moment, step):
        scene.take()
    assert scene.host.paused() == []
    assert scene.host.snapshots() == {}
    scene.take()
    assert len(scene.host.snapshots()) == 1
    assert len(scene.host.volumes()) == 2
