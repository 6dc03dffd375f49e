"""The helper image between two containers: what is copied is equal, and what goes wrong is told."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from tests.fleet.volumes.kinds import MAKERS
from tests.fleet.volumes.sides import KINDS, Sides, sides

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIhChPg4bCovF01Nt7jFjkPms5nCK038NbxyJEx/5Ckg"
# In place and without a new length; the time is given back, so that only a look at the bytes finds it.
FLIP = """
import os, sys
status = os.stat(sys.argv[1])
with open(sys.argv[1], "r+b") as file:
    file.seek(status.st_size // 2)
    byte = file.read(1)
    file.seek(-1, 1)
    file.write(bytes([byte[0] ^ 1]))
os.utime(sys.argv[1], ns=(status.st_atime_ns, status.st_mtime_ns))
"""
POKE = """
import os, random, sys
for name in sys.argv[1:]:
    with open(name, "r+b") as file:
        file.seek(random.randrange(24 << 20))
        file.write(os.urandom(5))
"""
FILL = """
import os, sys
with open(sys.argv[1], "wb") as file:
    for _ in range(int(sys.argv[2])):
        file.write(os.urandom(1 << 20))
"""


@pytest.fixture(scope="module")
def copied(client: docker.DockerClient, helper_image: str) -> Iterator[Sides]:
    """Every kind of file at the source, seeded and synced to the target."""
    with sides(client, helper_image) as both:
        both.writer.python(KINDS.read_text(), "make")
        assert both.seed().result["skipped"] is False
        both.sync("--final").result  # noqa: B018 - it has one
        yield both


@pytest.mark.parametrize("kind", [maker.__name__ for maker in MAKERS])
def test_each_kind_of_file_arrives_as_it_was(copied: Sides, kind: str) -> None:
    there = copied.target.describe(f"/data/{kind}")
    assert there == copied.source.describe(f"/data/{kind}")
    assert len(there) > 1


def test_the_volume_itself_arrives_as_it_was(copied: Sides) -> None:
    assert copied.target.describe("/data") == copied.source.describe("/data")
    names = [copied.target.run("ls", "-A", "/data"), copied.source.run("ls", "-A", "/data")]
    assert names[0] == names[1]


def test_holes_stay_holes(copied: Sides) -> None:
    assert int(copied.target.run("stat", "--format=%b", "/data/sparse/sparse")) < 1000


def test_the_manifests_of_all_kinds_are_equal(copied: Sides) -> None:
    compared = copied.compare().result
    assert compared["equal"], compared["differences"]
    assert compared["entries"] == copied.target.volume("usage").result["entries"]


def test_a_second_pass_has_nothing_to_do(copied: Sides) -> None:
    assert copied.sync("--final").result["changed"] == 0


def test_a_byte_that_rsync_does_not_see_is_found_and_then_repaired(pair: Sides) -> None:
    pair.writer.python(FILL, "/data/file", "3")
    pair.seed()
    pair.sync("--final")
    pair.writer.python(FLIP, "/data/file")
    assert pair.sync("--final").result["changed"] == 0
    compared = pair.compare().result
    assert (compared["equal"], compared["differences"]) == (False, ["file: content differs"])
    assert pair.sync("--final").result["changed"] == 1
    assert pair.compare().result["equal"]


def test_a_flip_at_the_target_is_found_whatever_the_caches_hold(pair: Sides) -> None:
    pair.writer.python(FILL, "/data/file", "3")
    pair.seed()
    pair.sync("--final")
    for side in (pair.source, pair.target):
        # Until the file is old enough for its hash to be kept.
        while side.volume("manifest").result["hashed"]:
            pass
    pair.target.python(FLIP, "/data/file")
    assert pair.compare().result["differences"] == ["file: content differs"]


def test_of_a_large_file_that_is_there_blocks_go_over(pair: Sides) -> None:
    """Into the file itself: rsync would make another one."""
    for name in ("lar*ge", "\\[x]"):
        pair.writer.python(FILL, f"/data/{name}", "24")
    pair.seed()
    pair.sync("--final")
    before = pair.target.run("stat", "--format=%i", "/data/lar*ge", "/data/\\[x]")
    for words in ((), ("--final",)):
        pair.writer.python(POKE, "/data/lar*ge", "/data/\\[x]")
        found = pair.sync(*words).result
        assert (found["changed"], found["sent"] < 100_000) == (2, True)
    assert pair.compare().result["equal"]
    assert pair.target.run("stat", "--format=%i", "/data/lar*ge", "/data/\\[x]") == before


def test_a_cut_copy_goes_on_where_it_was(pair: Sides) -> None:
    pair.writer.python(FILL, "/data/large", "24")
    pair.target.run("touch", "/data/not-empty")
    assert pair.seed().result == {"skipped": True}
    running = pair.source.begin("sync", *pair.to, "--rate", str(8 << 20))
    sent = next(line["progress"]["bytes"] for line in running.each() if line["progress"]["bytes"] > 4 << 20)
    pair.source.kill("ssh")
    error = running.end().error
    assert "cut" in error["what"]
    assert sent < 24 << 20
    again = pair.sync("--final").result
    assert 0 < again["sent"] < 22 << 20
    assert pair.compare().result["equal"]
    assert pair.target.run("ls", "-A", "/data") == "large\n"


def test_a_cut_seed_is_completed_by_rsync(pair: Sides) -> None:
    pair.writer.python(FILL, "/data/large", "24")
    running = pair.source.begin("seed", *pair.to, "--rate", str(8 << 20))
    for line in running.each():
        if line["progress"]["bytes"] > 4 << 20:
            break
    pair.source.kill("ssh")
    assert "cut" in running.end().error["what"]
    # What the target has of it is left, so nothing is unpacked over it.
    assert pair.seed().result == {"skipped": True}
    pair.sync("--final").result  # noqa: B018
    assert pair.compare().result["equal"]


def test_a_seed_whose_tar_dies_is_no_copy(pair: Sides) -> None:
    pair.writer.python(FILL, "/data/large", "24")
    running = pair.source.begin("seed", *pair.to, "--rate", str(8 << 20))
    next(running.each())
    pair.source.kill("tar")
    assert running.end().error == {"what": "reading the volume failed", "why": "tar ended with status -9"}


def test_what_ends_at_the_target_is_told_at_the_source(pair: Sides) -> None:
    pair.writer.python(FILL, "/data/large", "24")
    for command, program, what in (
        ("seed", "tar", "unpacking at the target failed"),
        ("sync", "rsync", "rsync failed at the target"),
    ):
        running = pair.source.begin(command, *pair.to, "--rate", str(8 << 20))
        next(running.each())
        pair.target.kill(program)
        assert running.end().error["what"] == what
    pair.sync("--final").result  # noqa: B018
    assert pair.compare().result["equal"]


def test_the_next_transfer_ends_one_that_was_left_behind(pair: Sides) -> None:
    pair.writer.python(FILL, "/data/large", "24")
    left = pair.source.begin("sync", *pair.to, "--rate", str(1 << 20))
    next(left.each())
    assert pair.sync("--final").result["complete"]
    assert left.end().error["what"] == "stopped"
    assert pair.compare().result["equal"]


def test_a_target_that_falls_silent_ends_the_transfer_within_seconds(pair: Sides) -> None:
    pair.writer.python(FILL, "/data/large", "24")
    running = pair.source.begin("sync", *pair.to, "--rate", str(1 << 20))
    next(running.each())
    pair.target.kill("sshd", "STOP")
    assert running.end().error["what"].endswith("was cut")


def test_a_full_target_says_so_in_the_seed_and_in_a_pass(
    client: docker.DockerClient, helper_image: str
) -> None:
    small = {"type": "tmpfs", "device": "tmpfs", "o": "size=8m"}
    with sides(client, helper_image, small) as pair:
        pair.writer.python(FILL, "/data/large", "24")
        error = pair.seed().error
        assert error["what"] == "the target has no space left"
        assert error["why"].startswith("tar: ")
        error = pair.sync().error
        assert error["what"] == "the target has no space left"


def test_the_container_reaps_what_was_left_and_ends_at_once(pair: Sides) -> None:
    pair.source.run("sh", "-c", "(sleep 0.01 &)")
    left = (
        "import pathlib; found = pathlib.Path('/proc').glob('[0-9]*/comm')\n"
        "print([comm for comm in found if 'sleep' in comm.read_text()])"
    )
    while pair.source.python(left) != "[]\n":
        pass
    pair.source.container.stop(timeout=60)
    pair.source.container.reload()
    assert pair.source.container.attrs["State"]["ExitCode"] == 0


def test_who_is_not_the_target_gets_nothing(pair: Sides) -> None:
    to = [*pair.to[:3], OTHER_KEY]
    for command in ("reach", "seed", "sync", "compare"):
        assert "is not who it should be" in pair.source.volume(command, *to).error["what"]
    assert pair.source.volume("reach", *pair.to).result == {}


def test_who_is_not_the_source_is_not_let_in(pair: Sides) -> None:
    pair.target.volume("serve", "--client", OTHER_KEY).result  # noqa: B018
    assert "does not accept this key" in pair.source.volume("reach", *pair.to).error["what"]


def test_a_target_that_is_not_there(pair: Sides) -> None:
    assert "nothing listens" in pair.source.volume("reach", "--to", "127.0.0.1:1", *pair.to[2:]).error["what"]


def test_serving_twice_is_serving_once(pair: Sides) -> None:
    public = pair.source.volume("key").result["public"]
    served = pair.target.volume("serve", "--client", public).result
    assert [f"127.0.0.1:{served['port']}", served["host_key"]] == [pair.to[1], pair.to[3]]


@pytest.mark.parametrize(
    "asked", ["id", "rsync --server . /etc/", "rsync --server --sender . . /data/", "rsync --daemon", ""]
)
def test_the_target_does_nothing_else(pair: Sides, asked: str) -> None:
    """Asked by a source that goes its own ways."""
    config = pair.source.python("import pathlib; print(*pathlib.Path('/state').glob('ssh-*'))").split()
    if not config:
        pair.source.volume("reach", *pair.to)
        config = pair.source.python("import pathlib; print(*pathlib.Path('/state').glob('ssh-*'))").split()
    status, output = pair.source.container.exec_run(["ssh", "-F", config[0], "target", asked], tty=False)
    assert status == 1
    assert b"the target does not do that" in output


def test_a_pass_beside_a_writer_and_a_final_one_without(pair: Sides) -> None:
    """Files that are rewritten in place, many times within a second, made and removed, all the time."""
    write = (
        "import os, random, itertools\n"
        "names = [f'/data/{n}' for n in range(40)]\n"
        "for n in names:\n"
        "    open(n, 'wb').write(os.urandom(200000))\n"
        "print('ready', flush=True)\n"
        "for i in itertools.count():\n"
        "    n = random.choice(names)\n"
        "    with open(n, 'r+b') as f:\n"
        "        f.seek(random.randrange(190000)); f.write(os.urandom(5000))\n"
        "    open(f'/data/new-{i}', 'wb').write(b'x' * i)\n"
        "    if i > 50: os.unlink(f'/data/new-{i - 50}')\n"
    )
    api = pair.writer.client.api
    writer = api.exec_create(pair.writer.container.id, ["python3", "-c", write])["Id"]
    output = api.exec_start(writer, stream=True)
    next(output)
    assert pair.seed().result["skipped"] is False
    for _ in range(3):
        assert pair.sync().result["seconds"] > 0
    assert not pair.compare().result["equal"]
    pair.writer.kill("python3")
    list(output)
    pair.sync("--final").result  # noqa: B018
    compared = pair.compare().result
    assert compared["equal"], compared["differences"]


CHANGES = """
import os, shutil
os.chdir("/data")
shutil.rmtree("many_levels/deep")
shutil.rmtree("times")
open("times", "w").write("no directory any more")
shutil.rmtree("acls")
os.symlink("plain", "acls")
os.unlink("plain/file")
os.makedirs("plain/file/now/a directory")
open("plain/file/now/within", "w").write("x")
os.link("hard_links/one", "plain/one more")
os.unlink("hard_links/two")
shutil.copy2("hard_links/one", "hard_links/two")
os.rename(b"names/-rf", b"names/--help")
os.unlink(b"names/new\\nline")
open(b"names/\\xfe\\n", "w").close()
os.setxattr("plain", "user.of.a.directory", b"x")
os.setxattr("attributes/user", "user.comment", b"another")
os.rename("special_files", "elsewhere")
os.utime(".", ns=(5, 123_456_789_012_345_678))
"""


def test_every_kind_of_change_is_brought_over(pair: Sides) -> None:
    """Both sides have a list from before. What rsync does not see, the comparison does, and the next pass."""
    pair.writer.python(KINDS.read_text(), "make")
    pair.seed()
    pair.sync("--final")
    for side in (pair.source, pair.target):
        side.volume("manifest")
    pair.writer.python(CHANGES)
    pair.sync("--final")
    assert pair.compare().result["differences"] == ["hard_links/two: hard links differ"]
    pair.sync("--final")
    compared = pair.compare().result
    assert compared["equal"], compared["differences"]
