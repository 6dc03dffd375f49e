"""The target's side of :mod:`patch`: blocks are written into files that are there, and only into those."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import time
from dataclasses import dataclass, field
from typing import IO

from .blocks import chunk_of, each, put, taken
from .content import CHUNK, Parts, cores, hash_all, read_chunk, sums_of
from .entry import record
from .manifest import FINE, known, known_parts, rests, write_known
from .places import Places
from .scan import entry_of, key
from .words import Failure

_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(slots=True)
class Torn:
    """A file of ours that is to become as the source's. ``chunks``: numbers of those that were written to."""

    path: bytes
    place: bytes
    parts: Parts
    size: int
    chunks: set[int] = field(default_factory=set)


def mend(places: Places, come: IO[bytes], out: IO[bytes]) -> dict[str, object]:
    """Raises Failure; then hashes of what was written to are not known any more."""
    torn = _offer(places, come, out)
    handles: dict[int, int] = {}
    count = 0
    hashed, parts = dict(known(places.known)), known_parts(places)
    newest = 0
    try:
        for about, data in each(come):
            number = about["of"]
            one = torn[number]
            if number not in handles:
                handles[number] = os.open(one.place, os.O_RDWR | _OPEN)
            if "at" in about:
                _write(handles[number], one, about["at"], data)
                count += len(data)
                continue
            handle = handles.pop(number)
            try:
                status = _ended(handle, one, about["size"], about["mtime"])
            finally:
                os.close(handle)
            newest = max(newest, status.st_ctime_ns)
            entry = entry_of(one.place, one.path, status)
            hashed[key(status)] = record(entry._replace(content=one.parts.content)).numbers
            parts[key(status)] = one.parts
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the target has no space left" if full else "the target could not write a file"
        raise Failure(what, error.strerror or str(error)) from error
    finally:
        for handle in handles.values():
            os.close(handle)
    # Whoever changes one of them after our answer gives it another time than it has now.
    if not rests(newest, time.time_ns()):
        time.sleep(FINE / 10**9)
    now = time.time_ns()
    hashed = {one: numbers for one, numbers in hashed.items() if rests(one[-1], now)}
    write_known(places, hashed, parts)
    return {"bytes": count}


def _offer(places: Places, come: IO[bytes], out: IO[bytes]) -> dict[int, Torn]:
    """Those of the source's large files that are here and differ in size or time; their parts are told."""
    about, _ = taken(come)
    found: dict[int, tuple[bytes, os.stat_result]] = {}
    for number, (name, size, mtime) in enumerate(about["large"]):
        path = name.encode("latin-1")
        status = _here(places.root, path)
        if status and (status.st_size, status.st_mtime_ns) != (size, mtime):
            found[number] = path, status
    parts = known_parts(places)
    missing = {
        number: (places.root + b"/" + path, status.st_size)
        for number, (path, status) in found.items()
        if key(status) not in parts
    }
    for (number, _), got in zip(missing.items(), hash_all(list(missing.values()), cores()), strict=True):
        if got and got.key == key(found[number][1]) and got.parts:
            parts[got.key] = got.parts
    torn = {
        number: Torn(path, places.root + b"/" + path, one, status.st_size)
        for number, (path, status) in found.items()
        if (one := parts.get(key(status)))
    }
    told = [[number, len(one.parts.chunks), len(one.parts.sums)] for number, one in torn.items()]
    put(out, {"there": told}, b"".join(part for one in torn.values() for part in one.parts))
    out.flush()
    return torn


def _here(root: bytes, path: bytes) -> os.stat_result | None:
    """A file of that name in the volume that no other name has, and that is large, too."""
    place = root + b"/" + path
    with contextlib.suppress(OSError):
        status = os.lstat(place)
        inside = os.path.realpath(place) == os.path.realpath(root) + b"/" + path
        if inside and stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            return status
    return None


def _write(handle: int, one: Torn, start: int, data: bytes) -> None:
    view = memoryview(data)
    place = start
    while view:
        written = os.pwrite(handle, view, place)
        view, place = view[written:], place + written
    one.chunks |= set(range(start // CHUNK, -(-place // CHUNK)))


def _ended(handle: int, one: Torn, size: int, mtime: int) -> os.stat_result:
    """As long and as old as the source's; what is new of its parts is read back."""
    if size != one.size:
        os.ftruncate(handle, size)
        one.chunks |= set(range(min(size, one.size) // CHUNK, -(-size // CHUNK)))
    os.utime(handle, ns=(mtime, mtime))
    each_chunk = [chunk_of(one.parts, chunk) for chunk in range(-(-size // CHUNK))]
    for chunk in one.chunks & set(range(len(each_chunk))):
        start = chunk * CHUNK
        data = read_chunk(handle, start, min(CHUNK, size - start))
        each_chunk[chunk] = Parts(hashlib.sha256(data).digest(), sums_of(data))
    one.parts = Parts.of(each_chunk)
    return os.fstat(handle)
