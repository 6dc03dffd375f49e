"""The first copy: a tar stream into an empty volume, three times as fast as rsync."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import time
from typing import IO

from .ahead import beside
from .alone import alone
from .answers import answer, refused
from .children import Complaints, child, settle
from .link import Link
from .places import Places
from .progress import Brake, Meter
from .tarstream import CREATE, NORMAL, naming
from .usage import stream_size
from .words import Failure, last_lines, say

CHUNK = 1 << 20


def seed(places: Places, link: Link, rate: int) -> dict[str, object]:
    """Raises Failure when either end says that it is not complete."""
    with alone(places.state / "transfer.lock"):
        began = time.monotonic()
        settled = time.time_ns()
        settle(places.data)
        complaints = Complaints()
        with child(
            link.words("seed"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints.file
        ) as ssh:
            assert ssh.stdin  # noqa: S101 - asked for above
            assert ssh.stdout  # noqa: S101
            ready = answer(ssh.stdout.readline(), "ready")
            if ready is None:
                raise refused(link, ssh, b"", complaints)
            if not ready["empty"]:
                return {"skipped": True}
            with beside(places, settled):
                sent = _pump(places, ssh.stdin, rate)
            output = ssh.stdout.read()
            if ssh.wait() or answer(output, "result") is None:
                raise refused(link, ssh, output, complaints)
        return {"skipped": False, "bytes": sent, "seconds": round(time.monotonic() - began, 3)}


def _pump(places: Places, out: IO[bytes], rate: int) -> int:
    """Bytes that were sent. Raises Failure when tar fails; not when the target stops reading, which has its
    own word on that."""
    sent = 0
    now = time.monotonic()
    meter, brake = Meter(stream_size(places.root), now), Brake(rate, now) if rate else None
    # A bit of each second at a time, so that a slow stream is an even one.
    chunk = min(CHUNK, max(4096, rate // 10)) if rate else CHUNK
    complaints = Complaints()
    words = [*CREATE, *naming(places.names), "--directory", str(places.data), "."]
    with child(words, stdout=subprocess.PIPE, stderr=complaints.file) as tar:
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
            return sent
        if tar.wait() not in NORMAL:
            why = last_lines(complaints.text()) or f"tar ended with status {tar.returncode}"
            raise Failure("reading the volume failed", why)
    return sent
