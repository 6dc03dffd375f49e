"""A volume's manifest: each entry with all that makes it what it is, and one digest of everything."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import time
from pathlib import Path

from .content import cores, hash_all
from .entry import CHANGING, Entry, encoded
from .places import Places
from .scan import Key, Known, scan

# Two writes within one tick of the kernel's clock leave the same times; two seconds are the coarsest tick
# that a file system has.
TICK = 2 * 10**9
# Here the first store into a clean mapped page gives the file new times. On tmpfs none ever does, on zfs it
# does when the page is written back, and on a network's file system another machine tells the time.
TIMELY = {"btrfs", "ext2", "ext3", "ext4", "f2fs", "xfs"}


def make_manifest(places: Places, *, keep: bool = True) -> dict[str, object]:
    """Writes it to the state directory; what there is to say of it.

    Hashes are taken from the last time for files whose size, times, inode and device are the same: of their
    content and their attributes. That is safe where every change gives a file a new ctime: see
    :func:`children.settle` for mapped pages, ``TIMELY`` for file systems. Not seen is what goes past the file
    system: a disk that has lost bits, or a block device that was written to. ``keep``: new hashes may be used
    the next time.
    """
    began, now = time.monotonic(), time.time_ns()
    before = known(places.hashes)
    found = scan(places.root, before)
    wanted = {one.key: (one.place, one.entry.size) for one in found if one.key and not one.entry.content}
    hashes: dict[Key, str | None] = {}
    for wish, got in zip(wanted, hash_all(list(wanted.values()), cores()), strict=True):
        hashes[wish] = None if got is None else got[0] if got[1] == wish else CHANGING
    entries: list[Entry] = []
    kept: dict[Key, tuple[str, str]] = {}
    for entry, _, key in found:
        if not key:
            entries.append(entry)
        elif entry.content:
            entries.append(entry)
            kept[key] = before[key]
        elif content := hashes[key]:
            entries.append(entry._replace(content=content))
            if keep and key[-1] < now - TICK and CHANGING not in (content, entry.xattrs):
                kept[key] = entry.xattrs, content
    data = encoded(entries)
    _write(places.manifest, data)
    write_hashes(places, kept)
    return {
        "digest": hashlib.sha256(data).hexdigest(),
        "entries": len(entries),
        "bytes": sum(entry.size for entry in entries if not entry.group or entry.group == entry.path),
        "hashed": len(wanted),
        "changing": sum(CHANGING in (entry.content, entry.xattrs) for entry in entries),
        "seconds": round(time.monotonic() - began, 3),
    }


def listing(places: Places) -> bytes:
    """A manifest without content but what is known: nothing is read."""
    return encoded(one.entry for one in scan(places.root, known(places.hashes)))


def known(path: Path) -> Known:
    """What the last manifest has left. Of 200,000 files :mod:`json` would read for a second."""
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
        return dict(marshal.loads(path.read_bytes()))  # noqa: S302 - our own
    return {}


def write_hashes(places: Places, hashes: Known) -> None:
    _write(places.hashes, marshal.dumps(dict(hashes) if timely(places.data) else {}))


def _write(path: Path, data: bytes) -> None:
    new = path.with_suffix(f".{os.getpid()}")
    new.write_bytes(data)
    new.replace(path)


def timely(data: Path) -> bool:
    """Whether a key tells there that a file was written to."""
    return file_system(Path("/proc/self/mountinfo").read_bytes(), os.fsencode(data.resolve())) in TIMELY


def file_system(mounts: bytes, path: bytes) -> str:
    """The kind of the one that ``path`` is on; a later mount hides an earlier one."""
    best, kind = b"", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(b" - ")
        point = left.split(b" ")[4].decode("unicode_escape").encode("latin-1")
        inside = path == point or path.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= len(best):
            best, kind = point, right.split(b" ")[0].decode()
    return kind
