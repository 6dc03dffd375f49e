"""A volume as a stream and back, and all that may be wrong with the stream."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import socket
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from volume import archive, main
from volume import pack as packing
from volume.manifest import make_manifest
from volume.pack import pack, unpack
from volume.places import Places
from volume.words import Failure

ABOUT = {"volume": "shop-test-db_data", "generation": 3, "note": "ü\n"}


@pytest.fixture
def filled(places: Places) -> Places:
    (places.data / "sub").mkdir()
    (places.data / "sub/file").write_bytes(b"content" * 3000)
    (places.data / "fleet.json").write_text("the volume's own")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(places.data / "socket"))
    os.symlink(b"\xff", places.root + b"/to bytes")
    os.setxattr(places.data / "sub", "user.comment", b"x")
    os.utime(places.data / "sub", ns=(1, 1_500_000_000_123_456_789))
    os.utime(places.data, ns=(1, 1_600_000_000_123_456_789))
    return places


@pytest.fixture
def other(tmp_path: Path) -> Places:
    """An empty volume in another container."""
    there = tmp_path / "other"
    (there / "data").mkdir(parents=True)
    os.utime(there / "data", ns=(5, 5))
    made = Places(there / "data", there / "state")
    made.prepare()
    return made


def packed(places: Places) -> bytes:
    out = io.BytesIO()
    pack(places, ABOUT, out)
    return out.getvalue()


def test_there_and_back(filled: Places, other: Places) -> None:
    out = io.BytesIO()
    done = pack(filled, ABOUT, out)
    stream = out.getvalue()
    assert done["sha256"] == hashlib.sha256(stream).hexdigest()
    assert done["bytes"] == len(stream)
    back = unpack(other, io.BytesIO(stream))
    assert {name: back[name] for name in ("sha256", "digest", "entries")} == {
        name: done[name] for name in ("sha256", "digest", "entries")
    }
    assert (back["about"], back["bytes"]) == (ABOUT, done["volume_bytes"])
    assert make_manifest(other)["digest"] == make_manifest(filled)["digest"]


def test_tar_unpacks_it_by_hand(filled: Places, tmp_path: Path) -> None:
    file, there = tmp_path / "a.tar", tmp_path / "by hand"
    file.write_bytes(packed(filled))
    there.mkdir()
    subprocess.run(["tar", "-xf", file, "-C", there], check=True)
    assert (there / "data/sub/file").read_bytes() == b"content" * 3000
    assert json.loads((there / "fleet.json").read_text())["fleet"]["about"] == ABOUT
    with tarfile.open(file) as read:
        names = read.getnames()
    assert names[0] == "data"
    assert names[-1] == "fleet.json"


def test_a_single_wrong_byte_is_found_or_does_not_matter(filled: Places, other: Places) -> None:
    """Padding and times of the last access are nobody's data; whatever else is wrong leaves nothing."""
    stream, digest = packed(filled), make_manifest(filled)["digest"]
    chance = random.Random(5)
    found = 0
    for place in chance.sample(range(len(stream)), 120):
        wrong = bytearray(stream)
        wrong[place] ^= 1 << chance.randrange(8)
        try:
            unpack(other, io.BytesIO(bytes(wrong)))
        except Failure:
            found += 1
        else:
            assert make_manifest(other)["digest"] == digest
            subprocess.run(["find", other.data, "-mindepth", "1", "-delete"], check=True)
            continue
        assert os.listdir(other.data) == []
    assert found > 30


@pytest.mark.parametrize("part", [0.0, 0.1, 0.3, 0.6])
def test_a_stream_that_was_cut_leaves_nothing(part: float, filled: Places, other: Places) -> None:
    stream = packed(filled)
    with pytest.raises(Failure, match="cut short" if part else "is empty"):
        unpack(other, io.BytesIO(stream[: int(len(stream) * part)]))
    assert os.listdir(other.data) == []
    status = other.data.stat()
    assert (status.st_mtime_ns, os.listxattr(other.data)) == (5, [])


