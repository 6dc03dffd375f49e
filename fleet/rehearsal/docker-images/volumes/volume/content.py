"""The hash of files' content: of chunks, so that a large file is hashed by all cores, and its holes by none.

A file of one chunk has the SHA-256 that everybody knows; a longer one the SHA-256 of its chunks' SHA-256.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import signal
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .scan import GONE, Key, key
from .words import Failure, readable

CHUNK = 4 << 20
# One worker's task at a time.
TASK_BYTES = 16 * CHUNK
TASK_FILES = 256
ENDING = (signal.SIGTERM, signal.SIGINT)
# Below this, starting workers takes longer than the work.
ALONE_BYTES, ALONE_FILES = 16 << 20, 128


class Piece(NamedTuple):
    """``number``: of the file in the caller's list. ``length`` bytes from ``start``."""

    number: int
    place: bytes
    start: int
    length: int


class Hashed(NamedTuple):
    """``chunks``: the digests in sequence; None: the file is gone. ``key``: what it was before and after,
    None if that differs."""

    number: int
    start: int
    chunks: bytes | None
    key: Key | None


def hash_all(files: Sequence[tuple[bytes, int]], workers: int) -> list[tuple[str, Key | None] | None]:
    """Content and key of each (place, size); None: it is gone. Raises Failure where reading fails."""
    tasks = list(_tasks(files))
    if len(files) <= ALONE_FILES and sum(size for _, size in files) <= ALONE_BYTES:
        workers = 1
    found: dict[int, list[Hashed]] = {}
    for task in _done(tasks, min(workers, len(tasks))):
        for hashed in task:
            found.setdefault(hashed.number, []).append(hashed)
    return [_joined(found[number]) for number in range(len(files))]


def _joined(pieces: list[Hashed]) -> tuple[str, Key | None] | None:
    pieces.sort(key=lambda piece: piece.start)
    keys = {piece.key for piece in pieces}
    digests = b""
    for piece in pieces:
        if piece.chunks is None:
            return None
        digests += piece.chunks
    single = len(digests) == hashlib.sha256().digest_size
    content = digests.hex() if single else hashlib.sha256(digests).hexdigest()
    return content, keys.pop() if len(keys) == 1 else None


def _tasks(files: Sequence[tuple[bytes, int]]) -> Iterator[list[Piece]]:
    task: list[Piece] = []
    room = TASK_BYTES
    for number, (place, size) in enumerate(files):
        for start in range(0, max(size, 1), TASK_BYTES):
            piece = Piece(number, place, start, min(TASK_BYTES, size - start))
            if task and (room < piece.length or len(task) >= TASK_FILES):
                yield task
                task, room = [], TASK_BYTES
            task.append(piece)
            room -= piece.length
    if task:
        yield task


def _done(tasks: list[list[Piece]], workers: int) -> Iterator[list[Hashed]]:
    if workers <= 1:
        yield from map(_task, tasks)
        return
    import multiprocessing  # noqa: PLC0415 - not needed by most commands, and 30 ms

    # Left by an exception, also by TERM, the pool ends its workers; but not one that is just being started.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    with multiprocessing.get_context("fork").Pool(workers, _worker) as pool:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        yield from pool.imap_unordered(_task, tasks)


def _worker() -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _task(pieces: Iterable[Piece]) -> list[Hashed]:
    return [_piece(piece) for piece in pieces]


def _piece(piece: Piece) -> Hashed:
    try:
        # NONBLOCK: what was a file may be a fifo by now.
        handle = os.open(piece.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (*GONE, errno.ELOOP, errno.ENXIO):
            return Hashed(piece.number, piece.start, None, None)
        raise Failure(f"{readable(piece.place)} cannot be read", error.strerror or str(error)) from error
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            return Hashed(piece.number, piece.start, None, None)
        chunks = b"".join(_chunks(handle, piece))
        unchanged = key(before) == key(os.fstat(handle))
        return Hashed(piece.number, piece.start, chunks, key(before) if unchanged else None)
    except OSError as error:
        raise Failure(f"{readable(piece.place)} cannot be read", error.strerror or str(error)) from error
    finally:
        os.close(handle)


def _chunks(handle: int, piece: Piece) -> Iterator[bytes]:
    end = piece.start + piece.length
    if not piece.length:
        yield hashlib.sha256().digest()
    data = piece.start if piece.length <= CHUNK else _next_data(handle, piece.start, end)
    for start in range(piece.start, end, CHUNK):
        length = min(CHUNK, end - start)
        if data < start:
            data = _next_data(handle, start, end)
        if data >= start + length:
            yield _zeros(length)
            continue
        digest = hashlib.sha256()
        place, left = start, length
        while left and (block := os.pread(handle, min(left, 1 << 20), place)):
            digest.update(block)
            place, left = place + len(block), left - len(block)
        yield digest.digest()


def _next_data(handle: int, start: int, end: int) -> int:
    """Where the next bytes are that are no hole."""
    try:
        return os.lseek(handle, start, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return end
        # A file system that knows nothing of holes.
        return start


@functools.lru_cache(maxsize=4)
def _zeros(length: int) -> bytes:
    return hashlib.sha256(bytes(length)).digest()


def cores() -> int:
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
