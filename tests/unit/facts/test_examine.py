"""The doctor's look at a host: the script run for real among stand-ins, and what is made of its answer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleet.facts.examine import examine_script, parse_examined
from fleet.model.examined import Room
from fleet.model.found import Unknown

DF = """\
#!/bin/sh
case $1 in
  -Pk) echo '/dev/vda1 2000 1000 1000 50% /' ;;
  -Pi) echo '/dev/vda1 500 100 400 20% /' ;;
esac | sed '1i Filesystem and so on'
echo "$2" >>asked
"""
GETENT = "#!/bin/sh\ncase $2 in known.example) echo 192.0.2.1 ;; *) exit 2 ;; esac\n"


def tool(directory: Path, name: str, text: str) -> None:
    (directory / name).write_text(text)
    (directory / name).chmod(0o755)


def test_the_script_asks_for_every_path_and_name(tmp_path: Path) -> None:
    tool(tmp_path, "df", DF)
    tool(tmp_path, "getent", GETENT)
    there = tmp_path / "it's there"
    there.mkdir()
    paths, names = (str(there), str(there / "not" / "yet")), ("known.example", "lost.example")
    script = examine_script(paths, names)
    done = subprocess.run(
        ["sh", "-s"], input=script, cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = parse_examined(done.stdout, paths, names)
    assert found.rooms == (Room(str(there), "/", 1_024_000, 2_048_000, 400, 500),), (
        "one file system is told once"
    )
    assert found.unresolved == {"lost.example": "it is not known"}
    assert isinstance(found.clock, int)
    assert set((tmp_path / "asked").read_text().splitlines()) == {str(there)}, "the nearest that is there"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("status", "reason"),
    [("124", "no answer within 5 s"), ("127", "there is no getent to ask"),
     ("", "getent ended with exit status unknown"), ("3", "getent ended with exit status 3")],
)  # fmt: skip
def test_why_a_name_is_not_known(status: str, reason: str) -> None:
    found = parse_examined(f"clock 0 1\nname 0 {status}\n", (), ("a.example",))
    assert found.unresolved == {"a.example": reason}


def test_what_cannot_be_read_is_not_known() -> None:
    found = parse_examined("clock 0 date: not found\nblocks 0 df: /srv: Permission denied\n", ("/srv",), ())
    assert found.clock == Unknown("the clock: date: not found")
    assert found.rooms == Unknown("the room for /srv: df: /srv: Permission denied")
    nothing = parse_examined("", ("/srv",), ())
    assert nothing.clock == Unknown("the clock: no answer")
    assert nothing.rooms == Unknown("the room for /srv: no answer")


def test_a_file_system_that_counts_no_inodes() -> None:
    said = "clock 0 1\nblocks 0 tmpfs 100 0 -3 0% /mnt/a disk\ninodes 0 df: unknown option -- i\n"
    (room,) = parse_examined(said, ("/mnt/a disk/x",), ()).rooms  # type: ignore[misc]
    assert room == Room("/mnt/a disk/x", "/mnt/a disk", 0, 102_400)
