"""How restic is called, and what its words mean; a program of the test in its place."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from volume import archive, repository
from volume import restic as module
from volume.manifest import make_manifest
from volume.places import Places
from volume.repository import backup, listed, restore
from volume.restic import Repository, failure, restic
from volume.restic import repository as given
from volume.words import Failure

SECRET = {"RESTIC_PASSWORD": "s3cret"}
THERE = Repository("/repository", SECRET)
LOGIN = {"key": "KEY", "known_hosts": "nas ssh-ed25519 AAAA"}


def asked(**fields: Any) -> bytes:
    return json.dumps({"repository": "/repository", "environment": SECRET, **fields}).encode()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Written by each test: what takes the place of restic."""
    there = tmp_path / "bin"
    there.mkdir()
    monkeypatch.setattr("volume.children.ENVIRONMENT", {"PATH": f"{there}:{os.environ['PATH']}"})
    file = there / "restic"
    file.touch(0o755)
    return file


def test_no_secret_is_in_the_arguments(program: Path) -> None:
    program.write_text('#!/bin/sh\necho "$@ in $RESTIC_REPOSITORY with $RESTIC_PASSWORD"\n')
    there = Repository("rest:https://me:hidden@host/", SECRET, ("-o", "x=y"))
    assert restic(there, ["init"]) == ("--no-cache -o x=y init in rest:https://me:hidden@host/ with s3cret\n")


def test_no_secret_is_in_an_error(program: Path) -> None:
    program.write_text('#!/bin/sh\necho "$RESTIC_REPOSITORY: odd, $RESTIC_PASSWORD" >&2; exit 1\n')
    with pytest.raises(Failure) as caught:
        restic(Repository("rest:https://me:hidden@host/", SECRET), ["init"])
    assert (caught.value.what, caught.value.why) == ("restic failed", "rest:https://me:***@host/: odd, ***")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Fatal: wrong password or no key found", "that is not the repository's password"),
        (
            "Fatal: unable to open config file: stat /r/config: no such file or directory\n"
            "Is there a repository at the following location?\n/r",
            "there is no repository",
        ),
        (
            "Fatal: create repository at /r failed: config file already exists",
            "there is a repository already",
        ),
        ('invalid id "12345678": no matching ID found for prefix "12345678"', "there is no such backup"),
        (
            'cannot dump file: path "/state/fleet.json" not found in snapshot',
            "no backup of a volume",
        ),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "cannot be reached"),
        ("me@nas: Permission denied (publickey).", "does not accept this key"),
        ("Host key verification failed.", "not who it should be"),
        ("client.BucketExists: Access Denied.", "refuses these credentials"),
        ("write /repository/tmp: no space left on device", "no space left"),
        ("unable to create lock in backend: repository is already locked by PID 5", "is locked"),
        ("Fatal: parsing repository location failed: invalid backend", "restic knows no such repository"),
        ("panic: odd", "restic failed"),
        ("", "restic failed"),
    ],
)
def test_what_the_words_of_restic_mean(said: str, what: str) -> None:
    found = failure(1, said)
    assert what in found.what
    assert found.why


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"[]", b"{", asked(more=1), asked(environment=[]), asked(key=None), asked(repository=""),
    ],
)  # fmt: skip
def test_what_is_no_repository(wrong: bytes, places: Places) -> None:
    with pytest.raises(Failure, match="called wrongly"):
        given(places, wrong)


def test_the_password_is_needed(places: Places) -> None:
    with pytest.raises(Failure, match="password is missing"):
        given(places, asked(environment={"AWS_ACCESS_KEY_ID": "x"}))


@pytest.mark.parametrize(
    ("location", "login"),
    [
        ("sftp:me@nas:/srv/restic", "-l me nas -s sftp"),
        ("sftp:nas:backups", "StrictHostKeyChecking=yes"),
        ("sftp://me@nas.example.com:2222//srv", "-p 2222 -l me nas.example.com -s sftp"),
        ("sftp://me@[fd00::5]/srv", "-l me fd00::5 -s sftp"),
    ],
)
def test_the_way_to_a_host_of_sftp(location: str, login: str, places: Places) -> None:
    there = given(places, asked(repository=location, **LOGIN))
    option, command = there.options
    assert option == "-o"
    assert command.startswith("sftp.command=ssh -F none -i ")
    assert login in command
    key = places.state / "restic-key"
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("KEY\n", 0o600)
    assert (places.state / "restic-known").read_text() == "nas ssh-ed25519 AAAA\n"


