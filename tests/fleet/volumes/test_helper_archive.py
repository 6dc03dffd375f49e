"""Archives and backups of every kind of file, by tar and by restic, and what is wrong with them."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import docker
import pytest

from tests.fleet.volumes.kinds import MAKERS
from tests.fleet.volumes.sides import KINDS, Running, Said, Side, rig
from tests.fleet.volumes.test_helper_image import FILL, FLIP

NAMES = [maker.__name__ for maker in MAKERS]
ABOUT = json.dumps({"volume": "shop-db", "lineage": "ab" * 16, "generation": 4, "version": "v42"})
PASSWORD = {"RESTIC_PASSWORD": "s3cret"}
HOW = ["tar", "restic"]


@dataclass
class Archives:
    """Two volumes in a container each; what lies at /repository is seen by both."""

    source: Side
    target: Side

    def ask(self, side: Side, words: str) -> Said:
        return Running(side.client, side.container, ["sh", "-c", words]).end()

    def pack(self) -> Said:
        return self.ask(self.source, f"volume pack --about {shlex.quote(ABOUT)} 2>&1 >/repository/tar")

    def unpack(self, stream: str = "cat /repository/tar") -> Said:
        return self.ask(self.target, f"{stream} | volume unpack")

    def restic(self, side: Side, *words: str, **fields: object) -> Said:
        given = json.dumps({"repository": "/repository/r", "environment": PASSWORD, **fields})
        return self.ask(side, f"printf %s {shlex.quote(given)} | volume restic {shlex.join(words)}")

    def there(self, how: str) -> Said:
        if how == "tar":
            return self.pack()
        self.restic(self.source, "init").result  # noqa: B018 - it has one
        return self.restic(self.source, "backup", "--about", ABOUT)

    def back(self, how: str) -> Said:
        if how == "tar":
            return self.unpack()
        return self.restic(self.target, "restore", "--newest-of", "shop-db")

    def is_empty(self) -> bool:
        return self.target.run("ls", "-A", "/data") == ""


@contextlib.contextmanager
def archives(
    client: docker.DockerClient, image: str, target_options: dict[str, str] | None = None
) -> Iterator[Archives]:
    with rig(client, image) as made:
        source, target, repository = made.volume(), made.volume(target_options), made.volume()
        sides = (
            made.side((volume, "/data", "rw"), (repository, "/repository", "rw"))
            for volume in (source, target)
        )
        yield Archives(*sides)


@pytest.fixture
def both(client: docker.DockerClient, helper_image: str) -> Iterator[Archives]:
    with archives(client, helper_image) as made:
        yield made


@pytest.fixture(scope="module", params=HOW)
def brought_back(
    client: docker.DockerClient, helper_image: str, request: pytest.FixtureRequest
) -> Iterator[Archives]:
    with archives(client, helper_image) as made:
        made.source.python(KINDS.read_text(), "make")
        there = made.there(request.param).result
        back = made.back(request.param).result
        assert back["digest"] == there["digest"]
        assert back["about"] == json.loads(ABOUT)
        if request.param == "tar":
            assert back["sha256"] == there["sha256"]
            told = made.source.run("sha256sum", "/repository/tar").split()[0]
            assert (told, made.source.run("stat", "-c%s", "/repository/tar").strip()) == (
                there["sha256"],
                str(there["bytes"]),
            )
        yield made


@pytest.mark.parametrize("kind", NAMES)
def test_each_kind_of_file_comes_back_as_it_was(brought_back: Archives, kind: str) -> None:
    there = brought_back.target.describe(f"/data/{kind}")
    assert there == brought_back.source.describe(f"/data/{kind}")
    assert len(there) > 1


def test_the_volume_itself_comes_back_as_it_was(brought_back: Archives) -> None:
    assert brought_back.target.describe("/data") == brought_back.source.describe("/data")


def test_what_holds_something_is_left_alone(brought_back: Archives) -> None:
    before = brought_back.target.describe("/data")
    for how in HOW:
        assert brought_back.back(how).error["what"] == "the volume is not empty"
    assert brought_back.target.describe("/data") == before


@pytest.mark.parametrize("how", HOW)
def test_a_full_volume_is_told_and_emptied(client: docker.DockerClient, helper_image: str, how: str) -> None:
    small = {"type": "tmpfs", "device": "tmpfs", "o": "size=4m"}
    with archives(client, helper_image, small) as made:
        made.source.python(FILL, "/data/file", "16")
        made.there(how).result  # noqa: B018
        assert "no space left" in made.back(how).error["what"]
        assert made.is_empty()


@pytest.mark.parametrize("how", HOW)
def test_a_byte_that_has_flipped_is_found(both: Archives, how: str) -> None:
    both.source.python(FILL, "/data/file", "8")
    both.there(how).result  # noqa: B018
    if how == "tar":
        both.source.python(FLIP, "/repository/tar")
        what = "not what was archived"
    else:
        largest = both.source.run("sh", "-c", "ls -S /repository/r/data/*/* | head -1").strip()
        both.source.run("chmod", "600", largest)
        both.source.python(FLIP, largest)
        what = "restic failed"
    assert what in both.back(how).error["what"]
    assert both.is_empty()


def test_a_stream_that_is_cut(both: Archives) -> None:
    both.source.python(FILL, "/data/file", "8")
    both.pack().result  # noqa: B018
    for part in ("head -c 4000000", "head -c 0"):
        assert "the archive is" in both.unpack(f"{part} /repository/tar").error["what"]
        assert both.is_empty()
    # By hand, too.
    both.source.run("sh", "-c", "cd /tmp && tar -xf /repository/tar && cmp data/file /data/file")


def test_it_ends_when_it_is_told_to_and_leaves_nothing(both: Archives) -> None:
    both.source.python(FILL, "/data/file", "32")
    both.pack().result  # noqa: B018
    words = "(head -c 16000000 /repository/tar; sleep 600) | volume unpack"
    running = Running(both.target.client, both.target.container, ["sh", "-c", words])
    while both.is_empty():
        pass
    end = (
        "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <$p/cmdline) in "
        "*/volume\\ unpack*) kill ${p#/proc/};; esac; done"
    )
    both.target.run("sh", "-c", end)
    while not both.is_empty():
        pass
    both.target.kill("sleep")
    assert {"error": {"what": "stopped", "why": "it was told to end"}} in list(running.each())
    assert both.is_empty()


def test_what_restic_refuses(both: Archives) -> None:
    both.source.run("touch", "/data/file")

    def error(*words: str, **fields: object) -> str:
        found = both.restic(both.source, *words, **fields).error
        assert "s3cret" not in str(found)
        return str(found["what"])

    assert error("backup", "--about", ABOUT) == "there is no repository"
    both.restic(both.source, "init").result  # noqa: B018
    assert error("init") == "there is a repository already"
    assert error("list", environment={"RESTIC_PASSWORD": "other"}) == "that is not the repository's password"
    assert both.restic(both.source, "list").result == {"backups": []}
    assert (
        both.restic(both.target, "restore", "--newest-of", "shop-db").error["what"]
        == "there is no such backup"
    )
    made = [both.restic(both.source, "backup", "--about", ABOUT).result["id"] for _ in range(2)]
    told = both.restic(both.source, "list").result["backups"]
    assert [one["id"] for one in told] == made
    assert (told[0]["volume"], told[0]["generation"], told[0]["version"]) == ("shop-db", "4", "v42")
    assert both.restic(both.target, "restore", "--id", "01234567").error["what"] == "there is no such backup"
    assert both.restic(both.target, "restore", "--id", made[0]).result["id"] == made[0]
    assert "cannot be reached" in error("list", repository="rest:http://127.0.0.1:1/")
    login = {"key": "no key", "known_hosts": "127.0.0.1 ssh-ed25519 AAAA"}
    assert error("list", repository="sftp:127.0.0.1:/srv", **login) == "the repository cannot be reached"
