"""The difference is copied, again and again while the service writes, and once when it does not: large files
by their blocks, the rest by rsync."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import IO

from .alone import alone
from .children import LastingComplaints, child, settle
from .link import NAME, Address, Link
from .patch import patch
from .places import Places
from .progress import Meter
from .rsync import Sum, failure, leaving_out, normal_in_use, progress, rsync_words, sums
from .words import say


def sync(places: Places, link: Link, rate: int, final: bool) -> dict[str, object]:
    """Raises Failure; when ``final``, also for what is normal while files are in use."""
    with alone(places.state / "transfer.lock"):
        began = time.monotonic()
        if not final:
            # The final pass need not: after the writers' end nothing is written any more, and what was
            # written since the last pass has been seen by times.
            settle(places.data)
        patched = patch(places, link, rate, final)
        # While they are written, rsync would see another time again, and do what has just been done.
        left_out = [] if final else leaving_out(places, patched.paths)
        words = rsync_words(places, link.config, NAME, rate, left_out)
        done, complete = one_pass(words, link.to, final)
        return {
            "sent": done.sent + patched.sent,
            "changed": done.changed + patched.changed,
            "seconds": round(time.monotonic() - began, 3),
            "complete": complete,
        }


def one_pass(words: list[str], to: Address | None, final: bool) -> tuple[Sum, bool]:
    """What was done, and whether that is all. Raises Failure as :func:`sync`."""
    # rsync may end before its ssh has told what the target says.
    complaints = LastingComplaints()
    with complaints.lent() as stderr, child(words, stdout=subprocess.PIPE, stderr=stderr) as rsync:
        assert rsync.stdout  # noqa: S101 - asked for above
        stats = _follow(rsync.stdout, Meter(None, time.monotonic()))
        status = rsync.wait()
    said = complaints.text()
    if status and (final or not normal_in_use(status, said)):
        raise failure(to, status, said)
    return sums(stats), status == 0


def _follow(output: IO[bytes], meter: Meter) -> str:
    """Tells the progress; the other lines. Progress is overwritten in place, with a carriage return."""
    rest = []
    for line in _lines(output):
        count = progress(line)
        if count is None:
            rest.append(line)
        elif found := meter.at(count, time.monotonic()):
            say("progress", found)
    return "\n".join(rest)


def _lines(output: IO[bytes]) -> Iterator[str]:
    left = b""
    while data := output.read1(1 << 16):  # type: ignore[attr-defined]
        *whole, left = (left + data).replace(b"\r", b"\n").split(b"\n")
        yield from (line.decode("utf-8", "backslashreplace") for line in whole)
    yield left.decode("utf-8", "backslashreplace")
