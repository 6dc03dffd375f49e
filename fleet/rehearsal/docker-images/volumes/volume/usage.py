"""How much there is, and how much there is room for."""

from __future__ import annotations

import os
import stat

from .places import Places
from .scan import walk
from .tarstream import HEADERS

BLOCK = 512


def usage(places: Places) -> dict[str, object]:
    """``bytes``: on the disk. ``apparent``: as long as the files are. A hard link counts once."""
    taken = apparent = entries = 0
    seen = set()
    for _, status in walk(places.root):
        entries += 1
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
        taken += status.st_blocks * BLOCK
        if stat.S_ISREG(status.st_mode):
            apparent += status.st_size
    root, room = os.lstat(places.data), os.statvfs(places.data)
    return {
        "bytes": taken,
        "apparent": apparent,
        "entries": entries,
        "owner": f"{root.st_uid}:{root.st_gid}",
        "free": room.f_bavail * room.f_frsize,
        # A file system without a fixed number of inodes says 0 of 0.
        "free_inodes": room.f_favail if room.f_files else None,
    }


def stream_size(root: bytes) -> int:
    """About how long the tar stream of it is: holes are left out, and hard links are headers."""
    total = 0
    seen = set()
    for _, status in walk(root):
        total += HEADERS
        if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in seen:
            if status.st_nlink > 1:
                seen.add((status.st_dev, status.st_ino))
            total += min(status.st_size, status.st_blocks * BLOCK)
    return total
