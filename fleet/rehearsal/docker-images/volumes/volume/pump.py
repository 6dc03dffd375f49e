"""The volume as a tar stream into a pipe: how far it is, and how fast it may be."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import time
from typing import IO

from .children import Complaints, child
from .places import Places
from .progress import Brake, Meter
from .tarstream import CREATE, NORMAL
from .usage import stream_size
from .words import Failure, last_lines, say

CHUNK = 1 << 20


def pump(places: Places, out: IO[bytes], rate: int) -> tuple[int, bool]:
    """Bytes that were sent, and whether every file was the same from its first byte to its last.

    Raises Failure when tar fails; not when the reader stops reading, which has its own word on that.
    """
    sent = 0
    now = time.monotonic()
    meter, brake = Meter(stream_size(places.root), now), Brake(rate, now) if rate else None
    # A bit of each second at a time, so that a slow stream is an even one.
    chunk = min(CHUNK, max(4096, rate // 10)) if rate else CHUNK
    complaints = Complaints()
    with child(
        [*CREATE, "--directory", str(places.data), "."], stdout=subprocess.PIPE, stderr=complaints.file
    ) as tar:
        assert tar.stdout  # noqa: S101 - asked for above
        for pipe in (tar.stdout, out):
            with contextlib.suppress(OSError):
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, CHUNK)
        try:
            # From pipe to pipe within the kernel: the bytes are not ours to look at.
            while moved := os.splice(tar.stdout.fileno(), out.fileno(), chunk):
                sent += moved
                now = time.monotonic()
                if progress := meter.at(sent, now):
                    say("progress", progress)
                if brake and (pause := brake.pause(moved, now)):
                    time.sleep(pause)
            out.close()
        except BrokenPipeError:
            # Also when the reader has ended with the last byte, before we have seen that it was the last.
            if tar.stdout.read(1):
                return sent, False
        if tar.wait() not in NORMAL:
            why = last_lines(complaints.text()) or f"tar ended with status {tar.returncode}"
            raise Failure("reading the volume failed", why)
    return sent, tar.returncode == 0
