"""Beside a seed: what tar is through with is hashed while it is still in memory, and at the target the disk
does not wait for the end. What is not done when the seed is over is left to the first manifest.

For 1 GB on a busy machine the seed and the first manifests took 45 s with it and 58 without, and 19 and 20 s
a minute later; of the processors' time 7.8 and 8.9 s, 7.6 and 7.5 s."""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from subprocess import Popen

from .children import child, settle
from .content import hash_all
from .entry import record
from .manifest import TICK, known, known_parts, timely, write_known
from .places import Places
from .scan import Found, Key, entry_of, key

EVERY = 1.0
# At once: little of it is lost when the seed is over.
BYTES, FILES = 256 << 20, 2000


def beside(places: Places, settled_ns: int = 0) -> AbstractContextManager[Popen[bytes]]:
    """As :func:`ahead`, in a program of its own that has the cores only when nobody else wants them."""
    places.names.write_bytes(b"")
    return child(["nice", "-n", "19", "/usr/local/bin/volume", "ahead", "--settled", str(settled_ns)])


def ahead(places: Places, settled_ns: int) -> None:
    """Until it is told to end. Only what has not changed since two seconds before the volume was settled is
    hashed: see :func:`manifest.make_manifest`. ``settled_ns``: when that was; 0: we do it again and again,
    and wait for what is new to rest, since it is tar who fills the volume."""
    hashed, counts = dict(known(places.known)), timely(places.data)
    parts = known_parts(places)
    waiting: deque[bytes] = deque()
    names = _named(places)
    try:
        while True:
            waiting.extend(next(names) if counts else [])
            before = settled_ns or time.time_ns()
            if not settled_ns:
                settle(places.data)
            found = _rested(places.root, waiting, before - TICK, wait=not settled_ns)
            read = hash_all([(one.place, one.entry.size) for one in found.values()], 1)
            for (wish, one), got in zip(found.items(), read, strict=True):
                if got and got.key == wish:
                    hashed[wish] = record(one.entry._replace(content=got.hash)).numbers
                    if got.parts:
                        parts[wish] = got.parts
            if not found:
                time.sleep(EVERY)
    finally:
        write_known(places, hashed, parts)


def _named(places: Places) -> Iterator[list[bytes]]:
    """What tar has named since. It escapes what is no plain letter; such a file is left to the manifest."""
    with places.names.open("rb") as file:
        left = b""
        while True:
            *whole, left = (left + file.read()).split(b"\n")
            yield [line for line in whole if b"\\" not in line]


def _rested(root: bytes, waiting: deque[bytes], before: int, *, wait: bool) -> dict[Key, Found]:
    """The next files."""
    found: dict[Key, Found] = {}
    size = 0
    while waiting and size < BYTES and len(found) < FILES:
        place = root + b"/" + waiting[0]
        try:
            status = os.lstat(place)
            entry = entry_of(place, waiting[0], status)
        except OSError:
            waiting.popleft()
            continue
        if stat.S_ISREG(status.st_mode):
            if status.st_ctime_ns < before:
                found[key(status)] = Found(entry, place)
                size += status.st_size
            elif wait:
                break
        waiting.popleft()
    return found
