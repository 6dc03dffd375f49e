"""A volume's manifest: each entry with all that makes it what it is, and one digest of everything."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .content import Parts, cores, hash_all
from .entry import CHANGING, Record, encoded, record
from .places import Places
from .scan import Found, Key, Known, Same, scan_beside

# Two writes within one tick of the kernel's clock leave the same times; two seconds are the coarsest tick
# that a file system has.
TICK = 2 * 10**9
# A time with a part of a second in it comes from a finer one: ten milliseconds at most.
FINE = 50 * 10**6
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
    found = scan_beside(places.root, known(places.known))
    wanted = {one.key: one for one in found if isinstance(one, Found) and one.key}
    files = [(one.place, one.entry.size) for one in wanted.values()]
    hashes: dict[Key, str | None] = {}
    parts = known_parts(places)
    for wish, got in zip(wanted, hash_all(files, cores()), strict=True):
        hashes[wish] = None if got is None else got.hash if got.key == wish else CHANGING
        if got and got.parts:
            parts[wish] = got.parts
    records: list[Record] = []
    kept: dict[Key, bytes] = {}
    size = 0
    for one in found:
        if isinstance(one, Same):
            made = one.record
            kept[one.key] = made.numbers
        elif not one.key:
            made = record(one.entry)
        elif content := hashes[one.key]:
            made = record(one.entry._replace(content=content))
            if keep and one.key[-1] < now - TICK and not made.changing:
                kept[one.key] = made.numbers
        else:
            continue
        records.append(made)
        if one.key and made.group in (b"", made.path):
            size += one.key[2]
    data = encoded(records)
    _write(places.manifest, data)
    write_known(places, kept, parts)
    return {
        "digest": hashlib.sha256(data).hexdigest(),
        "entries": len(records),
        "bytes": size,
        "hashed": len(wanted),
        "changing": sum(one.changing for one in records),
        "seconds": round(time.monotonic() - began, 3),
    }


def known(path: Path) -> Known:
    """What the last manifest has left. Of 200,000 files :mod:`json` would read for a second."""
    return _read(path)


def known_parts(places: Places) -> dict[Key, Parts]:
    """Of large files that are known."""
    return {key: Parts(*parts) for key, parts in _read(places.parts).items()}


def write_known(places: Places, found: Known, parts: Mapping[Key, Parts]) -> None:
    """``parts``: also of others."""
    counts = timely(places.data)
    _write(places.known, marshal.dumps(dict(found) if counts else {}))
    large = {key: tuple(one) for key, one in parts.items() if counts and key in found}
    _write(places.parts, marshal.dumps(large))


def _read(path: Path) -> dict[Key, Any]:
    with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
        return dict(marshal.loads(path.read_bytes()))  # noqa: S302 - our own
    return {}


def _write(path: Path, data: bytes) -> None:
    new = path.with_suffix(f".{os.getpid()}")
    new.write_bytes(data)
    new.replace(path)


def rests(changed_ns: int, now_ns: int) -> bool:
    """Whether a file that is changed from now on gets another time than ``changed_ns``."""
    return changed_ns < now_ns - (FINE if changed_ns % 10**9 else TICK)


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
