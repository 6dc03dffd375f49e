"""One entry of a manifest, and a manifest as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .words import Failure

CHANGING = "changing"
"""In the place of a content's hash: it was written while it was read."""


class Entry(NamedTuple):
    """A named tuple and no dataclass: 200,000 of them are made while a service stands still.

    ``kind``: f d l p s b c. ``size``: of a file's content; a directory's is the file system's affair.
    ``group``: the first path among the hard links of one file, if it has several. ``xattrs``: a hash of names
    and values, ACLs and capabilities among them. ``content``: a file's hash, see :mod:`hashes`.
    """

    path: bytes
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    rdev: int
    target: bytes = b""
    group: bytes = b""
    xattrs: str = ""
    content: str = ""


class Record(NamedTuple):
    """An entry as it lies in a manifest. What is the same on both sides, or as it was, is never read."""

    path: bytes
    numbers: bytes
    target: bytes
    group: bytes

    def entry(self) -> Entry:
        kind, mode, uid, gid, size, mtime, rdev, xattrs, content = self.numbers.decode("ascii").split(" ")
        return Entry(
            self.path,
            kind,
            int(mode, 8),
            int(uid),
            int(gid),
            int(size),
            int(mtime),
            int(rdev),
            self.target,
            self.group,
            xattrs.replace("-", ""),
            content.replace("-", ""),
        )

    @property
    def changing(self) -> bool:
        return CHANGING.encode() in self.numbers


def record(entry: Entry) -> Record:
    numbers = b"%b %o %d %d %d %d %d %b %b" % (
        entry.kind.encode(),
        entry.mode,
        entry.uid,
        entry.gid,
        entry.size,
        entry.mtime_ns,
        entry.rdev,
        entry.xattrs.encode() or b"-",
        entry.content.encode() or b"-",
    )
    return Record(entry.path, numbers, entry.target, entry.group)


def encoded(records: Iterable[Record]) -> bytes:
    """Ends of lines are part of names; the byte 0 is not."""
    return b"".join(b"%b\0%b\0%b\0%b\0" % record for record in records)


def records(data: bytes) -> list[Record]:
    """Raises Failure when it was cut short."""
    parts = data.split(b"\0")
    if parts.pop() or len(parts) % 4:
        raise Failure("the manifest is cut short")
    return list(map(Record, parts[0::4], parts[1::4], parts[2::4], parts[3::4]))


def decoded(data: bytes) -> Iterator[Entry]:
    """Raises Failure when it was cut short."""
    return (record.entry() for record in records(data))
