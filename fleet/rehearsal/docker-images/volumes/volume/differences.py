"""What two manifests differ in, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .entry import CHANGING, Entry, Record
from .words import readable

KIND_NAMES = {
    "f": "file",
    "d": "directory",
    "l": "symbolic link",
    "p": "fifo",
    "s": "socket",
    "b": "block device",
    "c": "character device",
}


class Difference(NamedTuple):
    """``hidden``: rsync does not see it, since size and time are the same. So it is when the target alone has
    files that are one."""

    path: bytes
    words: str
    hidden: bool = False

    def __str__(self) -> str:
        return f"{readable(self.path)}: {self.words}"


def apart(source: Iterable[Record], target: Iterable[Record]) -> Iterator[Difference]:
    """As :func:`differences`, of two manifests that are mostly the same."""
    here, there = set(source), set(target)
    same = {record for record in here & there if not record.changing}
    return differences(
        (record.entry() for record in here - same), (record.entry() for record in there - same)
    )


def differences(source: Iterable[Entry], target: Iterable[Entry]) -> Iterator[Difference]:
    """In the order of the paths. What is written to on both sides is equal by no more than chance."""
    here = {entry.path: entry for entry in source}
    there = {entry.path: entry for entry in target}
    for path in sorted(here.keys() | there.keys()):
        one, other = here.get(path), there.get(path)
        if one is None:
            yield Difference(path, "not at the source")
        elif other is None:
            yield Difference(path, "missing at the target")
        elif one != other or _changing(one):
            yield _between(one, other)


def _between(one: Entry, other: Entry) -> Difference:
    if one.kind != other.kind:
        return Difference(one.path, f"{KIND_NAMES[one.kind]} here, {KIND_NAMES[other.kind]} at the target")
    if _changing(one) or _changing(other):
        return Difference(one.path, "is being written to")
    parts = []
    if one.mode != other.mode:
        parts.append(f"mode {one.mode:04o}, {other.mode:04o} at the target")
    if (one.uid, one.gid) != (other.uid, other.gid):
        parts.append(f"owner {one.uid}:{one.gid}, {other.uid}:{other.gid} at the target")
    if one.size != other.size:
        parts.append(f"size {one.size}, {other.size} at the target")
    elif one.content != other.content:
        parts.append("content differs")
    if one.mtime_ns != other.mtime_ns:
        parts.append(f"mtime {_time(one.mtime_ns)}, {_time(other.mtime_ns)} at the target")
    if one.rdev != other.rdev:
        parts.append("device number differs")
    if one.target != other.target:
        parts.append(f"points to {readable(one.target)}, at the target to {readable(other.target)}")
    if one.group != other.group:
        parts.append("hard links differ")
    if one.xattrs != other.xattrs:
        parts.append("extended attributes or ACLs differ")
    unseen = one.content != other.content or (other.group and one.group != other.group)
    hidden = bool(unseen) and (one.size, one.mtime_ns) == (other.size, other.mtime_ns)
    return Difference(one.path, ", ".join(parts), hidden)


def _changing(one: Entry) -> bool:
    return CHANGING in (one.content, one.xattrs)


def _time(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"
