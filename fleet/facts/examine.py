"""What no plan needs, and an operator in trouble does: room on the disks, the clock, names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from fleet.model.examined import Examined, Room
from fleet.model.found import Unknown
from fleet.shell import quote

FUNCTIONS = """\
export LC_ALL=C
printf 'clock 0 %s\\n' "$(date +%s)"
room() {
  path=$2
  until [ -e "$path" ]; do path=$(dirname "$path"); done
  printf 'blocks %s %s\\n' "$1" "$(df -Pk "$path" 2>&1 | tail -n 1)"
  printf 'inodes %s %s\\n' "$1" "$(df -Pi "$path" 2>&1 | tail -n 1)"
}
name() {
  timeout 5 getent ahosts "$2" >/dev/null 2>&1
  printf 'name %s %s\\n' "$1" $?
}
"""
DF = re.compile(r"(\d+)\s+\d+\s+(-?\d+)\s+\S+\s+(/.*)$")
RESOLVED = {0: "", 2: "it is not known", 124: "no answer within 5 s", 127: "there is no getent to ask"}


def examine_script(paths: Sequence[str], names: Sequence[str]) -> str:
    """A path that does not exist yet stands for the directory that it would be made in."""
    calls = [f"room {number} {quote(path)}" for number, path in enumerate(paths)]
    calls += [f"name {number} {quote(name)}" for number, name in enumerate(names)]
    return FUNCTIONS + "".join(f"{call} </dev/null\n" for call in calls)


def parse_examined(output: str, paths: Sequence[str], names: Sequence[str]) -> Examined:
    """What cannot be understood is Unknown."""
    found: dict[tuple[str, str], str] = {}
    for line in output.splitlines():
        kind, _, rest = line.partition(" ")
        number, _, said = rest.partition(" ")
        found[kind, number] = said
    clock = found.get(("clock", "0"), "")
    unresolved = {name: _reason(found.get(("name", str(number)), "")) for number, name in enumerate(names)}
    return Examined(
        int(clock) if clock.isdecimal() else Unknown(f"the clock: {clock or 'no answer'}"),
        _rooms(found, paths),
        {name: reason for name, reason in unresolved.items() if reason},
    )


def _rooms(found: dict[tuple[str, str], str], paths: Sequence[str]) -> tuple[Room, ...] | Unknown:
    rooms: dict[str, Room] = {}
    for number, path in enumerate(paths):
        said = found.get(("blocks", str(number)), "")
        blocks = DF.search(said)
        if blocks is None:
            return Unknown(f"the room for {path}: {said or 'no answer'}")
        size, free, mount = int(blocks[1]), max(0, int(blocks[2])), blocks[3]
        room = Room(path, mount, free * 1024, size * 1024)
        # Not every df can count them, and not every file system has a number of them.
        if inodes := DF.search(found.get(("inodes", str(number)), "")):
            room = replace(room, free_inodes=max(0, int(inodes[2])), inodes=int(inodes[1]))
        rooms.setdefault(mount, room)
    return tuple(rooms.values())


def _reason(status: str) -> str:
    code = int(status) if status.isdecimal() else -1
    return RESOLVED.get(code, f"getent ended with exit status {status or 'unknown'}")
