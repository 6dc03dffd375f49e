"""Archives and backups on a host in memory: whole ones only, and what is left where it fails."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fleet.errors import FleetError, Interrupted, RemoteFailed
from fleet.facts.snapshots import read_record
from fleet.model.archives import Address
from fleet.model.place import Place
from fleet.model.snapshots import Kind, Snapshot
from fleet.ops import archives as ops
from fleet.report import events as ev
from fleet.run.volumes import part as parts
from fleet.run.volumes.archiving import Store, bring, from_file, from_store, to_file, to_store
from fleet.run.volumes.ground import Ground
from fleet.transport.fake import FakeTransport

VOLUME = "shop-test-db_data"
TAKEN = Snapshot("20260101-000000-aaaa", VOLUME, "ab" * 16, 3, "v1", 1767225600, 4, 1000, "d1", why="by hand")
IMAGE = f"registry/fleet-volumes@sha256:{'ab' * 32}"
STREAM = bytes(range(256)) * 3000

# What the helper has to say is in answers; what it is given comes to given.
DOCKER = r"""
cd "$HOME" || exit
printf '%s\n' "$*" >>docker.log
case $1 in
  ps) [ ! -e helper ] || echo helper ;;
  rm) rm -f helper ;;
  run) [ ! -e refuse ] || { cat refuse >&2; exit 125; }; touch helper; echo id ;;
  volume)
    for name in "$@"; do :; done
    case $2 in
      create) touch "volumes/$name" ;;
      ls) ls volumes ;;
      rm) rm "volumes/$name" ;;
    esac ;;
  exec)
    [ -e helper ] || { echo 'No such container' >&2; exit 1; }
    case "$*" in
      *'volume pack'*) cat stream; cat answer >&2 ;;
      *'volume usage'*) echo "{\"result\": {\"free\": $(cat free)}}"; exit ;;
      *restic' 'init*) cat >given; rm none; echo '{"result": {}}' ;;
      *)
        cat >given
        if [ -e none ]; then echo '{"error": {"what": "there is no repository", "why": "stat"}}'; exit 1; fi
        cat answer ;;
    esac
    ! grep -q '"error"' answer ;;
