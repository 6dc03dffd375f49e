"""The program as a whole, where it needs no other side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from volume import main as module
from volume.main import main
from volume.places import Places


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, dict]:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["sync"],
        ["hold"],
        ["seed", "--to", "a:1", "--host-key", "k", "--rate", "fast"],
        ["usage", "--all"],
    ],
)
def test_a_wrong_call_is_an_error_in_json(
    words: list[str], places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words, places) == 1
    assert said(capsys)["error"]["what"] == "volume was called wrongly"


def test_what_nobody_expected_is_an_error_in_json(
    places: Places, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Places) -> dict[str, object]:
        raise RuntimeError("odd")

    monkeypatch.setattr(module, "usage", broken)
    assert main(["usage"], places) == 1
    assert said(capsys) == {"error": {"what": "the helper failed", "why": "RuntimeError: odd"}}


def test_a_key_is_made_once_and_is_nobody_elses(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key"], places) == 0
    first = said(capsys)["result"]["public"]
    assert first.startswith("ssh-ed25519 ")
    assert (places.state / "key").stat().st_mode & 0o777 == 0o600
    assert main(["key"], places) == 0
    assert said(capsys)["result"]["public"] == first


def test_a_key_that_was_half_made_is_made_again(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    (places.state / "key").write_text("half")
    assert main(["key"], places) == 0
    assert said(capsys)["result"]["public"].startswith("ssh-ed25519 ")


def test_the_state_is_for_nobody_else(places: Places) -> None:
    places.state.chmod(0o1777)
    assert main(["usage"], places) == 0
    assert places.state.stat().st_mode & 0o7777 == 0o700


def test_usage_counts_what_is_on_the_disk(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    with (places.data / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    (places.data / "file").write_bytes(b"x" * 100_000)
    os.link(places.data / "file", places.data / "again")
    (places.data / "dir").mkdir()
    main(["usage"], places)
    found = said(capsys)["result"]
    assert found["apparent"] == (1 << 30) + 100_000
    assert 100_000 <= found["bytes"] < 300_000
    assert found["entries"] == 5
    assert found["free"] > 0


def test_a_volume_that_cannot_be_read_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["usage"], Places(tmp_path / "none", tmp_path / "state")) == 1
    assert said(capsys)["error"]["why"] == "No such file or directory"


def test_the_manifest_by_its_command(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    (places.data / "file").write_text("x")
    assert main(["manifest"], places) == 0
    assert set(said(capsys)["result"]) == {"digest", "entries", "bytes", "hashed", "changing", "seconds"}
    assert places.manifest.read_bytes().startswith(b".\0d ")


RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from volume.main import main
from volume import manifest
from volume.places import Places
manifest.cores = lambda: 3
sys.exit(main(sys.argv[3:], Places(Path(sys.argv[2]) / "data", Path(sys.argv[2]) / "state")))
"""


def program(places: Places, *words: str) -> subprocess.Popen[bytes]:
    where = [str(Path(module.__file__).parents[1]), str(places.state.parent)]
    return subprocess.Popen([sys.executable, "-c", RUN, *where, *words], stdout=subprocess.PIPE)


def test_hold_ends_by_itself(places: Places) -> None:
    with program(places, "hold", "--seconds", "0.2") as hold:
        assert hold.communicate()[0].endswith(b'\n{"result": {}}\n')
    assert hold.returncode == 0


def test_hold_ends_when_it_is_told_to(places: Places) -> None:
    with program(places, "hold", "--seconds", "60") as hold:
        assert hold.stdout
        assert hold.stdout.readline() == b'{"progress": {"seconds": 60.0}}\n'
        hold.terminate()
        assert hold.communicate()[0] == b'{"result": {}}\n'
    assert hold.returncode == 0


def test_term_ends_the_children_and_is_told(places: Places) -> None:
    """In the midst of hashing: its workers must not go on."""
    for number in range(24):
        with (places.data / str(number)).open("wb") as file:
            file.write(b"x" * (8 << 20))
    with program(places, "manifest") as making:
        children = Path(f"/proc/{making.pid}/task/{making.pid}/children")
        while len(found := children.read_text().split()) < 2 and making.poll() is None:
            pass
        making.terminate()
        output = making.communicate()[0]
    assert json.loads(output.splitlines()[-1])["error"]["what"] == "stopped"
    assert making.returncode == 1
    assert not [pid for pid in found if Path(f"/proc/{pid}").exists()]
