"""The volume as one stream, which GNU tar can unpack by hand, too; and back."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Mapping
from typing import IO, Any

from .alone import alone
from .archive import BUSY, NAME, check_unchanged, completed, described, record_file
from .children import Complaints, child
from .extract import extraction
from .nothing import all_or_nothing
from .places import Places
from .progress import Meter
from .tarstream import CREATE
from .usage import stream_size
from .words import Failure, last_lines, say

CHUNK = 1 << 20
# Beside its content, fleet.json's headers, and with what tar fills its last record.
AROUND = 64 << 10


def pack(places: Places, about: Mapping[str, Any], out: IO[bytes]) -> dict[str, object]:
    """The end of the stream, with ``fleet.json``, is only written when the volume is what it was before: what
    is cut off, or was written to, is no archive. Raises Failure."""
    began = time.monotonic()
    with alone(places.state / "transfer.lock"):
        record = described(places, about)
        written = _Written(out, stream_size(places.root))
        end = _stream(places, written, AROUND + record_file(places).stat().st_size)
        check_unchanged(places, record)
        written.write(end)
        return {
            "sha256": written.digest.hexdigest(),
            "bytes": written.count,
            "digest": record.digest,
            "entries": record.entries,
            "volume_bytes": record.bytes,
            "seconds": round(time.monotonic() - began, 3),
        }


def unpack(places: Places, stream: IO[bytes]) -> dict[str, object]:
    """Raises Failure; the volume is empty then."""
    began = time.monotonic()
    with alone(places.state / "transfer.lock"), all_or_nothing(places):
        record_file(places).unlink(missing_ok=True)
        read = _Read(stream)
        try:
            with extraction(places, "the volume", _members(places)) as tar:
                assert tar  # noqa: S101 - a pipe
                read.into(tar)
        except Failure as failure:
            if not read.count:
                raise Failure("the archive is empty", "it ended before its first byte") from failure
            raise _meaning(failure) from failure
        read.rest()
        record = completed(places)
    return {
        "sha256": read.digest.hexdigest(),
        "digest": record.digest,
        "entries": record.entries,
        "bytes": record.bytes,
        "about": record.about,
        "seconds": round(time.monotonic() - began, 3),
    }


def _stream(places: Places, written: _Written, tail: int) -> bytes:
    """Writes all but the last ``tail`` bytes; answers these."""
    complaints, held = Complaints(), b""
    what = ["--directory", str(places.data.parent), places.data.name, "--directory", str(places.state), NAME]
    with child([*CREATE, *what], stdout=subprocess.PIPE, stderr=complaints.file) as tar:
        assert tar.stdout  # noqa: S101 - asked for above
        while data := tar.stdout.read(CHUNK):
            held += data
            written.write(held[:-tail])
            held = held[-tail:]
        if status := tar.wait():
            said = last_lines(complaints.text())
            if status == 1:
                raise Failure("the volume has changed meanwhile", f"{BUSY}\n{said}")
            raise Failure("reading the volume failed", said or f"tar ended with status {status}")
    return held


def _members(places: Places) -> list[str]:
    """Nothing else than what :func:`pack` puts into it, wherever the archive comes from."""
    there = f"{places.state.name}/{NAME}"
    return [
        *("--directory", str(places.data.parent)),
        rf"--transform=flags=r;s,^fleet\.json$,{there},",
        *(places.data.name, NAME),
    ]


class _Written:
    def __init__(self, out: IO[bytes], total: int) -> None:
        self._out = out
        self._meter = Meter(total, time.monotonic())
        self.digest = hashlib.sha256()
        self.count = 0

    def write(self, data: bytes) -> None:
        try:
            self._out.write(data)
            self._out.flush()
        except BrokenPipeError as error:
            raise Failure("nobody reads the archive any more", f"after {self.count} bytes") from error
        self.digest.update(data)
        self.count += len(data)
        if progress := self._meter.at(self.count, time.monotonic()):
            say("progress", progress)


class _Read:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._meter = Meter(None, time.monotonic())
        self.count = 0
        self.digest = hashlib.sha256()

    def into(self, tar: IO[bytes]) -> None:
        try:
            while data := self._next():
                tar.write(data)
        except BrokenPipeError:
            # Why tar has ended, it says itself; or it has read the end, and not what fills the last record.
            return

    def rest(self) -> None:
        while self._next():
            pass

    def _next(self) -> bytes:
        data = self._stream.read(CHUNK)
        self.digest.update(data)
        self.count += len(data)
        if progress := self._meter.at(self.count, time.monotonic()):
            say("progress", progress)
        return data


_MEANINGS = (
    ("no space left", None),
    ("does not look like a tar archive", "that is no archive of a volume"),
    ("Unexpected EOF", "the archive is cut short"),
    (f"{NAME}: Not found in archive", "the archive is cut short, or none of a volume"),
    ("Skipping to next header", "the archive is damaged"),
)


def _meaning(failure: Failure) -> Failure:
    """By what tar says."""
    for words, what in _MEANINGS:
        if words in f"{failure.what}\n{failure.why}":
            return Failure(what or failure.what, failure.why)
    return failure
