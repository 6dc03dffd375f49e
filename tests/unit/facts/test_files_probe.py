"""The probes of files, run by real shells over real directories."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from fleet.facts.files import CURRENT, LARGEST, PENDING, DirsProbe, SealedProbe
from fleet.facts.probe import Answer, Question
from fleet.model.desired import HostState
from fleet.model.found import FoundDir, FoundFile, Unknown
from fleet.model.services import ConfigDir, ConfigFile, SecretFile, Service
from fleet.ops.fingerprints import remember
from tests.support.build import service
from tests.support.shells import SHELLS, Bench

PRINT = "0123456789abcdef"


def question(*services: Service) -> Question:
    return Question("shop", "test", "/var/lib/fleet", HostState("web-1", services))


def wanting(*directories: Path, names: Iterable[str] = ()) -> Question:
    files = tuple(ConfigFile(name, "") for name in names)
    configs = tuple(ConfigDir(str(one), "/etc/app", files) for one in directories)
    return question(service(configs=configs))


def look(
    bench: Bench, *directories: Path, names: Iterable[str] = (), shell: str = "sh"
) -> dict[str, FoundDir]:
    """``names``: of the files that are wanted."""
    probe = DirsProbe()
    done = bench.run(probe.script(wanting(*directories, names=names)), shell=shell)
    found = probe.parse(Answer((done.stdout + done.stderr).decode(errors="replace"), done.returncode))
    assert isinstance(found, dict), done
    return found


def by_name(found: FoundDir) -> dict[str, FoundFile]:
    return {file.name: file for file in found.files}


def write(bench: Bench, directory: Path, files: dict[str, str]) -> None:
    """As Fleet lays files: below ``.fleet-current``, with sums and a visible link each."""
    real = directory / ".fleet-0123456789abcdef"
    real.mkdir(parents=True)
    for name, content in files.items():
        (real / name).write_text(content)
        (directory / name).symlink_to(f"{CURRENT}/{name}")
    (directory / CURRENT).symlink_to(real.name)
    marks = tuple((name, PRINT) for name in files)
    bench.run("\n".join(remember(files, marks, f"'{real}'"))).check_returncode()


@pytest.mark.parametrize("shell", SHELLS)
def test_names_and_contents_come_back_byte_by_byte(bench: Bench, tmp_path: Path, shell: str) -> None:
    place = tmp_path / "con f\\n'ig"
    place.mkdir()
    contents = {
        "plain.ini": "a = 1\n",
        "no-last-newline": "a",
        "empty": "",
        "quotes and spaces '\"": "'\"`$HOME` $(id) \\n %s\n",
        "líne\nfeed": "Grüße\n☃",
        ".htpasswd": "user:hash\n",
    }
    for name, content in contents.items():
        (place / name).write_text(content)
    found = look(bench, place, names=contents, shell=shell)[str(place)]
    assert {file.name: file.content for file in found.files} == contents
    assert {file.mode for file in found.files} == {"0644"}
    assert not any(file.ours for file in found.files)


def test_names_and_contents_that_are_no_utf_8_do_no_harm(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "conf"
    place.mkdir()
    (place / "binary").write_bytes(b"\x00\xff")
    with open(bytes(place) + b"/\xff", "wb") as file:
        file.write(b"not asked for")
    (seen,) = look(bench, place, names=["binary"])[str(place)].files
    assert seen.name == "binary"
    assert seen.content == "\x00\N{REPLACEMENT CHARACTER}"


def test_content_that_others_may_not_read_stays_on_the_host(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "conf"
    place.mkdir()
    for mode in (0o600, 0o640, 0o644):
        (place / f"{mode:o}").write_text("hunter2-in-clear")
        (place / f"{mode:o}").chmod(mode)
    probe = DirsProbe()
    done = bench.run(probe.script(wanting(place, names=["600", "640", "644"])))
    secret = base64.b64encode(b"hunter2-in-clear")
    assert done.stdout.count(secret) == 1
    files = by_name(look(bench, place, names=["600", "640", "644"])[str(place)])
    assert [files[name].content is None for name in ("600", "640", "644")] == [True, True, False]
    assert files["600"].sha256 == files["644"].sha256


def test_a_large_file_is_told_by_its_sum_alone(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "conf"
    place.mkdir()
    (place / "at-limit").write_bytes(b"x" * LARGEST)
    (place / "large").write_bytes(b"x" * (LARGEST + 1))
    files = by_name(look(bench, place, names=["at-limit", "large"])[str(place)])
    assert files["at-limit"].content == "x" * LARGEST
    assert files["large"].content is None
    assert len(files["large"].sha256) == 64


def test_what_is_not_there_is_absent_and_directories_are_no_files(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "conf"
    (place / "below").mkdir(parents=True)
    found = look(bench, place, tmp_path / "none")
    assert found == {
        str(place): FoundDir(str(place), exists=True),
        str(tmp_path / "none"): FoundDir(str(tmp_path / "none"), exists=False),
    }


def test_nothing_to_look_at_is_no_error(bench: Bench) -> None:
    assert look(bench) == {}


@pytest.mark.parametrize("shell", SHELLS)
def test_what_fleet_wrote_is_ours_and_intact(bench: Bench, tmp_path: Path, shell: str) -> None:
    place = tmp_path / "conf"
    write(bench, place, {"a b": "one", ".dot": "two"})
    (place / "other").write_text("by hand")
    (place / "nobody's business").write_text("by hand")
    found = look(bench, place, names=["a b", "other", "missing"], shell=shell)[str(place)]
    assert found.intact
    assert not found.pending
    assert {file.name: file.ours for file in found.files} == {".dot": True, "a b": True, "other": False}


def test_a_directory_whose_container_was_not_told_yet(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "conf"
    write(bench, place, {"a": "one"})
    (place / PENDING).write_text("")
    found = look(bench, place)[str(place)]
    assert found.pending
    assert [file.name for file in found.files] == ["a"]


def test_who_owns_a_file(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "conf"
    write(bench, place, {"a": "one"})
    (seen,) = look(bench, place)[str(place)].files
    assert seen.owner == f"{os.geteuid()}:{os.getegid()}"


@pytest.mark.parametrize("how", ["edited", "removed", "link replaced", "link removed"])
def test_what_was_changed_by_hand_is_not_intact(bench: Bench, tmp_path: Path, how: str) -> None:
    place = tmp_path / "conf"
    write(bench, place, {"a": "one", "b": "two"})
    match how:
        case "edited":
            (place / "a").write_text("by hand")
        case "removed":
            (place / "a").resolve().unlink()
        case "link replaced":
            (place / "a").unlink()
            (place / "a").write_text("by hand")
        case "link removed":
            (place / "a").unlink()
    assert not look(bench, place)[str(place)].intact
    assert sealed(bench, place) == {str(place): {"a": PRINT, "b": PRINT} if how.startswith("link") else {}}


@pytest.mark.parametrize(
    "answer",
    [
        Answer("dir intact /srv/x\n", 1),
        Answer("dir intact /srv/x\nsh: 1: cannot fork\n", 0),
        Answer("dir intact /srv/x\nfile 644 0:0 abc fleet %%% -\n", 0),
        Answer("dir intact /srv/x\nfile 644 abc\n", 0),
        Answer("file 644 0:0 abc fleet YQ== -\n", 0),
    ],
)
def test_what_cannot_be_understood_is_never_taken_for_an_empty_directory(answer: Answer) -> None:
    try:
        found: object = DirsProbe().parse(answer)
    except (ValueError, KeyError):
        return  # the frame around all probes makes it Unknown
    assert isinstance(found, Unknown)


def sealed(bench: Bench, *configs: Path, secrets: Path | None = None, shell: str = "sh") -> object:
    made = service(
        configs=tuple(ConfigDir(str(one), "/etc/app", ()) for one in configs),
        secret_dir=str(secrets or ""),
        secrets=(SecretFile("password", "x"),) if secrets else (),
    )
    probe = SealedProbe()
    done = bench.run(probe.script(question(made)), shell=shell)
    return probe.parse(Answer((done.stdout + done.stderr).decode(), done.returncode))


@pytest.mark.parametrize("shell", SHELLS)
def test_fingerprints_are_read_back(bench: Bench, tmp_path: Path, shell: str) -> None:
    conf, secrets = tmp_path / "con\\f", tmp_path / "secrets"
    write(bench, conf, {"a name": "one"})
    secrets.mkdir()
    (secrets / "password").write_text("x")
    bench.run("\n".join(remember(["password"], (("password", PRINT),), f"'{secrets}'"))).check_returncode()
    assert sealed(bench, conf, secrets=secrets, shell=shell) == {
        str(conf): {"a name": PRINT},
        str(secrets): {"password": PRINT},
    }


def test_fingerprints_of_files_that_were_edited_or_are_gone_count_for_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    assert sealed(bench, secrets=secrets) == {str(secrets): {}}
    secrets.mkdir()
    (secrets / "password").write_text("x")
    bench.run("\n".join(remember(["password"], (("password", PRINT),), f"'{secrets}'"))).check_returncode()
    (secrets / "password").write_text("edited")
    assert sealed(bench, secrets=secrets) == {str(secrets): {}}
    (secrets / "password").unlink()
    assert sealed(bench, secrets=secrets) == {str(secrets): {}}


@pytest.mark.parametrize("out", ["sh: cannot fork\n", f"{PRINT} password\n", "dir /run/x\ncannot open it\n"])
def test_garbled_fingerprints_are_unknown(out: str) -> None:
    assert isinstance(SealedProbe().parse(Answer(out, 0)), Unknown)
    assert isinstance(SealedProbe().parse(Answer("", 2)), Unknown)
