"""Removing an image, a directory and lines of uses, as scripts in every shell of this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fleet.ops.effects import Shell
from fleet.ops.op import Op
from fleet.ops.prune import ForgetUses, RemoveDirectory, RemoveImage, size_text
from tests.support.shells import SHELLS, Bench

IMAGE = RemoveImage("sha256:a", ("r:5000/app@sha256:1", "r:5000/app:v1"), 214_300_000)


def carry_out(bench: Bench, op: Op, shell: str = "sh") -> subprocess.CompletedProcess[bytes]:
    (effect,) = op.effects()
    assert isinstance(effect, Shell)
    return bench.run(str(effect.script), shell=shell)


def engine(bench: Bench, inspect: str = "echo sha256:a", rm: str = ":", ls: str = ":") -> None:
    bench.stand_in("docker", f"case $2 in inspect) {inspect} ;; rm) {rm} ;; ls) {ls} ;; esac")


def removed(bench: Bench) -> list[str]:
    return [call.split("\t")[-1] for call in bench.calls if call.startswith("docker\timage\trm\t")]


@pytest.mark.parametrize("shell", SHELLS)
def test_an_image_goes_by_each_of_its_names_without_force(bench: Bench, shell: str) -> None:
    engine(bench)
    assert carry_out(bench, IMAGE, shell).returncode == 0
    assert removed(bench) == list(IMAGE.names)
    assert not any("-f" in call.split("\t") for call in bench.calls)


def test_a_tag_that_was_moved_since_is_drift(bench: Bench) -> None:
    engine(bench, inspect="case $5 in *:v1) echo sha256:b ;; *) echo sha256:a ;; esac")
    done = carry_out(bench, IMAGE)
    assert done.returncode == 75
    assert b"app:v1 is another image since the plan was made" in done.stderr
    assert removed(bench) == ["r:5000/app@sha256:1"]


def test_what_is_gone_already_is_fine(bench: Bench) -> None:
    engine(bench, inspect="exit 1")
    assert carry_out(bench, IMAGE).returncode == 0
    assert removed(bench) == []


def test_what_goes_with_the_name_before_is_fine(bench: Bench) -> None:
    engine(bench, rm="echo 'Error response from daemon: No such image: app:v1' >&2; exit 1")
    assert carry_out(bench, IMAGE).returncode == 0


@pytest.mark.parametrize("says", [
    "conflict: unable to remove reference (must force) - container 1 is using its referenced image",
    "conflict: unable to delete 12 (cannot be forced) - image is being used by running container 12",
])  # fmt: skip
def test_what_the_engine_has_in_use_stays(bench: Bench, says: str) -> None:
    engine(bench, rm=f"echo 'Error response from daemon: {says}' >&2; exit 1")
    assert carry_out(bench, IMAGE).returncode == 0


def test_any_other_refusal_fails(bench: Bench) -> None:
    engine(bench, rm="echo 'read-only file system' >&2; exit 1")
    done = carry_out(bench, IMAGE)
    assert (done.returncode, done.stderr) == (1, b"read-only file system\n")


def test_an_engine_that_is_down_is_no_missing_image(bench: Bench) -> None:
    engine(bench, inspect="exit 1", ls="echo down >&2; exit 1")
    assert carry_out(bench, IMAGE).returncode != 0


@pytest.fixture
def written(bench: Bench) -> Path:
    """A directory as WriteConfig leaves it, with a file of somebody's in it."""
    directory = bench.root / "two words"
    (directory / ".fleet-12").mkdir(parents=True)
    (directory / ".fleet-12" / "app.ini").write_text("x")
    os.symlink(".fleet-12", directory / ".fleet-current")
    os.symlink(".fleet-current/app.ini", directory / "app.ini")
    os.symlink(".fleet-current/.hidden", directory / ".hidden")
    (directory / ".fleet-pending").write_text("")
    return directory


@pytest.mark.parametrize("shell", SHELLS)
def test_a_directory_goes_with_all_that_fleet_wrote(bench: Bench, written: Path, shell: str) -> None:
    done = carry_out(bench, RemoveDirectory(str(written)), shell)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not written.exists()


def test_what_fleet_did_not_write_stays(bench: Bench, written: Path) -> None:
    (written / "app.ini.before-fleet").write_text("before")
    (written / "notes").write_text("mine")
    os.symlink("notes", written / "link")
    assert carry_out(bench, RemoveDirectory(str(written))).returncode == 0
    assert sorted(os.listdir(written)) == ["app.ini.before-fleet", "link", "notes"]


def test_a_directory_that_is_not_fleets_is_not_touched(bench: Bench, written: Path) -> None:
    (written / ".fleet-current").unlink()
    before = sorted(os.listdir(written))
    assert carry_out(bench, RemoveDirectory(str(written))).returncode == 0
    assert sorted(os.listdir(written)) == before


def test_a_removal_that_was_cut_is_made_good(bench: Bench, written: Path) -> None:
    bench.replace("rm", f'case $* in *.fleet-12) kill $PPID ;; *) exec {"/bin/rm"} "$@" ;; esac')
    assert carry_out(bench, RemoveDirectory(str(written))).returncode != 0
    assert (written / ".fleet-current").is_symlink()
    (bench.bin / "rm").unlink()
    assert carry_out(bench, RemoveDirectory(str(written))).returncode == 0
    assert not written.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_lines_of_uses_are_dropped_and_no_others(bench: Bench, shell: str) -> None:
    uses = bench.root / "uses"
    uses.write_text("000001 image a@sha256:1\n000001 image a@sha256:12\n000002 tag a:$v `1`\n")
    op = ForgetUses(str(uses), ("000001 image a@sha256:1", "000002 tag a:$v `1`"), (1, 2))
    done = carry_out(bench, op, shell)
    assert (done.returncode, done.stderr) == (0, b"")
    assert uses.read_text() == "000001 image a@sha256:12\n"
    assert carry_out(bench, ForgetUses(str(uses), ("000001 image a@sha256:12",), (1,)), shell).returncode == 0
    assert uses.read_text() == ""
    assert sorted(path.name for path in bench.root.iterdir()) == ["bin", "uses"]


def test_uses_that_are_gone_stay_gone(bench: Bench) -> None:
    assert carry_out(bench, ForgetUses(str(bench.root / "uses"), ("x",), (1,))).returncode == 0
    assert not (bench.root / "uses").exists()


def test_uses_that_cannot_be_rewritten_stay_as_they_were(bench: Bench) -> None:
    uses = bench.root / "uses"
    uses.write_text("000001 image a\n")
    bench.replace("grep", "exit 2")
    assert carry_out(bench, ForgetUses(str(uses), ("000001 image a",), (1,))).returncode != 0
    assert uses.read_text() == "000001 image a\n"


def test_words() -> None:
    assert IMAGE.describe() == "remove image app:v1 (214 MB)"
    assert IMAGE.target == "image:r:5000/app:v1"
    assert RemoveDirectory("/srv/a").describe() == "remove configuration /srv/a"
    assert ForgetUses("/u", ("x",), (3, 1)).describe() == "forget what releases 1-3 used"
    assert ForgetUses("/u", ("x",), (3,)).describe() == "forget what release 3 used"


@pytest.mark.parametrize(("size", "text"), [
    (0, "0 kB"), (12_400, "12 kB"), (6_420_000, "6.4 MB"), (642_000_000, "642 MB"), (1_250_000_000, "1.2 GB"),
])  # fmt: skip
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
