"""All that is in the second volume gets another owner, and loses nothing else by that."""

from __future__ import annotations

import errno
import hashlib
import os
import stat

from .entry import decoded, encoded, record
from .places import Places
from .scan import walk
from .words import Failure, readable

CAPABILITIES = "security.capability"
Owner = tuple[int, int]


def owner_of(written: str) -> Owner:
    """Raises Failure."""
    parts = written.split(":")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise Failure("that is no owner", f"{written!r} is not uid:gid")
    return int(parts[0]), int(parts[1])


def own(places: Places, owner: Owner) -> dict[str, object]:
    """``changed``: entries that had another one. Raises Failure."""
    changed = 0
    for path, status in walk(places.beside.root):
        if (status.st_uid, status.st_gid) == owner:
            continue
        try:
            _give(places.beside.root + b"/" + path, status, owner)
        except OSError as error:
            raise Failure(
                f"{readable(path)} cannot get another owner", error.strerror or str(error)
            ) from error
        changed += 1
    return {"changed": changed}


def _give(place: bytes, status: os.stat_result, owner: Owner) -> None:
    """The kernel takes setuid, setgid and capabilities from a file whose owner changes."""
    kept = _capabilities(place) if stat.S_ISREG(status.st_mode) else b""
    os.chown(place, *owner, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode) and status.st_mode & (stat.S_ISUID | stat.S_ISGID):
        os.chmod(place, stat.S_IMODE(status.st_mode))
    if kept:
        os.setxattr(place, CAPABILITIES, kept, follow_symlinks=False)


def _capabilities(place: bytes) -> bytes:
    try:
        return os.getxattr(place, CAPABILITIES, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return b""
        raise


def as_if_owned(places: Places, found: dict[str, object], owner: Owner) -> dict[str, object]:
    """The manifest, and what there is to say of it, as it were if all had this owner."""
    entries = decoded(places.manifest.read_bytes())
    data = encoded(record(one._replace(uid=owner[0], gid=owner[1])) for one in entries)
    places.manifest.write_bytes(data)
    return {**found, "digest": hashlib.sha256(data).hexdigest()}
