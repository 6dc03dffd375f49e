"""A copy on the same host: equal, whatever it is made with, and what goes wrong is told."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.fleet.volumes.kinds import MAKERS
from tests.fleet.volumes.second import Second, second
from tests.fleet.volumes.test_helper_image import FILL, FLIP

KINDS = [maker.__name__ for maker in MAKERS]


@pytest.fixture
def beside(client: docker.DockerClient, helper_image: str) -> Iterator[Second]:
    with second(client, helper_image) as both:
        yield both


@pytest.fixture(scope="module")
def cloned(client: docker.DockerClient, helper_image: str) -> Iterator[Second]:
    with second(client, helper_image) as both:
        both.make_kinds()
        done = both.clone("--final")
        assert (done["how"], done["complete"]) == ("tar", True)
        yield both


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system that shares blocks."""
    place = tmp_path_factory.mktemp("shared")
    disk, mount = place / "disk", place / "mount"
    mount.mkdir()
    with disk.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run(["mkfs.btrfs", "-q", disk], check=True)
    subprocess.run(["mount", "-o", "loop", disk, mount], check=True)
    yield mount
    subprocess.run(["umount", mount], check=True)


@pytest.fixture(scope="module")
def reflinked(client: docker.DockerClient, helper_image: str, shared: Path) -> Iterator[Second]:
    options = []
    for name in ("data", "copy"):
        (shared / name).mkdir()
        options.append({"type": "none", "o": "bind", "device": str(shared / name)})
    with second(client, helper_image, *options) as both:
        both.make_kinds()
        both.writer.python(FILL, "/data/large", "200")
        done = both.clone("--final")
        assert (done["how"], done["complete"]) == ("reflink", True)
        yield both


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_by_tar(cloned: Second, kind: str) -> None:
    here, there = cloned.describe(kind)
    assert here == there
    assert len(here) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_by_reflink(reflinked: Second, kind: str) -> None:
    here, there = reflinked.describe(kind)
    assert here == there


def test_all_kinds_get_another_owner(beside: Second) -> None:
    """And lose nothing by that: setuid, capabilities, times, links."""
    beside.make_kinds()
    beside.clone("--final")
    made = beside.helper.volume("own", "--owner", "70:71").result
    found = beside.helper.volume("same", "--owner", "70:71").result
    assert found["equal"], found["differences"]
    # Of hard links, the first alone has another one still.
    assert found["entries"] * 0.9 < made["changed"] <= found["entries"]
    assert not beside.same()["equal"]


def test_a_reflink_shares_its_blocks(reflinked: Second, shared: Path) -> None:
    """Twice 200 MB on 400 MB."""
    room = os.statvfs(shared)
    assert room.f_bavail * room.f_frsize > 50 << 20
    assert reflinked.same()["equal"]


@pytest.mark.parametrize("which", ["cloned", "reflinked"])
def test_both_are_the_same_and_a_pass_by_rsync_changes_nothing(
    which: str, request: pytest.FixtureRequest
) -> None:
    both: Second = request.getfixturevalue(which)
    same = both.same()
    assert (same["equal"], same["differences"], same["differing"]) == (True, [], 0)
    assert same["entries"] == both.helper.volume("usage").result["entries"]
    assert both.clone("--final")["how"] == "rsync"
    assert both.same()["digest"] == same["digest"]
    assert int(both.writer.run("stat", "--format=%b", "/copy/sparse/sparse")) < 1000


def test_a_byte_that_rsync_does_not_see_is_found_and_then_repaired(beside: Second) -> None:
    beside.writer.python(FILL, "/data/file", "3")
    beside.clone()
    assert beside.same()["equal"]
    beside.writer.python(FLIP, "/data/file")
    beside.clone("--final")
    same = beside.same()
    assert (same["equal"], same["differences"]) == (False, ["file: content differs"])
    beside.clone("--final")
    assert beside.same()["equal"]


@pytest.mark.parametrize("which", ["beside", "shared_empty"])
def test_passes_beside_a_writer_and_a_final_one_without(which: str, request: pytest.FixtureRequest) -> None:
    both: Second = request.getfixturevalue(which)
    write = (
        "import os, random, itertools\n"
        "print('ready', flush=True)\n"
        "for i in itertools.count():\n"
        "    open(f'/data/{i % 50}', 'wb').write(os.urandom(20000))\n"
        "    open(f'/data/new-{i}', 'wb').write(b'x' * i)\n"
        "    if i > 500: os.unlink(f'/data/new-{i - 500}')\n"
    )
    api = both.writer.client.api
    writer = api.exec_create(both.writer.container.id, ["python3", "-c", write])["Id"]
    output = api.exec_start(writer, stream=True)
    next(output)
    while "49" not in both.writer.run("ls", "/data").split():
        pass
    hows = [both.clone()["how"] for _ in range(3)]
    assert hows == ["tar" if which == "beside" else "reflink", "rsync", "rsync"]
    both.writer.kill("python3")
    list(output)
    both.clone("--final")
    same = both.same()
    assert same["equal"], same["differences"]


@pytest.fixture
def shared_empty(
    client: docker.DockerClient, helper_image: str, shared: Path, tmp_path: Path
) -> Iterator[Second]:
    options = []
    for name in ("data", "copy"):
        place = shared / f"{tmp_path.name}-{name}"
        place.mkdir()
        options.append({"type": "none", "o": "bind", "device": str(place)})
    with second(client, helper_image, *options) as both:
        yield both


@pytest.mark.parametrize("before", [False, True])
def test_a_full_copy_is_told(client: docker.DockerClient, helper_image: str, before: bool) -> None:
    small = {"type": "tmpfs", "device": "tmpfs", "o": "size=4m"}
    with second(client, helper_image, copy_options=small) as both:
        both.writer.python(FILL, "/data/file", "16")
        if before:
            both.writer.run("touch", "/copy/something")
        assert "the copy has no space left" in both.fails("clone")


def test_what_is_cut_off_goes_on(beside: Second) -> None:
    beside.writer.python(FILL, "/data/file", "64")
    running = beside.helper.begin("clone", "--rate", str(8 << 20))
    for line in running.each():
        if line.get("progress", {}).get("bytes", 0) > 8 << 20:
            break
    assert line["progress"]["total"] > 64 << 20
    beside.helper.kill("tar", "TERM")
    assert "failed" in running.end().error["what"]
    assert not beside.same()["equal"]
    assert beside.clone("--final")["how"] == "rsync"
    assert beside.same()["equal"]


def test_without_a_second_volume(client: docker.DockerClient, helper_image: str) -> None:
    output = client.containers.run(
        helper_image, ["sh", "-c", "mkdir /data; volume clone; volume same; true"], remove=True
    )
    assert output.count(b"there is no second volume") == 2
