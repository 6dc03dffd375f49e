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


def encoded(entries: Iterable[Entry]) -> bytes:
    """Ends of lines are part of names; the byte 0 is not."""
    return b"".join(
        b"%b\0%b %o %d %d %d %d %d %b %b\0%b\0%b\0"
        % (
            entry.path,
            entry.kind.encode(),
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            entry.mtime_ns,
            entry.rdev,
            entry.xattrs.encode() or b"-",
            entry.content.encode() or b"-",
            entry.target,
            entry.group,
        )
        for entry in entries
    )


def decoded(data: bytes) -> Iterator[Entry]:
    """Raises Failure when it was cut short."""
    parts = data.split(b"\0")
    if parts.pop() or len(parts) % 4:
        raise Failure("the manifest is cut short")
    for start in range(0, len(parts), 4):
        path, numbers, target, group = parts[start : start + 4]
        kind, mode, uid, gid, size, mtime, rdev, xattrs, content = numbers.decode("ascii").split(" ")
        yield Entry(
            path,
            kind,
            int(mode, 8),
            int(uid),
            int(gid),
            int(size),
            int(mtime),
            int(rdev),
            target,
            group,
            xattrs.replace("-", ""),
            content.replace("-", ""),
        )
