"""A copy beside the volume, in two directories."""

from __future__ import annotations

import os

import pytest
from volume import clone as cloning
from volume import reflink as linking
from volume import same as comparing
from volume.clone import clone
from volume.extras import put_back, set_aside
from volume.main import main
from volume.places import Places
from volume.reflink import can_reflink, normal_in_use, reflink
from volume.rsync import Sum
from volume.same import same
from volume.words import Failure

pytestmark = pytest.mark.usefixtures("program")


def looked_at(places: Places) -> dict[str, object]:
    places.beside.prepare()
    return same(places)


def test_by_tar(filled: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloning, "can_reflink", lambda _: False)
    done = clone(filled, 0, final=True)
    assert (done["how"], done["complete"]) == ("tar", True)
    found = looked_at(filled)
    assert (found["equal"], found["entries"]) == (True, 7)
    (filled.data / "new").write_text("y")
    found = looked_at(filled)
    assert (found["equal"], found["differing"]) == (False, 2)


@pytest.mark.parametrize("complete", [True, False])
def test_by_rsync_into_what_holds_something(
    complete: bool, filled: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []

    def one_pass(words: list[str], to: None, final: bool) -> tuple[Sum, bool]:
        called.append((words[-2:], to, final))
        return Sum(5, 1), complete

    monkeypatch.setattr(cloning, "one_pass", one_pass)
    filled.beside.partial.mkdir()
    done = clone(filled, 0, final=False)
    assert (done["how"], done["bytes"], done["complete"]) == ("rsync", 5, complete)
    assert called == [([f"{filled.data}/", f"{filled.copy}/"], None, False)]
    assert filled.beside.partial.exists() is not complete


def test_by_cp(filled: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system shares no blocks, cp copies them: the rest of it is the same."""
    monkeypatch.setattr(cloning, "can_reflink", lambda _: True)
    done = clone(filled, 0, final=False)
    assert (done["how"], done["complete"], done["bytes"]) == ("reflink", True, 0)
    assert looked_at(filled)["equal"]


def test_an_empty_volume_has_nothing_to_share(places: Places) -> None:
    (places.data / "empty").touch()
    assert not can_reflink(places)
    assert clone(places, 0, final=True)["how"] == "tar"
    assert looked_at(places)["equal"]


def test_trying_leaves_nothing_behind(filled: Places) -> None:
    can_reflink(filled)
    assert os.listdir(filled.copy) == []


def test_what_is_written_to_is_no_final_copy(filled: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloning, "pump", lambda _, out, __: (out.write(bytes(10240)), False))
    monkeypatch.setattr(cloning, "can_reflink", lambda _: False)
    with pytest.raises(Failure, match="files changed while they were copied"):
        clone(filled, 0, final=True)


GONE = "cp: cannot stat '/data/a': No such file or directory"


@pytest.mark.parametrize(
    ("said", "final", "what"),
    [
        (GONE, False, ""),
        (GONE, True, "copying the volume failed"),
        (f"{GONE}\ncp: error reading '/data/b': Input/output error", False, "copying the volume failed"),
        ("cp: error writing '/copy/a': No space left on device", False, "the copy has no space left"),
        ("", False, "copying the volume failed"),
    ],
)
def test_what_the_words_of_cp_mean(
    said: str, final: bool, what: str, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "CP", ["sh", "-c", f'echo "{said}" >&2; exit 1'])
    if what:
        with pytest.raises(Failure, match=what):
            reflink(places, final)
    else:
        assert reflink(places, final) is False


def test_nothing_said_is_not_normal() -> None:
    assert not normal_in_use("\n")


def test_the_copys_own_error_is_told(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(comparing, "judged", refuse)
    places.copy.rmdir()
    with pytest.raises(Failure, match="there is no second volume"):
        same(places)


@pytest.mark.parametrize("command", ["clone", "same"])
def test_without_a_second_volume(command: str, places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    places.copy.rmdir()
    assert main([command], places) == 1
    assert "there is no second volume" in capsys.readouterr().out


def test_what_archives_do_not_keep(filled: Places) -> None:
    extras = set_aside(filled)
    assert [(extra["path"], extra["kind"]) for extra in extras] == [
        ("fifo", "p"),
        ("socket", "s"),
        ("sub/fifo", "p"),
        ("to bytes", "l"),
    ]
    (filled.copy / "sub").mkdir()
    (filled.copy / "fifo").write_text("in its place")
    os.utime(filled.copy / "sub", ns=(5, 5))
    put_back(filled.beside, extras)
    assert os.stat(filled.copy / "sub").st_mtime_ns == 5
    assert os.path.samefile(filled.copy / "fifo", filled.copy / "sub/fifo")
    assert os.readlink(os.fsencode(filled.copy / "to bytes")) == b"\xff\n"


@pytest.mark.parametrize("path", ["../out", "sub/../../out", "away/out", ".", ""])
def test_nothing_is_put_outside_of_the_volume(path: str, filled: Places) -> None:
    os.symlink("..", filled.copy / "away")
    (filled.copy / "sub").mkdir()
    extra = {**set_aside(filled)[1], "path": path, "group": ""}
    with pytest.raises(Failure, match="cannot be made"):
        put_back(filled.beside, [extra])


def test_what_lay_in_a_directory_that_was_gone(filled: Places) -> None:
    extra = {**set_aside(filled)[1], "path": "gone/socket"}
    put_back(filled.beside, [extra])
    assert os.listdir(filled.copy) == []
