"""A copy that shares its blocks with the source: milliseconds, where the file system can do that."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import subprocess

from .children import Complaints, child
from .places import Places
from .scan import walk
from .words import Failure, last_lines

FICLONE = 0x40049409
# ``xattr`` by name: with --archive it is no error when an attribute cannot be kept. A file that the file
# system does not share (btrfs: one without copy-on-write) is copied.
CP = [
    *("cp", "--recursive", "--no-dereference", "--no-target-directory"),
    *("--preserve=mode,ownership,timestamps,links,xattr", "--reflink=auto"),
]
_IN_USE = re.compile(r"No such file or directory|as it was replaced while being copied")


def can_reflink(places: Places) -> bool:
    """Tried with one file that holds something. Older kernels than 5.18 never do it from volume to volume."""
    for path, status in walk(places.root):
        if stat.S_ISREG(status.st_mode) and status.st_size:
            with contextlib.suppress(FileNotFoundError):
                return _try(places.root + b"/" + path, os.fsencode(places.copy))
    return False


def _try(file: bytes, directory: bytes) -> bool:
    """Nothing is left of it."""
    with contextlib.ExitStack() as stack:
        # NONBLOCK: what was a file may be a fifo by now.
        source = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        stack.callback(os.close, source)
        try:
            target = os.open(directory, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, target)
            fcntl.ioctl(target, FICLONE, source)
        except OSError:
            return False
    return True


def reflink(places: Places, final: bool) -> bool:
    """Whether it is complete: a file that vanishes meanwhile is normal unless ``final``. Raises Failure."""
    complaints = Complaints()
    words = [*CP, str(places.data), str(places.copy)]
    with child(words, stdout=subprocess.DEVNULL, stderr=complaints.file) as cp:
        status = cp.wait()
    said = complaints.text()
    if "No space left on device" in said or "Disk quota exceeded" in said:
        raise Failure("the copy has no space left", last_lines(said))
    if status and (final or not normal_in_use(said)):
        raise Failure("copying the volume failed", last_lines(said) or f"cp ended with status {status}")
    return status == 0


def normal_in_use(said: str) -> bool:
    """Whether cp complains about nothing but files that came and went."""
    lines = [line for line in said.splitlines() if line.strip()]
    return bool(lines) and all(_IN_USE.search(line) for line in lines)
