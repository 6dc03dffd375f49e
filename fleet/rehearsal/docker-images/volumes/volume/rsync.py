"""rsync: its flags, and what its words and exit statuses mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .answers import told
from .link import Address, link_failure
from .places import PARTIAL, Places
from .words import Failure, last_lines

VANISHED = 24
PARTLY = 23


def rsync_words(
    places: Places, ssh_config: str, target: str, rate: int, more: Sequence[str] = ()
) -> list[str]:
    return [
        *_options(places, rate),
        *more,
        "-e",
        f"ssh -F {ssh_config}",
        f"{places.data}/",
        f"{target}:{places.data}/",
    ]


def leaving_out(places: Places, paths: Sequence[bytes]) -> list[str]:
    """Words with which these stay at the target as they are."""
    places.left_out.write_bytes(b"".join(pattern(path) + b"\0" for path in paths))
    return ["--from0", f"--exclude-from={places.left_out}"] if paths else []


def pattern(path: bytes) -> bytes:
    """What matches this path and no other. Where nothing else is special, neither is a backslash."""
    return b"/" + (re.sub(rb"([\\*?\[])", rb"\\\1", path) if re.search(rb"[*?\[]", path) else path)


def local_words(places: Places, rate: int) -> list[str]:
    """To the second volume."""
    return [*_options(places.beside, rate), f"{places.data}/", f"{places.copy}/"]


def _options(there: Places, rate: int) -> list[str]:
    """``--modify-window=-1``: nanoseconds. By default whole seconds are compared, and a file that was written
    twice within one is silently left as it was."""
    return [
        "rsync",
        "-aHAXS",
        "--numeric-ids",
        "--delete-delay",
        "--modify-window=-1",
        f"--partial-dir={there.partial}",
        f"--exclude=/{PARTIAL}",
        # Labels are given by the host's policy. Naming one attribute drops rsync's own rule for system.*.
        "--filter=-x security.selinux",
        "--filter=-x system.*",
        "--outbuf=None",
        "--info=progress2",
        "--stats",
        "--no-human-readable",
        *([f"--bwlimit={max(1, -(-rate // 1024))}K"] if rate else []),
    ]


_PROGRESS = re.compile(r"^\s*(\d+)\s+\d+%.*?(?:\(xfr#(\d+), (?:to|ir)-chk=(\d+)/(\d+)\))?\s*$")


def progress(line: str) -> int | None:
    """Bytes so far, when the line is one of ``--info=progress2``."""
    found = _PROGRESS.match(line) if "%" in line else None
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Sum:
    """``sent``: bytes on the wire. ``changed``: files that were written, made or removed."""

    sent: int
    changed: int


def sums(stats: str) -> Sum:
    """What ``--stats`` tells at the end."""

    def number(words: str) -> int:
        found = re.search(rf"^{words}: (\d+)", stats, re.MULTILINE)
        return int(found[1]) if found else 0

    created = re.search(r"^Number of created files: (\d+)(?: \((?:.*\b)?reg: (\d+))?", stats, re.MULTILINE)
    others = int(created[1]) - int(created[2] or 0) if created else 0
    changed = number("Number of regular files transferred") + number("Number of deleted files") + others
    return Sum(number("Total bytes sent"), changed)


# What rsync complains about when files are written while it reads them.
_IN_USE = re.compile(
    r"vanished|failed verification|read errors mapping|No such file or directory|"
    r"^rsync (?:error: some files/attrs were not transferred|warning: some files vanished)"
)


def normal_in_use(status: int, complaints: str) -> bool:
    """Whether this is how it ends on a volume in use: the next pass has the rest."""
    if status in (0, VANISHED):
        return True
    lines = [line for line in complaints.splitlines() if line.strip()]
    return status == PARTLY and bool(lines) and all(_IN_USE.search(line) for line in lines)


_MEANINGS = {
    11: "rsync could not write or read a file",
    20: "rsync was stopped",
    22: "rsync had no memory",
    PARTLY: "some files could not be copied",
    VANISHED: "files vanished: something still writes to the volume",
}


# The protocol or the socket broke off.
BROKEN_OFF = (10, 12, 30)
# ssh says so itself.
_CUT = 255


def failure(to: Address | None, status: int, complaints: str) -> Failure:
    """What it means that a pass has failed. ``to``: None for a pass to the second volume."""
    there = "the target" if to else "the copy"
    if re.search(r"No space left on device|Disk quota exceeded", complaints):
        return Failure(f"{there} has no space left", last_lines(complaints))
    if to and status in (*BROKEN_OFF, _CUT):
        return told(complaints.encode()) or link_failure(to, complaints)
    what = _MEANINGS.get(status, f"rsync ended with status {status}")
    return Failure(what, last_lines(complaints))
