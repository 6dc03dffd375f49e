"""The one command of the target's sshd. What the source asks for is looked at: it may fill the volume, and
nothing else."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys

from .ahead import beside
from .alone import alone
from .children import child
from .extract import extraction
from .manifest import make_manifest
from .mend import mend
from .places import Places
from .rsync import BROKEN_OFF
from .tarstream import naming
from .words import Failure, beside_the_stream, readable, say


def receive(places: Places, asked: str) -> int:
    """Serves one request of the source; the exit status. Raises Failure."""
    match shlex.split(asked):
        case ["hello"]:
            say("result", {})
        case ["seed"]:
            with alone(places.state / "receive.lock"):
                _seed(places)
        case ["rsync", "--server", *options, ".", there] if there == f"{places.data}/" and (
            "--sender" not in options
        ):
            stream = beside_the_stream()
            with alone(places.state / "receive.lock"):
                return _rsync(places, ["rsync", "--server", *options, ".", there], stream)
        case ["patch"]:
            with alone(places.state / "receive.lock"):
                say("result", mend(places, sys.stdin.buffer, sys.stdout.buffer))
        case ["manifest"]:
            say("result", settled_manifest(places, "the target"))
        case ["entries"]:
            with places.manifest.open("rb") as entries:
                shutil.copyfileobj(entries, sys.stdout.buffer, 1 << 20)
        case ["doubt"]:
            say("result", {"doubted": doubt(places, sys.stdin.buffer.read())})
        case _:
            raise Failure("the target does not do that", f"it was asked for {asked!r}")
    return 0


def _seed(places: Places) -> None:
    if os.listdir(places.data):
        say("ready", {"empty": False})
        return
    say("ready", {"empty": True})
    words = [*naming(places.names), "--directory", str(places.data)]
    with beside(places), extraction(places, "the target", words, stdin=None):
        pass
    # What is not on the disk yet comes there before the first manifest.
    say("result", {})


def _rsync(places: Places, words: list[str], stream: int) -> int:
    with child(words, stdin=None, stdout=stream) as rsync:
        status = rsync.wait()
    if status == 0:
        tidy(places)
    if status < 0 or status in BROKEN_OFF:
        # To the source it looks like a cut connection, but who hears this was not cut off.
        why = f"it was killed by signal {-status}" if status < 0 else f"it ended with status {status}"
        raise Failure("rsync failed at the target", why)
    return status


def tidy(places: Places) -> None:
    """No half files are left, and the volume's own times are as they were."""
    before = os.stat(places.data)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(places.partial)
        os.utime(places.data, ns=(before.st_atime_ns, before.st_mtime_ns))


def settled_manifest(places: Places, where: str) -> dict[str, object]:
    """Beside the hashing, all that was received is written to the disk: what follows is told as done."""
    with child(["sync", "-f", str(places.data)]) as disk:
        made = make_manifest(places)
        if disk.wait():
            raise Failure(f"the data could not be written to {where}'s disk")
    return made


def doubt(places: Places, paths: bytes) -> int:
    """The files are given a time that no file has: rsync then looks into them."""
    count = 0
    for path in filter(None, paths.split(b"\0")):
        if path.startswith(b"/") or b".." in path.split(b"/"):
            raise Failure("that is no path of the volume", readable(path))
        with contextlib.suppress(FileNotFoundError):
            os.utime(os.path.join(places.root, path), ns=(0, 0), follow_symlinks=False)
            count += 1
    return count
