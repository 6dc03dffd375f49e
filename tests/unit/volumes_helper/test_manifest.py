"""Whatever changes in a volume changes its manifest; only what may have changed is hashed again."""

from __future__ import annotations

import mmap
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from volume import content, manifest
from volume.children import settle
from volume.differences import differences
from volume.entry import decoded
from volume.manifest import file_system, make_manifest
from volume.places import Places
from volume.words import Failure

LONG_AGO = 10**9


@pytest.fixture(autouse=True)
def _any_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "timely", lambda _: True)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Files that exist by now are older than the kernel's tick."""
    clock = manifest.time.time_ns

    def pass_by() -> None:
        monkeypatch.setattr(manifest.time, "time_ns", lambda: clock() + 10 * manifest.TICK)

    return pass_by


def digest(places: Places, **how: bool) -> str:
    return str(make_manifest(places, **how)["digest"])


def flip(path: Path, at: int) -> None:
    """One bit; the modification time is given back."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns


@pytest.fixture
def tree(places: Places) -> Places:
    data = places.data
    (data / "file").write_bytes(os.urandom(5000))
    (data / "large").write_bytes(os.urandom(3 * content.CHUNK + 17))
    (data / "dir").mkdir()
    (data / "dir/within").write_text("x")
    os.link(data / "file", data / "dir/again")
    (data / "link").symlink_to("nowhere")
    os.mkfifo(data / "fifo")
    return places


@pytest.mark.parametrize("at", [0, content.CHUNK - 1, content.CHUNK, 3 * content.CHUNK + 16])
@pytest.mark.parametrize("known", [False, True])
def test_a_flipped_bit_is_found_though_the_time_is_the_same(
    tree: Places, later: Callable[[], None], at: int, known: bool
) -> None:
    """Whether there are hashes from the last time or not."""
    later()
    before = digest(tree)
    assert make_manifest(tree)["hashed"] == 0
    for same in (False, True):
        flip(tree.data / "large", at)
        if not known:
            tree.known.unlink()
        assert (digest(tree) == before) == same


def _twin(tree: Places) -> None:
    (tree.data / "file").rename(tree.data / "was")
    (tree.data / "file").write_bytes((tree.data / "was").read_bytes())
    (tree.data / "was").unlink()


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree.data / "file").chmod(0o4755),
        lambda tree: os.utime(
            tree.data / "dir/within", ns=(0, (tree.data / "dir/within").stat().st_mtime_ns + 1)
        ),
        lambda tree: os.utime(tree.data / "dir", ns=(0, 5)),
        lambda tree: os.utime(tree.data / "fifo", ns=(0, 5)),
        lambda tree: os.utime(tree.data / "link", ns=(0, 5), follow_symlinks=False),
        lambda tree: os.utime(tree.data, ns=(0, 5)),
        lambda tree: tree.data.chmod(0o700),
        lambda tree: (tree.data / "empty").mkdir(),
        lambda tree: (tree.data / "dir/again").unlink(),
        lambda tree: (tree.data / "file").rename(tree.data / "file "),
        lambda tree: os.truncate(tree.data / "file", 4999),
        _twin,
    ],
)
def test_every_change_is_another_manifest(tree: Places, change: Callable[[Places], object]) -> None:
    before = digest(tree)
    change(tree)
    assert digest(tree) != before


def test_what_is_the_same_has_the_same_manifest_wherever_it_is(tree: Places, tmp_path: Path) -> None:
    other = Places(tmp_path / "other", tmp_path / "other-state")
    other.prepare()
    subprocess.run(["cp", "-a", tree.data, other.data], check=True)
    assert digest(tree) == digest(other)


def test_hard_links_are_told_by_the_first_path(tree: Places) -> None:
    make_manifest(tree)
    groups = {entry.path: entry.group for entry in decoded(tree.manifest.read_bytes())}
    assert groups[b"file"] == groups[b"dir/again"] == b"dir/again"
    assert groups[b"large"] == b""


def test_only_what_changed_is_hashed_again(tree: Places, later: Callable[[], None]) -> None:
    later()
    assert make_manifest(tree)["hashed"] == 3
    assert make_manifest(tree)["hashed"] == 0
    (tree.data / "dir/within").write_text("y")
    assert make_manifest(tree)["hashed"] == 1
    tree.known.unlink()
    assert make_manifest(tree)["hashed"] == 3


def test_a_file_that_was_just_written_is_hashed_again(tree: Places) -> None:
    """It may be written once more within the same tick of the clock."""
    make_manifest(tree)
    assert make_manifest(tree)["hashed"] == 3


def test_hashes_that_may_be_unsafe_are_not_kept(tree: Places, later: Callable[[], None]) -> None:
    later()
    make_manifest(tree, keep=False)
    assert make_manifest(tree, keep=True)["hashed"] == 3
    assert make_manifest(tree, keep=False)["hashed"] == 0
    assert make_manifest(tree, keep=False)["hashed"] == 0


def test_a_store_into_a_mapped_page_is_seen_though_nobody_has_synced_it(
    tree: Places, later: Callable[[], None]
) -> None:
    mounts = Path("/proc/self/mountinfo").read_bytes()
    if file_system(mounts, os.fsencode(tree.data.resolve())) not in manifest.TIMELY:
        pytest.skip("not on this file system")
    later()
    with (tree.data / "file").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        seen = []
        for content in (b"one", b"two", b"and"):
            mapped[:3] = content
            settle(tree.data)
            mapped[:3] = content[::-1]
            seen.append(digest(tree, keep=False))
            settle(tree.data)
            seen.append(digest(tree))
        assert seen[0::2] == seen[1::2]
        assert len(set(seen)) == 3


def test_on_a_foreign_file_system_nothing_is_kept(
    tree: Places, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    later()
    monkeypatch.setattr(manifest, "timely", lambda _: False)
    make_manifest(tree)
    assert make_manifest(tree)["hashed"] == 3


def test_a_cache_that_cannot_be_read_is_no_cache(tree: Places, later: Callable[[], None]) -> None:
    later()
    make_manifest(tree)
    tree.known.write_text('{"half')
    assert make_manifest(tree)["hashed"] == 3


def test_a_file_that_is_written_while_it_is_read_is_told_as_that(
    tree: Places, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    later()
    read = os.pread

    def while_writing(handle: int, count: int, place: int) -> bytes:
        got = read(handle, count, place)
        if os.fstat(handle).st_size == 1:
            (tree.data / "dir/within").write_text("z")
            os.utime(tree.data / "dir/within", ns=(0, LONG_AGO))
        return got

    monkeypatch.setattr(os, "pread", while_writing)
    make_manifest(tree)
    monkeypatch.undo()
    here = list(decoded(tree.manifest.read_bytes()))
    make_manifest(tree)
    there = decoded(tree.manifest.read_bytes())
    assert [str(item) for item in differences(here, there)] == ["dir/within: is being written to"]


def test_a_file_that_vanishes_before_it_is_read_is_left_out(
    tree: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_all = manifest.hash_all

    def after_a_removal(files: list[tuple[bytes, int]], workers: int) -> object:
        (tree.data / "dir/within").unlink()
        return hash_all(files, workers)

    monkeypatch.setattr(manifest, "hash_all", after_a_removal)
    make_manifest(tree)
    assert b"dir/within" not in {entry.path for entry in decoded(tree.manifest.read_bytes())}


def test_a_file_that_becomes_a_fifo_does_not_stop_the_hashing(
    tree: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_all = manifest.hash_all

    def after_a_change(files: list[tuple[bytes, int]], workers: int) -> object:
        (tree.data / "dir/within").unlink()
        os.mkfifo(tree.data / "dir/within")
        return hash_all(files, workers)

    monkeypatch.setattr(manifest, "hash_all", after_a_change)
    make_manifest(tree)
    assert b"dir/within" not in {entry.path for entry in decoded(tree.manifest.read_bytes())}


def test_a_file_that_cannot_be_read_is_a_failure(tree: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    with pytest.raises(Failure) as caught:
        make_manifest(tree)
    assert "cannot be read" in caught.value.what
    assert caught.value.why == "Input/output error"


def test_names_of_any_bytes(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (b"new\nline", b"\xff\xfe", b" ", b"-rf"):
        Path(os.fsdecode(places.root + b"/" + name)).write_text("x")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(places.data)
        server.bind("socket")
    make_manifest(places)
    kinds = {entry.path: entry.kind for entry in decoded(places.manifest.read_bytes())}
    assert kinds == {b".": "d", b"new\nline": "f", b"\xff\xfe": "f", b" ": "f", b"-rf": "f", b"socket": "s"}


def test_the_size_of_hard_links_counts_once(tree: Places) -> None:
    assert make_manifest(tree)["bytes"] == 5000 + 3 * content.CHUNK + 17 + 1
    assert make_manifest(tree)["entries"] == 8


MOUNTS = b"""\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /data rw - nfs4 server:/x rw
31 22 0:31 / /data/in\\040side rw - xfs /dev/b rw
32 22 0:32 / /dat rw - vfat /dev/c rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/", "ext4"),
        (b"/data", "nfs4"),
        (b"/data/x", "nfs4"),
        (b"/data/in side/x", "xfs"),
        (b"/database", "ext4"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: bytes, kind: str) -> None:
    assert file_system(MOUNTS, path) == kind


def test_attributes_of_what_has_not_changed_are_not_read_again(
    tree: Places, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.setxattr(tree.data / "large", "user.comment", b"one")
    later()
    before = digest(tree)
    asked: list[bytes] = []
    listxattr = os.listxattr
    monkeypatch.setattr(os, "listxattr", lambda place, **how: asked.append(place) or listxattr(place, **how))
    assert digest(tree) == before
    assert sorted(os.path.basename(place) for place in asked) == [b".", b"dir", b"fifo", b"link"]
    os.setxattr(tree.data / "large", "user.comment", b"two")
    assert digest(tree) != before
