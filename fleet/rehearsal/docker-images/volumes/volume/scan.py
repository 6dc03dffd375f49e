"""A volume's entries as they are on the disk, without the files' content."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import NamedTuple

from .entry import Entry, Record
from .words import Failure, readable

KINDS = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "s",
    stat.S_IFBLK: "b",
    stat.S_IFCHR: "c",
}
# Given by the host's policy; another host has its own.
NOT_DATA = "security.selinux"
GONE = (errno.ENOENT, errno.ENOTDIR)


def walk(root: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """Every path below ``root`` and itself as ``.``; what vanishes meanwhile is left out. Raises Failure."""
    try:
        yield b".", os.lstat(root)
    except OSError as error:
        raise _unreadable(root, error) from error
    left = [b""]
    while left:
        directory = left.pop()
        try:
            names = os.listdir(root + b"/" + directory)
        except OSError as error:
            if error.errno in GONE:
                continue
            raise _unreadable(directory, error) from error
        for name in names:
            path = directory + b"/" + name if directory else name
            try:
                status = os.lstat(root + b"/" + path)
            except OSError as error:
                if error.errno in GONE:
                    continue
                raise _unreadable(path, error) from error
            if stat.S_ISDIR(status.st_mode):
                left.append(path)
            yield path, status


Key = tuple[int, int, int, int, int]


Known = Mapping[Key, bytes]
"""``numbers`` of the record of a file that had this key."""


class Found(NamedTuple):
    """``place``: where to open it. ``key``: of a file, what tells whether it was written to since."""

    entry: Entry
    place: bytes
    key: Key | None = None


class Same(NamedTuple):
    """A file that is known."""

    record: Record
    key: Key


def key(status: os.stat_result) -> Key:
    """Whatever is changed of a file changes this, but for stores into a page that is dirty already. The size
    is the third, and the time of the last change the last."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def scan(root: bytes) -> list[Found]:
    """Entries in the order of their paths, still without content."""
    return [one for one in scan_beside(root, {}) if isinstance(one, Found)]


def scan_beside(root: bytes, known: Known) -> list[Found | Same]:
    """As :func:`scan`. Of a file that is known nothing but its status is read."""
    seen = sorted(walk(root), key=itemgetter(0))
    groups: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for path, status in seen:
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            groups[status.st_dev, status.st_ino].append(path)
    found: list[Found | Same] = []
    for path, status in seen:
        kind = KINDS[stat.S_IFMT(status.st_mode)]
        links = groups[status.st_dev, status.st_ino] if status.st_nlink > 1 and kind != "d" else ()
        place = root + b"/" + path
        group = links[0] if len(links) > 1 else b""
        mark = key(status) if kind == "f" else None
        if mark and (numbers := known.get(mark)):
            found.append(Same(Record(path, numbers, b"", group), mark))
            continue
        try:
            entry = entry_of(place, path, status, group)
        except OSError as error:
            # EINVAL: no symbolic link any more.
            if error.errno in (*GONE, errno.EINVAL):
                continue
            raise _unreadable(path, error) from error
        found.append(Found(entry, place, mark))
    return found


def entry_of(place: bytes, path: bytes, status: os.stat_result, group: bytes = b"") -> Entry:
    """Without content. Raises OSError."""
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    return Entry(
        path,
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_size if kind == "f" else 0,
        status.st_mtime_ns,
        status.st_rdev if kind in "bc" else 0,
        os.readlink(place) if kind == "l" else b"",
        group,
        attributes(place),
    )


def attributes(place: bytes) -> str:
    """A hash of the extended attributes; empty where there are none."""
    try:
        names = sorted(set(os.listxattr(place, follow_symlinks=False)) - {NOT_DATA})
        if not names:
            return ""
        digest = hashlib.sha256()
        for name in names:
            value = os.getxattr(place, name, follow_symlinks=False)
            digest.update(b"%b\0%d\0%b" % (os.fsencode(name), len(value), value))
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return ""
        if error.errno == errno.ENODATA:
            return "changing"
        raise
    return digest.hexdigest()


def _unreadable(path: bytes, error: OSError) -> Failure:
    return Failure(f"{readable(path)} cannot be read", error.strerror or str(error))
