"""Large files that differ, between two processes: only blocks go over, and then both sides are the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from volume import manifest
from volume import patch as module
from volume.blocks import Run, runs
from volume.content import BLOCK, CHUNK, LARGE, Parts, sums_of
from volume.link import Address
from volume.manifest import make_manifest
from volume.mend import mend
from volume.patch import Patched, patch
from volume.places import Places
from volume.words import Failure

SIZE = LARGE + 5 * BLOCK + 17
TARGET = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from volume import manifest
from volume.main import main
from volume.places import Places
manifest.timely = lambda _: True
sys.exit(main(["receive"], Places(Path(sys.argv[2]) / "data", Path(sys.argv[2]) / "state")))
"""


class Local(NamedTuple):
    """The way to a target that is another process here."""

    root: Path
    to: Address = Address("10.0.0.2", 2222)

    def words(self, command: str) -> list[str]:
        package = str(Path(module.__file__).parents[1])
        return [
            "env",
            f"SSH_ORIGINAL_COMMAND={command}",
            sys.executable,
            "-c",
            TARGET,
            package,
            str(self.root),
        ]


class Both(NamedTuple):
    here: Places
    there: Places
    link: Local

    def patch(self, *, final: bool = True, rate: int = 0) -> Patched:
        return patch(self.here, self.link, rate, final)  # type: ignore[arg-type]

    def equal(self) -> bool:
        """Without what either side remembers, and with it."""
        remembered = [make_manifest(each, keep=False)["digest"] for each in (self.here, self.there)]
        for each in (self.here, self.there):
            each.known.unlink()
        return len({*remembered, *(make_manifest(each)["digest"] for each in (self.here, self.there))}) == 1


@pytest.fixture
def both(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Both:
    """A file is the same on both sides, and both know it."""
    monkeypatch.setattr(manifest, "timely", lambda _: True)
    there = Places(tmp_path / "there/data", tmp_path / "there/state")
    there.data.mkdir(parents=True)
    there.prepare()
    (places.data / "large").write_bytes(os.urandom(SIZE))
    subprocess.run(["cp", "-a", f"{places.data}/.", there.data], check=True)
    clock = time.time_ns
    with monkeypatch.context() as later:
        later.setattr(manifest.time, "time_ns", lambda: clock() + 10 * manifest.TICK)
        assert make_manifest(places)["digest"] == make_manifest(there)["digest"]
    return Both(places, there, Local(tmp_path / "there"))


def write(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def rest() -> None:
    """A file that was written just now may be written to once more within the same tick of the clock."""
    time.sleep(2 * manifest.FINE / 10**9)


def test_a_block_that_differs_is_what_goes_over(both: Both) -> None:
    write(both.here.data / "large", CHUNK + 5, b"other")
    write(both.here.data / "large", SIZE - 3, b"end")
    rest()
    assert both.patch() == Patched(BLOCK + 17, 1, (b"large",))
    # What was read or written just now is not read once more.
    for each in (both.here, both.there):
        assert make_manifest(each, keep=False)["hashed"] == 0
    assert both.equal()
    assert both.patch() == Patched()


@pytest.mark.parametrize(
    "change",
    [
        lambda path: os.truncate(path, LARGE + 5),
        lambda path: os.truncate(path, LARGE),
        lambda path: os.truncate(path, SIZE + 3 * CHUNK),
        lambda path: path.write_bytes(path.read_bytes() + os.urandom(2 * CHUNK + 1)),
        lambda path: path.write_bytes(os.urandom(SIZE)),
        lambda path: write(path, CHUNK, bytes(CHUNK)),
        lambda path: (os.truncate(path, SIZE + 2 * CHUNK), write(path, SIZE + CHUNK, b"island")),
        lambda path: os.utime(path, ns=(1, 1)),
    ],
)
def test_whatever_has_become_of_it(both: Both, change: Callable[[Path], object]) -> None:
    change(both.here.data / "large")
    rest()
    assert both.patch().paths == (b"large",)
    assert both.equal()


def test_what_is_a_hole_stays_one(both: Both) -> None:
    os.truncate(both.here.data / "large", SIZE + 100 * CHUNK)
    rest()
    assert both.patch().sent <= CHUNK
    assert (both.there.data / "large").stat().st_blocks * 512 < SIZE + 2 * CHUNK
    assert both.equal()


def test_a_target_that_knows_nothing_reads_first(both: Both) -> None:
    both.there.parts.unlink()
    write(both.here.data / "large", 7, b"x")
    rest()
    assert both.patch().sent == BLOCK
    assert both.equal()


def test_equal_sums_of_other_blocks_do_not_hide_them() -> None:
    """It goes over as a whole then."""
    data = os.urandom(3 * BLOCK)
    there = Parts(hashlib.sha256(b"other").digest(), sums_of(data))
    assert runs(CHUNK, data, there)[1] == [Run(CHUNK, data)]
    assert runs(CHUNK, data, Parts(hashlib.sha256(data).digest(), sums_of(data))) == (
        Parts(hashlib.sha256(data).digest(), sums_of(data)),
        [],
    )


def test_a_file_that_is_written_meanwhile_is_not_over(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    read = module.read_chunk

    def while_writing(handle: int, start: int, length: int) -> bytes:
        data = read(handle, start, length)
        write(both.here.data / "large", 3, os.urandom(8))
        return data

    write(both.here.data / "large", 3, b"x")
    with monkeypatch.context() as busy:
        busy.setattr(module, "read_chunk", while_writing)
        busy.setattr(module, "cores", lambda: 1)
        assert both.patch(final=False).paths == (b"large",)
    rest()
    assert (both.there.data / "large").stat().st_mtime_ns == 0
    assert both.patch().changed == 1
    assert both.equal()


@pytest.mark.parametrize("name", ["../large", "link/large", "twin", "small", "fifo", "gone"])
def test_only_a_file_of_the_volume_itself_is_written_to(both: Both, name: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for path in (both.there.data.parent / "large", outside / "large", both.there.data / "twin"):
        path.write_bytes(bytes(SIZE))
    os.link(both.there.data / "twin", both.there.data / "other")
    (both.there.data / "small").write_bytes(b"x")
    (both.there.data / "link").symlink_to(outside)
    os.mkfifo(both.there.data / "fifo")
    asked = tmp_path / "asked"
    asked.write_bytes(
        b'{"large": [["%b", 9, 9]], "bytes": 0}\n{"of": 0, "at": 0, "bytes": 1}\nx' % name.encode()
    )
    with asked.open("rb") as come, (tmp_path / "out").open("wb") as out, pytest.raises(KeyError):
        mend(both.there, come, out)
    assert (tmp_path / "out").read_bytes() == b'{"there": [], "bytes": 0}\n'


def test_a_target_that_fails_says_why(both: Both) -> None:
    (both.there.state / "parts").unlink()
    (both.there.state / "parts").mkdir()
    (both.there.state / "known").unlink()
    (both.there.state / "known").mkdir()
    write(both.here.data / "large", 3, b"x")
    with pytest.raises(Failure, match="the helper failed") as caught:
        both.patch()
    assert "Is a directory" in caught.value.why


def test_a_target_that_is_gone_is_a_cut(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Local, "words", lambda self, command: ["sh", "-c", "exit 255"])
    with pytest.raises(Failure, match=r"the connection to 10.0.0.2:2222 was cut"):
        both.patch()


def test_where_there_is_no_large_file_nobody_is_asked(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    os.truncate(both.here.data / "large", LARGE - 1)
    monkeypatch.setattr(Local, "words", lambda self, command: ["false"])
    assert both.patch() == Patched()
