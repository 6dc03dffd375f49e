"""Large files that are there already and differ: the source sends the blocks that do.

rsync reads such a file on both sides and writes all of it anew at the target, where it is then read once more
for the comparison: a database in files of a gigabyte, each touched by its last checkpoint, would be away for
as long as its size takes. Here each side knows the hashes of chunks and the sums of blocks from the manifest
before: the source reads what was touched, once, and the target nothing but what it has just written.
"""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, NamedTuple

from .answers import answer, refused
from .blocks import OVER, BrokenOff, Run, chunk_of, put, runs, taken
from .children import Complaints, child
from .content import CHUNK, LARGE, Parts, cores, read_chunk, workers_for
from .entry import record
from .link import Link
from .manifest import known, known_parts, rests, write_known
from .places import Places
from .progress import Brake, Meter
from .scan import Key, entry_of, key, walk
from .words import Failure, readable, say

# Chunks that a worker reads at a time; and of what each has read, as much waits in memory to be sent.
TASK = 2
WAITING = 2


class Patched(NamedTuple):
    """``sent``: bytes of blocks. ``paths``: the files that were looked at, of which ``changed`` got some."""

    sent: int = 0
    changed: int = 0
    paths: tuple[bytes, ...] = ()


class Large(NamedTuple):
    path: bytes
    place: bytes
    status: os.stat_result


class Look(NamedTuple):
    """Chunks of a file from the one at ``start``. ``there``: what the target has in their place. ``settle``:
    what was stored into mapped pages comes to the disk first, so that the next store is seen by times."""

    number: int
    place: bytes
    start: int
    size: int
    there: tuple[Parts, ...]
    settle: bool


class Seen(NamedTuple):
    """``key``: None when it changed while it was read, or is gone."""

    number: int
    start: int
    parts: tuple[Parts, ...]
    runs: tuple[Run, ...]
    key: Key | None


def patch(places: Places, link: Link, rate: int, final: bool) -> Patched:
    """Raises Failure. What changes meanwhile is sent as it was read: the next pass sees by its time that it
    is not over."""
    large = list(_large(places.root))
    if not large:
        return Patched()
    complaints = Complaints()
    with child(
        link.words("patch"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints.file
    ) as ssh:
        assert ssh.stdin  # noqa: S101 - asked for above
        assert ssh.stdout  # noqa: S101
        try:
            names = [
                [one.path.decode("latin-1"), one.status.st_size, one.status.st_mtime_ns] for one in large
            ]
            put(ssh.stdin, {"large": names})
            ssh.stdin.flush()
            done = _sent(places, large, dict(_offered(ssh.stdout)), ssh.stdin, rate, final)
            put(ssh.stdin, OVER)
            ssh.stdin.close()
        except BrokenOff as broken:
            raise refused(link, ssh, broken.said + ssh.stdout.read(), complaints) from None
        except BrokenPipeError:
            raise refused(link, ssh, ssh.stdout.read(), complaints) from None
        output = ssh.stdout.read()
        if ssh.wait() or answer(output, "result") is None:
            raise refused(link, ssh, output, complaints)
    return done


def _large(root: bytes) -> Iterator[Large]:
    for path, status in walk(root):
        if stat.S_ISREG(status.st_mode) and status.st_size >= LARGE and status.st_nlink == 1:
            yield Large(path, root + b"/" + path, status)


def _offered(stream: IO[bytes]) -> Iterator[tuple[int, Parts]]:
    """The parts of files that differ there, by the file's number."""
    about, data = taken(stream)
    for number, chunks, sums in about["there"]:
        yield number, Parts(data[:chunks], data[chunks : chunks + sums])
        data = data[chunks + sums :]


def _sent(
    places: Places, large: Sequence[Large], there: Mapping[int, Parts], out: IO[bytes], rate: int, final: bool
) -> Patched:
    began, now = time.time_ns(), time.monotonic()
    meter, brake = Meter(None, now), Brake(rate, now) if rate else None
    found: dict[int, list[Seen]] = {number: [] for number in there}
    count, changed = 0, set()
    looks = list(_looks(large, there, final))
    workers = min(cores(), len(looks))
    window = max(1, workers) * WAITING
    with workers_for(_look, workers) as look:
        for first in range(0, len(looks), window):
            for seen in look(looks[first : first + window]):
                found[seen.number].append(seen._replace(runs=()))
                for run in seen.runs:
                    changed.add(seen.number)
                    put(out, {"of": seen.number, "at": run.start}, run.data)
                    count += len(run.data)
                    now = time.monotonic()
                    if progress := meter.at(count, now):
                        say("progress", progress)
                    if brake and (pause := brake.pause(len(run.data), now)):
                        time.sleep(pause)
    for number, seens in found.items():
        status = large[number].status
        # Else a time that no file has: the one of this moment may be the source's as well.
        same = {one.key for one in seens} == {key(status)}
        put(out, {"of": number, "size": status.st_size, "mtime": status.st_mtime_ns if same else 0})
    _note(places, large, found, began)
    return Patched(count, len(changed), tuple(large[number].path for number in found))


def _looks(large: Sequence[Large], there: Mapping[int, Parts], final: bool) -> Iterator[Look]:
    for number, parts in there.items():
        size = large[number].status.st_size
        for start in range(0, size, TASK * CHUNK):
            chunks = range(start // CHUNK, min(start // CHUNK + TASK, -(-size // CHUNK)))
            theirs = tuple(chunk_of(parts, one) for one in chunks)
            yield Look(number, large[number].place, start, size, theirs, final)


def _look(look: Look) -> Seen:
    try:
        handle = os.open(look.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return Seen(look.number, look.start, (), (), None)
    try:
        if look.settle:
            os.fdatasync(handle)
        before = os.fstat(handle)
        parts: list[Parts] = []
        differing: list[Run] = []
        for start, theirs in zip(range(look.start, look.size, CHUNK), look.there, strict=False):
            made, some = runs(start, read_chunk(handle, start, min(CHUNK, look.size - start)), theirs)
            parts.append(made)
            differing += some
        same = key(before) == key(os.fstat(handle))
        return Seen(look.number, look.start, tuple(parts), tuple(differing), key(before) if same else None)
    except OSError as error:
        raise Failure(f"{readable(look.place)} cannot be read", error.strerror or str(error)) from error
    finally:
        os.close(handle)


def _note(places: Places, large: Sequence[Large], found: Mapping[int, list[Seen]], began: int) -> None:
    """What was read need not be read once more for the manifest, unless it may be written to once more
    without another time."""
    hashed, parts = dict(known(places.known)), known_parts(places)
    for number, seens in found.items():
        path, place, status = large[number]
        keys = {one.key for one in seens}
        if keys != {key(status)} or not rests(status.st_ctime_ns, began):
            continue
        ordered = [part for one in sorted(seens, key=lambda one: one.start) for part in one.parts]
        whole = Parts.of(ordered)
        try:
            entry = entry_of(place, path, status)
        except OSError:
            continue
        hashed[key(status)] = record(entry._replace(content=whole.content)).numbers
        parts[key(status)] = whole
    write_known(places, hashed, parts)