esac
"""


@dataclass
class Scene:
    root: Path
    cancel: threading.Event = field(default_factory=threading.Event)
    told: list[ev.Event] = field(default_factory=list)

    def ground(self, address: Address | None = None, *, reads: bool = True) -> Ground:
        helper = ops.helper(VOLUME, IMAGE, self.place, TAKEN.name, address, reads=reads)
        wire = FakeTransport("db-1", self.root)
        return Ground("db-1", helper, wire, self.told.append, self.cancel, step="db-1/archive")

    @property
    def place(self) -> Place:
        return Place(str(self.root / "fleet"), "shop", "test")

    def answer(self, kind: str = "result", **fields: object) -> None:
        (self.root / "answer").write_text(json.dumps({kind: fields}) + "\n")

    def packed(self, **changes: object) -> None:
        found = {"sha256": hashlib.sha256(STREAM).hexdigest(), "bytes": len(STREAM), "digest": "d1"}
        self.answer(**(found | changes))

    def unpacked(self, snapshot: Snapshot = TAKEN, **changes: object) -> None:
        about = json.loads(ops.about(snapshot))
        found = {"sha256": hashlib.sha256(STREAM).hexdigest(), "digest": "d1", "about": about}
        self.answer(**(found | changes))

    def bring(self, filled: Callable, address: Address | None = None) -> Snapshot:
        ground = self.ground(address, reads=False)
        return bring(ground, self.place, VOLUME, "db", "shop.tar", filled)

    def records(self) -> list[Snapshot]:
        return [read_record(one.read_text()) for one in (self.root / "fleet").glob("snapshots/[!.]*")]

    def volumes(self) -> list[str]:
        return os.listdir(self.root / "volumes")

    @property
    def calls(self) -> list[str]:
        return (self.root / "docker.log").read_text().splitlines()

    def nothing_left(self) -> None:
        assert not (self.root / "helper").exists()
        assert self.volumes() == []
        assert self.records() == []


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    (tmp_path / "bin").mkdir()
    for name, text in (("docker", DOCKER), ("sync", "")):
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "host" / "volumes").mkdir(parents=True)
    made = Scene(tmp_path / "host")
    (made.root / "stream").write_bytes(STREAM)
    (made.root / "free").write_text(str(len(STREAM) * 2))
    made.packed()
    return made


def test_a_snapshot_becomes_a_file_for_nobody_else(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "shop.tar"
    assert to_file(scene.ground(), TAKEN, path) == len(STREAM)
    assert path.read_bytes() == STREAM
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir() if "part" in one.name] == []
    run = next(call for call in scene.calls if call.startswith("run"))
    assert f"src={TAKEN.name},dst=/data,volume-nocopy,readonly" in run
    assert "--network none" in run
    scene.nothing_left()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"sha256": "0"}, "is not what was sent"),
        ({"bytes": 1}, "is not what was sent"),
        ({"digest": "d2"}, "is not what it was when it was taken"),
    ],
)
def test_a_file_that_is_not_whole_is_none(
    scene: Scene, tmp_path: Path, changes: dict[str, object], what: str
) -> None:
    scene.packed(**changes)
    with pytest.raises(RemoteFailed, match=what):
        to_file(scene.ground(), TAKEN, tmp_path / "shop.tar")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bin", "host"]
    scene.nothing_left()


def test_a_dump_has_another_digest_than_its_volume(scene: Scene, tmp_path: Path) -> None:
    scene.packed(digest="of the manifest")
    to_file(scene.ground(), replace(TAKEN, kind=Kind.DUMP), tmp_path / "shop.tar")
    assert (tmp_path / "shop.tar").exists()


def test_what_the_helper_says_is_told(scene: Scene, tmp_path: Path) -> None:
    scene.answer("error", what="the volume has changed meanwhile", why="odd")
    with pytest.raises(RemoteFailed, match=r"pack snapshot .*: the volume has changed meanwhile"):
        to_file(scene.ground(), TAKEN, tmp_path / "shop.tar")
    scene.nothing_left()


def test_no_file_is_ever_replaced(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.tar"
    path.write_text("mine")
    with pytest.raises(FleetError, match="is there already"):
        to_file(scene.ground(), TAKEN, path)
    path.unlink()
    real = parts.Part.write

    def write(self: parts.Part, data: bytes) -> None:
        path.write_text("somebody was faster")
        real(self, data)

    monkeypatch.setattr(parts.Part, "write", write)
    with pytest.raises(FleetError, match="is there already"):
        to_file(scene.ground(), TAKEN, path)
    assert path.read_text() == "somebody was faster"
    scene.nothing_left()


def test_a_full_disk_here(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: parts.Part, data: bytes) -> None:
        raise self._failed(OSError(28, "No space left on device"))

    monkeypatch.setattr(parts.Part, "write", full)
    with pytest.raises(FleetError, match="cannot be written") as caught:
        to_file(scene.ground(), TAKEN, tmp_path / "shop.tar")
    assert caught.value.why == "No space left on device"
    scene.nothing_left()


def test_a_directory_that_is_not_there(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="cannot be written"):
        to_file(scene.ground(), TAKEN, tmp_path / "none" / "shop.tar")


def test_an_interrupt_leaves_nothing(scene: Scene, tmp_path: Path) -> None:
    scene.cancel.set()
    with pytest.raises(Interrupted):
        to_file(scene.ground(), TAKEN, tmp_path / "shop.tar")
    (tmp_path / "in").write_bytes(STREAM)
    with pytest.raises(Interrupted):
        scene.bring(from_file(tmp_path / "in"))
    assert not (tmp_path / "shop.tar").exists()
    scene.nothing_left()


def test_a_file_becomes_a_snapshot(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "shop.tar"
    path.write_bytes(STREAM)
    scene.unpacked(replace(TAKEN, volume="shop-prod-db_data"))
    made = scene.bring(from_file(path))
    assert made == replace(TAKEN, id=made.id, why="imported from shop.tar")
    assert made.id > TAKEN.id
    assert scene.records() == [made]
    assert scene.volumes() == [made.name]
    assert (scene.root / "given").read_bytes() == STREAM
    run = next(call for call in scene.calls if call.startswith("run"))
    assert f"src={made.name},dst=/data,volume-nocopy --tmpfs" in run
    assert not (scene.root / "helper").exists()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"sha256": "0"}, "is not what was sent"),
        ({"about": {}}, "is no export of a volume"),
        ({"about": {"snapshot": {"id": 5}}}, "is no export of a volume"),
        ({"digest": "d2"}, "is not what it was"),
    ],
)
def test_what_is_no_export_leaves_nothing(
    scene: Scene, tmp_path: Path, changes: dict[str, object], what: str
) -> None:
    path = tmp_path / "shop.tar"
    path.write_bytes(STREAM)
    scene.unpacked(**changes)
    with pytest.raises(RemoteFailed, match=what):
        scene.bring(from_file(path))
    scene.nothing_left()


def test_a_host_without_room_is_not_filled(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "shop.tar"
    path.write_bytes(STREAM)
    scene.unpacked()
    (scene.root / "free").write_text(str(len(STREAM)))
    with pytest.raises(RemoteFailed, match="no room for volume") as caught:
        scene.bring(from_file(path))
    assert "needs 806.4 kB more, and 768.0 kB are free" in str(caught.value.why)
    assert not (scene.root / "given").exists(), "nothing was sent"
    scene.nothing_left()


def test_a_helper_that_does_not_start_leaves_nothing(scene: Scene, tmp_path: Path) -> None:
    (scene.root / "refuse").write_text("no such network")
    with pytest.raises(FleetError, match="start the helper"):
        scene.bring(from_file(tmp_path / "none"))
    scene.nothing_left()


def test_a_file_that_cannot_be_read(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="cannot be read"):
        scene.bring(from_file(tmp_path / "none"))
    scene.nothing_left()


GIVEN = b'{"repository": "/repository"}'


@pytest.mark.parametrize("location", ["/srv/back ups", "s3:host/bucket"])
def test_a_backup_is_given_its_secrets_beside_the_arguments(scene: Scene, location: str) -> None:
    there = Address(location)
    scene.answer(id="ab12", digest="d1")
    assert to_store(scene.ground(there), TAKEN, Store(there, lambda: GIVEN), lambda: False) == "ab12"
    assert (scene.root / "given").read_bytes() == GIVEN
    run = next(call for call in scene.calls if call.startswith("run"))
    assert ('--mount type=bind,"src=/srv/back ups",dst=/repository' in run) == bool(there.directory)
    assert ("--network none" in run) == bool(there.directory)
    assert "--tmpfs /state:mode=0700" in run
    scene.nothing_left()


def test_a_repository_is_made_when_somebody_says_so(scene: Scene) -> None:
    there = Address("/srv/backups")
    scene.answer(id="ab12", digest="d1")
    (scene.root / "none").touch()
    with pytest.raises(RemoteFailed, match="there is no repository") as caught:
        to_store(scene.ground(there), TAKEN, Store(there, lambda: GIVEN), lambda: False)
    assert "--yes" in caught.value.hint
    assert to_store(scene.ground(there), TAKEN, Store(there, lambda: GIVEN), lambda: True) == "ab12"
    asked = [call.split(" volume ", 1)[1] for call in scene.calls if call.startswith("exec")]
    assert [" ".join(words.split()[:2]) for words in asked[-3:]] == [
        "restic backup",
        "restic init",
        "restic backup",
    ]


@pytest.mark.parametrize(("id_", "words"), [("ab12cd34", "--id ab12cd34"), ("", f"--newest-of {VOLUME}")])
def test_a_backup_becomes_a_snapshot(scene: Scene, id_: str, words: str) -> None:
    there = Address("/srv/backups", id_)
    scene.unpacked()
    made = scene.bring(from_store(Store(there, lambda: GIVEN), VOLUME), there)
    assert scene.records() == [made]
    assert any(call.endswith(f"volume restic restore {words}") for call in scene.calls)


def test_progress_is_told(scene: Scene, tmp_path: Path) -> None:
    line = json.dumps({"progress": {"bytes": 5, "total": 10, "rate": 2, "eta": 2.5}})
    (scene.root / "answer").write_text(f"{line}\n{(scene.root / 'answer').read_text()}")
    to_file(scene.ground(), TAKEN, tmp_path / "shop.tar")
    assert ev.Progress("db-1", "db-1/archive", 5, 10, 2, 2) in scene.told
