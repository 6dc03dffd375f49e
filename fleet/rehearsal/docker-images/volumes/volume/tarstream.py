"""The tar stream of a seed: its flags, and what tar's words mean."""

from __future__ import annotations

import re
from pathlib import Path

_KEEP = ["--numeric-owner", "--xattrs", "--xattrs-include=*", "--xattrs-exclude=security.selinux", "--acls"]

CREATE = ["tar", "--create", "--file=-", *_KEEP, "--sparse", "--format=posix"]
EXTRACT = ["tar", "--extract", "--file=-", *_KEEP, "--same-permissions", "--delay-directory-restore"]
# No larger records than usual: tar would fill one before it writes, and the disk wait for the network, which
# makes it half as fast.


def naming(names: Path) -> list[str]:
    """tar writes there what it is at."""
    return ["--verbose", f"--index-file={names}"]


# Status 1: files changed or vanished while they were read, as files in use do. rsync comes afterwards.
NORMAL = (0, 1)
# A header, and a second one with times, lengths and attributes.
HEADERS = 1536


# After these there is no use in going on; tar would read to the end of the stream.
_FULL = re.compile(r"No space left on device|Disk quota exceeded|: Wrote only \d+ of \d+ bytes")


def full(line: str) -> bool:
    """Whether this message of tar says that there is no room."""
    return bool(_FULL.search(line))
