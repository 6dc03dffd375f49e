"""Programs that this one starts: none outlives it, and none fails unseen."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from .words import Failure, last_lines

PATIENCE = 5
# The messages of tar and rsync are read, and a path in them is any bytes.
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


@contextlib.contextmanager
def child(
    words: Sequence[str],
    *,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = subprocess.DEVNULL,
    stderr: int | IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A running program; when the block is left it has ended, or is ended.

    The kernel ends it when we are killed: `docker exec` leaves what it started, and the next attempt would
    find an rsync of the last one at work.
    """
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *words],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, **(environment or {}), **ENVIRONMENT},
    )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Complaints:
    """What a program writes to stderr: a file, since a pipe that nobody reads would stop it."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the object

    def text(self) -> str:
        self.file.seek(0)
        return self.file.read().decode("utf-8", "backslashreplace")


def run(words: Sequence[str], what: str) -> str:
    """The program's stdout. Raises Failure ``what``."""
    complaints = Complaints()
    with child(words, stdout=subprocess.PIPE, stderr=complaints.file) as process:
        assert process.stdout  # noqa: S101 - asked for above
        output = process.stdout.read()
        if process.wait():
            why = last_lines(complaints.text() + output.decode("utf-8", "backslashreplace"))
            raise Failure(what, why or f"{words[0]} ended with status {process.returncode}")
    return output.decode("utf-8", "backslashreplace")


def settle(data: Path) -> None:
    """All that was written is on the disk.

    Not only for the disk's sake: a store into a mapped page that is dirty already does not touch the file's
    times. Once written back the page is protected again, and the next store is seen in mtime and ctime.
    """
    run(["sync", "-f", str(data)], f"{data} could not be written to the disk")
