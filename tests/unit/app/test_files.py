"""Files to hosts and from them. Both hosts are this machine: the scripts are really carried out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet.app.files import get, put
from fleet.app.options import Options
from fleet.app.session import Session
from fleet.errors import Exit, RemoteFailed, UsageError
from fleet.report import events as ev
from fleet.run.files import Upload
from fleet.secret import Keyring
from fleet.transport.endpoint import Endpoint
from fleet.transport.local import LocalTransport
from tests.unit.app.conftest import Told

HOSTS = "all: {vars: {ansible_connection: local, fleet_project: shop}, hosts: {a: , b/c: }}\n"
CONTENT = bytes(range(256)) * 10_000


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    (tmp_path / "inventories" / "test").mkdir(parents=True)
    (tmp_path / "inventories" / "test" / "hosts.yml").write_text(HOSTS)
    (tmp_path / "file").write_bytes(CONTENT)
    (tmp_path / "file").chmod(0o750)
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    return Told()


def session(told: Told, limit: str = "a") -> Session:
    return Session.open(Options(Path.cwd(), "test", limit=limit, version="v1"), told, Keyring())


def texts(told: Told) -> list[str]:
    return [event.text for event in told.events if isinstance(event, ev.StepFinished)]


def left(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_written_with_the_mode_it_has_here(told: Told, tmp_path: Path) -> None:
    target = tmp_path / "there" / "it's new"
    assert put(session(told), "file", str(target), "", 20) is Exit.OK
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (CONTENT, 0o750)
    assert texts(told) == [f"{target} written, 2.6 MB"]
    assert left(tmp_path / "there") == ["it's new"]


def test_one_that_replaces_another_keeps_its_mode(told: Told, tmp_path: Path) -> None:
    target = tmp_path / "there" / "file"
    target.write_text("old")
    target.chmod(0o604)
    (tmp_path / "link").symlink_to(target)
    put(session(told), "file", str(tmp_path / "link"), "", 20)
    assert (tmp_path / "link").is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (CONTENT, 0o604)
    put(session(told), "file", str(tmp_path / "there"), "0640", 20)
    assert target.stat().st_mode & 0o777 == 0o640


def test_the_same_is_left_alone(told: Told, tmp_path: Path) -> None:
    target = tmp_path / "there" / "file"
    target.write_bytes(CONTENT)
    before = target.stat().st_ino
    assert put(session(told), "file", str(target), "", 20) is Exit.OK
    assert texts(told) == [f"{target} is the same already"]
    assert target.stat().st_ino == before


def test_what_arrives_damaged_is_not_put_in_place(tmp_path: Path) -> None:
    source, target = tmp_path / "file", tmp_path / "there" / "file"
    (tmp_path / "there").mkdir()
    source.write_bytes(CONTENT)
    target.write_text("old")
    upload = Upload.of(source, str(target))
    source.write_bytes(CONTENT[:-1])
    here = LocalTransport(Endpoint("a", "localhost", connection="local"), Keyring())
    with pytest.raises(RemoteFailed, match="was not written") as caught:
        upload.put(here, 20)
    assert caught.value.why == "what arrived is not what was read at first"
    assert target.read_text() == "old"
    assert left(tmp_path / "there") == ["file"]


def test_a_directory_that_is_not_there(told: Told, tmp_path: Path) -> None:
    assert put(session(told), "file", str(tmp_path / "nix" / "file"), "", 20) is Exit.FAILED
    assert told.finished.state == (f"a: {tmp_path}/nix/file was not written",)
    assert "No such file or directory" in told.errors[0]


def test_files_of_many_hosts_lie_side_by_side(told: Told, tmp_path: Path) -> None:
    assert get(session(told, "all"), str(tmp_path / "file"), "here", 20) is Exit.OK
    for name in ("a", "b_c"):
        fetched = tmp_path / "here" / name / "file"
        assert fetched.read_bytes() == CONTENT
        assert left(fetched.parent) == ["file"]
    assert sorted(texts(told)) == ["here/a/file, 2.6 MB", "here/b_c/file, 2.6 MB"]


def test_a_file_that_is_not_there_leaves_what_was_fetched_before(told: Told, tmp_path: Path) -> None:
    (tmp_path / "here" / "a").mkdir(parents=True)
    (tmp_path / "here" / "a" / "nix").write_text("before")
    assert get(session(told), str(tmp_path / "nix"), "here", 20) is Exit.FAILED
    assert "there is no such file" in told.errors[0]
    assert (tmp_path / "here" / "a" / "nix").read_text() == "before"
    assert left(tmp_path / "here" / "a") == ["nix"]


def test_a_file_that_changes_while_it_is_read(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "sha256sum"
    program.write_text("#!/bin/sh\necho 0000 -\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert get(session(told), str(tmp_path / "file"), "here", 20) is Exit.FAILED
    assert "changed while it was read" in told.errors[0]
    assert left(tmp_path / "here" / "a") == []


def test_a_directory_here_that_cannot_be_made(told: Told) -> None:
    assert get(session(told), str(Path.cwd() / "file"), "file", 20) is Exit.FAILED
    assert told.finished.state[0].startswith("a: here: ")


def test_an_interrupt_begins_nothing(told: Told, tmp_path: Path) -> None:
    one = session(told)
    one.interrupt.press()
    assert put(one, "file", str(tmp_path / "there" / "file"), "", 20) is Exit.INTERRUPTED
    assert left(tmp_path / "there") == []


def test_paths_that_cannot_be_meant(told: Told) -> None:
    with pytest.raises(UsageError, match="a path on a host begins with /"):
        put(session(told), "file", "file", "", 20)
    with pytest.raises(UsageError, match="a path on a host begins with /"):
        get(session(told), "file", "here", 20)
    with pytest.raises(UsageError, match="nix cannot be read"):
        put(session(told), "nix", "/file", "", 20)
