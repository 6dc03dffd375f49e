from __future__ import annotations

import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from volume import receive as receiving
from volume.places import Places
from volume.receive import doubt, receive, tidy
from volume.tarstream import full
from volume.words import Failure, say


@pytest.mark.parametrize(
    "asked",
    [
        "", "id", "seed now", "rsync", "rsync --daemon", "rsync --server -a . /etc/",
        "rsync --server --sender -a . {data}/", "rsync --server -a . {data}/ /etc/", "rsync -a {data}/ x:/",
    ],
)  # fmt: skip
def test_what_the_target_does_not_do(places: Places, asked: str) -> None:
    with pytest.raises(Failure, match="does not do that"):
        receive(places, asked.format(data=places.data))


def test_rsync_may_fill_the_volume(places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called = []

    def rsync(_: Places, words: list[str], stream: int) -> int:
        called.append(words)
        os.write(stream, b"data")
        say("progress", {})
        return 24

    monkeypatch.setattr(receiving, "_rsync", rsync)
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        status = receive(places, f"rsync --server -e.x --partial-dir '{places.partial}' . {places.data}/")
    assert status == 24
    assert (tmp_path / "out").read_text() == "data"
    assert json.loads((tmp_path / "err").read_text()) == {"progress": {}}
    assert called == [
        ["rsync", "--server", "-e.x", "--partial-dir", str(places.partial), ".", f"{places.data}/"]
    ]


def test_a_volume_that_holds_something_is_not_seeded(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    (places.data / ".hidden").touch()
    assert receive(places, "seed") == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"ready": {"empty": False}}
    ]


def test_tidying_leaves_no_trace(places: Places) -> None:
    places.partial.mkdir()
    (places.partial / "half").write_text("x")
    os.utime(places.data, ns=(1, 123_456_789_123_456_789))
    tidy(places)
    assert os.listdir(places.data) == []
    assert places.data.stat().st_mtime_ns == 123_456_789_123_456_789
    tidy(places)


def test_doubted_files_have_a_time_that_rsync_does_not_believe(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (places.data / "sub").mkdir()
    names = [b"a\n", b"sub/\xff"]
    for name in names:
        Path(os.fsdecode(places.root + b"/" + name)).write_text("x")
    asked = SimpleNamespace(buffer=io.BytesIO(b"\0".join([*names, b"gone"])))
    monkeypatch.setattr("sys.stdin", asked)
    assert receive(places, "doubt") == 0
    assert json.loads(capsys.readouterr().out) == {"result": {"doubted": 2}}
    assert {os.stat(places.root + b"/" + name).st_mtime_ns for name in names} == {0}


@pytest.mark.parametrize("path", [b"/etc/passwd", b"../x", b"a/../../x"])
def test_nothing_outside_of_the_volume_is_doubted(places: Places, path: bytes) -> None:
    with pytest.raises(Failure, match="no path of the volume"):
        doubt(places, path)


@pytest.mark.parametrize(
    ("line", "no_room"),
    [
        ("tar: ./a: Cannot write: No space left on device", True),
        ("tar: ./a: Wrote only 8192 of 10240 bytes", True),
        ("tar: ./a: Cannot mkdir: Disk quota exceeded", True),
        ("tar: ./a: Cannot change ownership to uid 5, gid 5: Operation not permitted", False),
    ],
)
def test_a_full_volume_by_the_words_of_tar(line: str, no_room: bool) -> None:
    assert full(line) is no_room


@pytest.mark.parametrize(
    ("ending", "why"), [("kill -9 $$", "it was killed by signal 9"), ("exit 12", "it ended with status 12")]
)
def test_an_rsync_that_breaks_off_is_told_to_the_source(places: Places, ending: str, why: str) -> None:
    with pytest.raises(Failure) as caught:
        receiving._rsync(places, ["sh", "-c", ending], 1)
    assert (caught.value.what, caught.value.why) == ("rsync failed at the target", why)
    assert receiving._rsync(places, ["sh", "-c", "exit 23"], 1) == 23
