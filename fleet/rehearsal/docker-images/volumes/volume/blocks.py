"""What two sides of a large file differ in, and how it goes from one to the other.

The source says which large files it has; the target answers with the parts of those that are there and
differ; then blocks come, as many as it takes, and each file's end. A line of JSON tells what the bytes after
it are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

from .content import BLOCK, CHUNK, DIGEST, SUM, Parts, sums_of
from .words import Failure

OVER = {"over": True}


class BrokenOff(Failure):
    """``said``: what came in place of it."""

    def __init__(self, said: bytes) -> None:
        super().__init__("the stream of blocks broke off", said.decode("utf-8", "backslashreplace"))
        self.said = said


class Run(NamedTuple):
    """Bytes that belong at ``start``."""

    start: int
    data: bytes


def chunk_of(parts: Parts, number: int) -> Parts:
    """The hash and the sums of one; empty where the file is not as long."""
    each = CHUNK // BLOCK * SUM
    return Parts(
        parts.chunks[number * DIGEST : (number + 1) * DIGEST], parts.sums[number * each : (number + 1) * each]
    )


def runs(start: int, data: bytes, there: Parts) -> tuple[Parts, list[Run]]:
    """The parts of the chunk ``data``, which is at ``start``, and what of it is another one ``there``."""
    chunk = hashlib.sha256(data).digest()
    if chunk == there.chunks:
        return there, []
    sums = sums_of(data)
    wanted = [at for at in range(0, len(sums), SUM) if sums[at : at + SUM] != there.sums[at : at + SUM]]
    if not wanted:
        # Shorter, or the sums of two blocks are the same by chance: the hashes are not.
        return Parts(chunk, sums), [Run(start, data)]
    found: list[Run] = []
    for at in wanted:
        place = at // SUM * BLOCK
        block = data[place : place + BLOCK]
        if not there.sums[at : at + SUM] and not any(block):
            # Beyond the target's end, which becomes a hole.
            continue
        if found and found[-1].start + len(found[-1].data) == start + place:
            found[-1] = Run(found[-1].start, found[-1].data + block)
        else:
            found.append(Run(start + place, block))
    return Parts(chunk, sums), found


def put(stream: IO[bytes], about: Mapping[str, object], data: bytes = b"") -> None:
    stream.write(json.dumps({**about, "bytes": len(data)}).encode() + b"\n")
    stream.write(data)


def taken(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """What :func:`put` has written. Raises BrokenOff."""
    line = stream.readline()
    try:
        about = json.loads(line)
        data = stream.read(about["bytes"])
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenOff(line) from error
    if len(data) < about["bytes"]:
        raise BrokenOff(b"")
    return about, data


def each(stream: IO[bytes]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Until it is over."""
    while True:
        about, data = taken(stream)
        if "over" in about:
            return
        yield about, data
