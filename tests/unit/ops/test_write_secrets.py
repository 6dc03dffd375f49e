"""WriteSecrets' script runs in real shells, over a directory that really lies in memory."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.facts.files import SealedProbe
from fleet.facts.probe import Answer, Question
from fleet.model.desired import HostState
from fleet.model.services import SecretFile
from fleet.ops.effects import Shell
from fleet.ops.secrets import WriteSecrets
from fleet.secret import Hole, Keyring, SealedText, Secret, SecretRef
from tests.support.build import service
from tests.support.shells import SHELLS, Bench

VALUE = "it's a secret\n%s \\n $HOME"
REF = SecretRef("env", "PASSWORD")
PRINT = "0123456789abcdef"
KEYRING = Keyring({REF: Secret(VALUE)})


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory on a tmpfs, as ``/run`` is on a host."""
    made = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield made / "shop web"
    shutil.rmtree(made)


def op(directory: Path, *names: str, **fields: object) -> WriteSecrets:
    owner = {"uid": os.geteuid(), "gid": os.getegid(), **fields}
    files = tuple(SecretFile(name, SealedText((Hole(REF),)), **owner) for name in names)  # type: ignore[arg-type]
    return WriteSecrets("web.app", str(directory), files, tuple((name, PRINT) for name in names))


def run(bench: Bench, made: WriteSecrets, shell: str = "sh") -> subprocess.CompletedProcess[bytes]:
    (effect,) = made.effects()
    assert isinstance(effect, Shell)
    return bench.run(KEYRING.reveal(effect.script), shell=shell)


def look(bench: Bench, directory: Path) -> object:
    made = service(secret_dir=str(directory), secrets=(SecretFile("x", ""),))
    probe = SealedProbe()
    done = bench.run(probe.script(Question("shop", "test", "", HostState("h", (made,)))))
    return probe.parse(Answer(done.stdout.decode(), done.returncode))


@pytest.mark.parametrize("shell", SHELLS)
def test_files_arrive_byte_by_byte_and_are_read_back(bench: Bench, memory: Path, shell: str) -> None:
    done = run(bench, op(memory, "db password", "it's", mode="0440"), shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (memory / "db password").read_text() == VALUE
    assert (memory / "it's").read_text() == VALUE
    assert stat.S_IMODE((memory / "it's").stat().st_mode) == 0o440
    assert look(bench, memory) == {str(memory): {"db password": PRINT, "it's": PRINT}}


def test_what_lies_beside_the_files_is_for_their_owner_only(bench: Bench, memory: Path) -> None:
    run(bench, op(memory, "a")).check_returncode()
    marks = {path.name: stat.S_IMODE(path.stat().st_mode) for path in memory.iterdir() if path.name != "a"}
    assert marks == {".sums": 0o600, ".fingerprints": 0o600}


def test_the_owner_is_the_one_asked_for(bench: Bench, memory: Path) -> None:
    # Only root may give files away.
    uid, gid = (1234, 2345) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    run(bench, op(memory, "a", uid=uid, gid=gid)).check_returncode()
    found = (memory / "a").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (uid, gid, 0o400)


def test_a_new_value_takes_the_place_of_the_old_one_at_once(bench: Bench, memory: Path) -> None:
    run(bench, op(memory, "a")).check_returncode()
    with (memory / "a").open() as reader:
        run(bench, op(memory, "a")).check_returncode()
        assert reader.read() == VALUE, "who reads goes on reading the old file"
        assert os.fstat(reader.fileno()).st_ino != (memory / "a").stat().st_ino


def test_a_secret_that_is_wanted_no_more_goes(bench: Bench, memory: Path) -> None:
    run(bench, op(memory, "a", "old one")).check_returncode()
    run(bench, op(memory, "a")).check_returncode()
    assert [path.name for path in memory.iterdir() if not path.name.startswith(".")] == ["a"]
    assert look(bench, memory) == {str(memory): {"a": PRINT}}


def test_other_users_of_the_host_do_not_come_near(bench: Bench, memory: Path) -> None:
    run(bench, op(memory / "web", "a", mode="0444")).check_returncode()
    assert stat.S_IMODE(memory.stat().st_mode) == 0o700
    assert stat.S_IMODE((memory / "web").stat().st_mode) == 0o755


def test_a_directory_on_a_disk_is_refused(bench: Bench) -> None:
    bench.stand_in("stat", "echo ext2/ext3")
    done = run(bench, op(bench.root / "run" / "secrets", "a"))
    assert done.returncode == 1
    assert b"is not on a tmpfs: secrets would be written to a disk" in done.stderr
    assert list((bench.root / "run" / "secrets").iterdir()) == []


def test_no_argument_of_any_program_holds_a_value(bench: Bench, memory: Path) -> None:
    for program in ("chown", "chmod", "mv", "sha256sum", "mkdir", "stat"):
        bench.stand_in(program, f'exec /usr/bin/env PATH="${{PATH#*:}}" {program} "$@"')
    made = op(memory, "a")
    run(bench, made).check_returncode()
    told = "\n".join(bench.calls)
    assert "chmod\t0400" in told
    assert "a secret" not in told
    assert "a secret" not in made.describe() + str(made.effects()[0].script)


def test_how_it_is_told() -> None:
    made = op(Path("/run/fleet/x"), "a", "b")
    assert made.target == "secrets:web.app"
    assert made.describe() == "write secrets of web.app: a b"
    assert made.diff() == ()
