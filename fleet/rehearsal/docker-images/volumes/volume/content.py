"""The hash of files' content: of chunks, so that a large file is hashed by all cores, and its holes by none.

A file of one chunk has the SHA-256 that everybody knows; a longer one the SHA-256 of its chunks' SHA-256.
Of a large one the chunks' are kept, and a weak sum of each block: see :mod:`patch`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import signal
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from .scan import GONE, Key, key
from .words import Failure, readable

CHUNK = 4 << 20
BLOCK = 8 << 10
LARGE = 2 * CHUNK
READ = 1 << 20
SUM = 4
# One worker's task at a time.
TASK_BYTES = 16 * CHUNK
TASK_FILES = 256
DIGEST = hashlib.sha256().digest_size
ENDING = (signal.SIGTERM, signal.SIGINT)
# Below this, starting workers takes longer than the work.
ALONE_BYTES, ALONE_FILES = 16 << 20, 128


Task = TypeVar("Task")
Result = TypeVar("Result")


class Parts(NamedTuple):
    """Of a large file: the SHA-256 of each chunk, and a sum of each block of it, one after another."""

    chunks: bytes
    sums: bytes

    @classmethod
    def of(cls, chunks: Iterable[Parts]) -> Parts:
        """The whole file's, by those of its chunks."""
        each = list(chunks)
        return cls(b"".join(one.chunks for one in each), b"".join(one.sums for one in each))

    @property
    def content(self) -> str:
        """The file's hash."""
        single = len(self.chunks) == DIGEST
        return self.chunks.hex() if single else hashlib.sha256(self.chunks).hexdigest()


class Content(NamedTuple):
    """``key``: None when it changed while it was read. ``parts``: only of a large file."""

    hash: str
    key: Key | None
    parts: Parts | None


class Piece(NamedTuple):
    """``number``: of the file in the caller's list. ``length`` bytes from ``start``."""

    number: int
    place: bytes
    start: int
    length: int
    large: bool


class Hashed(NamedTuple):
    """``parts``: None: the file is gone. ``key``: what it was before and after, None if that differs."""

    number: int
    start: int
    parts: Parts | None
    key: Key | None


def hash_all(files: Sequence[tuple[bytes, int]], workers: int) -> list[Content | None]:
    """Content and key of each (place, size); None: it is gone. Raises Failure where reading fails."""
    tasks = list(_tasks(files))
    if len(files) <= ALONE_FILES and sum(size for _, size in files) <= ALONE_BYTES:
        workers = 1
    found: dict[int, list[Hashed]] = {}
    with workers_for(_task, min(workers, len(tasks))) as done:
        for task in done(tasks):
            for hashed in task:
                found.setdefault(hashed.number, []).append(hashed)
    return [_content(found[number], files[number][1] >= LARGE) for number in range(len(files))]


def _content(pieces: list[Hashed], large: bool) -> Content | None:
    pieces.sort(key=lambda piece: piece.start)
    keys = {piece.key for piece in pieces}
    parts = [piece.parts for piece in pieces if piece.parts]
    if len(parts) < len(pieces):
        return None
    whole = Parts.of(parts)
    return Content(whole.content, keys.pop() if len(keys) == 1 else None, whole if large else None)


def _tasks(files: Sequence[tuple[bytes, int]]) -> Iterator[list[Piece]]:
    task: list[Piece] = []
    room = TASK_BYTES
    for number, (place, size) in enumerate(files):
        for start in range(0, max(size, 1), TASK_BYTES):
            piece = Piece(number, place, start, min(TASK_BYTES, size - start), size >= LARGE)
            if task and (room < piece.length or len(task) >= TASK_FILES):
                yield task
                task, room = [], TASK_BYTES
            task.append(piece)
            room -= piece.length
    if task:
        yield task


@contextlib.contextmanager
def workers_for(
    work: Callable[[Task], Result], workers: int
) -> Iterator[Callable[[Iterable[Task]], Iterable[Result]]]:
    """What does ``work`` for each of some tasks; its results come in no order."""
    if workers <= 1:
        yield lambda tasks: map(work, tasks)
        return
    import multiprocessing  # noqa: PLC0415 - not needed by most commands, and 30 ms

    # Left by an exception, also by TERM, the pool ends its workers; but not one that is just being started.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    with multiprocessing.get_context("fork").Pool(workers, _worker) as pool:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        yield lambda tasks: pool.imap_unordered(work, tasks)


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
        chunks, sums = zip(*_chunks(handle, piece), strict=True)
        unchanged = key(before) == key(os.fstat(handle))
        parts = Parts(b"".join(chunks), b"".join(sums))
        return Hashed(piece.number, piece.start, parts, key(before) if unchanged else None)
    except OSError as error:
        raise Failure(f"{readable(piece.place)} cannot be read", error.strerror or str(error)) from error
    finally:
        os.close(handle)


def _chunks(handle: int, piece: Piece) -> Iterator[tuple[bytes, bytes]]:
    """Hash and sums of each."""
    end = piece.start + piece.length
    if not piece.length:
        yield hashlib.sha256().digest(), b""
    data = piece.start if piece.length <= CHUNK else _next_data(handle, piece.start, end)
    for start in range(piece.start, end, CHUNK):
        length = min(CHUNK, end - start)
        if data < start:
            data = _next_data(handle, start, end)
        if data >= start + length:
            yield zeros(length)
            continue
        digest, sums = hashlib.sha256(), b""
        place, left = start, length
        while left and (block := os.pread(handle, min(left, READ), place)):
            digest.update(block)
            if piece.large:
                sums += sums_of(block)
            place, left = place + len(block), left - len(block)
        yield digest.digest(), sums


def sums_of(data: bytes) -> bytes:
    """Of each block. They are weak: what they do not tell apart, the chunk's hash does."""
    view = memoryview(data)
    return b"".join(
        zlib.crc32(view[start : start + BLOCK]).to_bytes(SUM, "big") for start in range(0, len(data), BLOCK)
    )


def read_chunk(handle: int, start: int, length: int) -> bytes:
    """What is a hole is not read; what is not there any more is zeros."""
    if _next_data(handle, start, start + length) >= start + length:
        return bytes(length)
    return os.pread(handle, length, start).ljust(length, b"\0")


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
def zeros(length: int) -> tuple[bytes, bytes]:
    """Hash and sums of as many."""
    return hashlib.sha256(bytes(length)).digest(), sums_of(bytes(length))


def cores() -> int:
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