@pytest.mark.parametrize(
    "location",
    ["sftp:-oProxyCommand=x:/srv", "sftp:a b:/srv", "sftp://me@nas:port/x", "sftp:", "sftp:-l@nas:/srv"],
)
def test_what_is_no_host_of_sftp(location: str, places: Places) -> None:
    with pytest.raises(Failure, match="that is no repository"):
        given(places, asked(repository=location, **LOGIN))


@pytest.mark.parametrize("missing", ["key", "known_hosts"])
def test_a_host_is_not_trusted_blindly(missing: str, places: Places) -> None:
    with pytest.raises(Failure, match="is missing"):
        given(places, asked(repository="sftp:nas:/srv", **{**LOGIN, missing: " \n"}))


class Store:
    """What restic would keep; the calls."""

    def __init__(self, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places = places
        self.calls: list[list[str]] = []
        self.kept = places.state / "kept"
        self.change: Path | None = None
        monkeypatch.setattr(repository, "restic", self.restic)

    def restic(self, _: Repository, words: list[str], told: module.Line | None = None) -> str:
        self.calls.append(list(words))
        match words[0]:
            case "backup":
                shutil.copytree(self.places.data, self.kept)
                self.record = archive.record_file(self.places).read_text()
                assert told
                told({"message_type": "status", "total_bytes": 5, "bytes_done": 5})
                told({"message_type": "summary", "snapshot_id": "ab12cd34", "data_added": 7})
                if self.change:
                    self.change.write_text("changed")
            case "dump":
                return self.record
            case "restore":
                shutil.copytree(self.kept, self.places.data, dirs_exist_ok=True)
            case "snapshots":
                rows = [
                    {"short_id": f"{age}", "time": f"2026-11-2{age}", "tags": ["fleet", f"volume={name}"]}
                    for age, name in ((3, "db"), (2, "db"), (4, "other"))
                ]
                return json.dumps(rows)
        return ""


def test_there_and_back(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    (places.data / "file").write_text("x")
    store = Store(places, monkeypatch)
    done = backup(places, THERE, {"volume": "db", "generation": 0, "version": "", "note": "a,b"})
    assert (done["id"], done["added"], done["entries"]) == ("ab12cd34", 7, 2)
    words = store.calls[0]
    tags = [words[place + 1] for place, word in enumerate(words) if word == "--tag"]
    assert tags == ["fleet", "volume=db", "generation=0", f"digest={done['digest']}"]
    (places.data / "file").unlink()
    # As restic does for the directory itself.
    status = store.kept.stat()
    found = restore(places, THERE, "ab12cd34", "")
    assert found["digest"] == done["digest"]
    assert found["about"] == {"volume": "db", "generation": 0, "version": "", "note": "a,b"}
    assert places.data.stat().st_mtime_ns == status.st_mtime_ns


def test_the_newest_of_a_volume(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(places, monkeypatch)
    assert [one["id"] for one in listed(THERE)] == ["2", "3", "4"]
    assert repository._newest(THERE, "db") == "3"
    with pytest.raises(Failure, match="no such backup"):
        repository._newest(THERE, "none")


def test_a_backup_of_what_was_written_to_is_taken_back(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.data / "file").write_text("x")
    store = Store(places, monkeypatch)
    store.change = places.data / "file"
    with pytest.raises(Failure, match="has changed meanwhile"):
        backup(places, THERE, {"volume": "db"})
    assert store.calls[-1] == ["forget", "ab12cd34"]


def test_a_damaged_backup_leaves_nothing(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    (places.data / "file").write_text("x")
    store = Store(places, monkeypatch)
    backup(places, THERE, {"volume": "db"})
    (store.kept / "file").write_text("y")
    (places.data / "file").unlink()
    with pytest.raises(Failure, match="not what was archived"):
        restore(places, THERE, "ab12cd34", "")
    assert os.listdir(places.data) == []
    assert make_manifest(places)["entries"] == 1


def test_what_cannot_be_a_tag(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(places, monkeypatch)
    with pytest.raises(Failure, match="cannot be a tag"):
        backup(places, THERE, {"volume": "db,fleet"})
    assert not store.calls


@pytest.mark.parametrize("which", ["latest", "--help", "ABCDEF12", "ab"])
def test_what_is_no_id(which: str, places: Places) -> None:
    with pytest.raises(Failure, match="no such backup"):
        restore(places, THERE, which, "")