def plain_tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if name == "data":
                info.type = tarfile.DIRTYPE
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        (b"PK\x03\x04 what is this? " * 1000, "that is no archive of a volume"),
        (plain_tar({"data": b"", "data/file": b"x"}), "none of a volume"),
        (plain_tar({"data": b"", "fleet.json": b"{}"}), "the archive is damaged"),
        (plain_tar({"data": b"", "fleet.json": b"no JSON"}), "the archive is damaged"),
        (
            plain_tar({"data": b"", "fleet.json": b'{"fleet": {"format": 9}, "sha256": ""}'}),
            "of another format",
        ),
    ],
)
def test_what_is_no_archive(stream: bytes, what: str, other: Places) -> None:
    with pytest.raises(Failure, match=what):
        unpack(other, io.BytesIO(stream))
    assert os.listdir(other.data) == []


def test_nothing_but_the_volume_is_unpacked(filled: Places, other: Places) -> None:
    """A stranger's archive: other members are left out, and none gets out of the volume."""
    stream = plain_tar({"elsewhere": b"x", "data/../../out": b"x", "data": b"", "fleet.json": b"{}"})
    with pytest.raises(Failure):
        unpack(other, io.BytesIO(stream))
    assert not [path for path in other.data.parent.parent.rglob("*") if path.name in ("elsewhere", "out")]


def test_what_holds_something_is_left_alone(filled: Places) -> None:
    before = make_manifest(filled)["digest"]
    with pytest.raises(Failure, match="not empty"):
        unpack(filled, io.BytesIO(packed(filled)))
    assert make_manifest(filled)["digest"] == before


def while_it_is_read(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    real = packing._stream

    def stream(*arguments: object) -> bytes:
        end = real(*arguments)  # type: ignore[arg-type]
        change()
        return end

    monkeypatch.setattr(packing, "_stream", stream)


def test_what_is_written_to_is_no_archive(
    filled: Places, other: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_it_is_read(monkeypatch, lambda: (filled.data / "sub/file").write_text("new"))
    out = io.BytesIO()
    with pytest.raises(Failure, match="has changed meanwhile"):
        pack(filled, ABOUT, out)
    with pytest.raises(Failure, match="is empty"):
        unpack(other, io.BytesIO(out.getvalue()))


def test_what_is_being_written_to_is_not_begun(filled: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "make_manifest", lambda _: {"changing": 1})
    out = io.BytesIO()
    with pytest.raises(Failure, match="in use"):
        pack(filled, ABOUT, out)
    assert not out.getvalue()


@pytest.mark.parametrize(("status", "what"), [(1, "has changed meanwhile"), (2, "reading the volume failed")])
def test_what_it_means_that_tar_fails(
    status: int, what: str, filled: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CREATE", ["sh", "-c", f"echo odd >&2; exit {status}"])
    with pytest.raises(Failure, match=what) as caught:
        packed(filled)
    assert caught.value.why.endswith("odd")


def test_nobody_reads(filled: Places) -> None:
    class Closed(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    with pytest.raises(Failure, match="nobody reads"):
        pack(filled, ABOUT, Closed())


def test_a_stream_that_fails_leaves_nothing(filled: Places, other: Places) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError("gone")
            return super().read(16384)

    with pytest.raises(OSError, match="gone"):
        unpack(other, Failing(packed(filled)))
    assert os.listdir(other.data) == []


def test_by_the_commands(
    filled: Places, other: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def called(words: list[str], places: Places, given: bytes = b"") -> tuple[int, bytes, dict]:
        """Status, stdout, and the last line of what is said."""
        (tmp_path / "in").write_bytes(given)
        with (
            (tmp_path / "out").open("w") as out,
            (tmp_path / "err").open("w") as err,
            (tmp_path / "in").open() as stdin,
        ):
            for name, file in (("stdout", out), ("stderr", err), ("stdin", stdin)):
                monkeypatch.setattr(f"sys.{name}", file)
            status = main.main(words, places)
        said = (tmp_path / "err").read_text() or (tmp_path / "out").read_text()
        return status, (tmp_path / "out").read_bytes(), json.loads(said.splitlines()[-1])

    status, stream, said = called(["pack", "--about", json.dumps(ABOUT)], filled)
    assert (status, said["result"]["sha256"]) == (0, hashlib.sha256(stream).hexdigest())
    status, _, said = called(["unpack"], other, stream)
    assert (status, said["result"]["about"]) == (0, ABOUT)
    assert called(["pack", "--about", "[]"], filled)[2]["error"]["what"] == "volume was called wrongly"
