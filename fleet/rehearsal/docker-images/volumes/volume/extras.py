"""What archives do not keep of a volume, kept beside them: sockets, hard links of what is no file, and
targets of symbolic links that are no text. tar has no sockets; restic before 0.16 has none of the three."""

from __future__ import annotations

import base64
import contextlib
import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from .entry import Entry
from .places import Places
from .scan import GONE, NOT_DATA, scan
from .words import Failure, readable

MAKE = {"s": stat.S_IFSOCK, "p": stat.S_IFIFO, "b": stat.S_IFBLK, "c": stat.S_IFCHR}
Extra = dict[str, Any]


def set_aside(places: Places) -> list[Extra]:
    """As JSON has it, in the order of the paths. Raises Failure."""
    found = []
    for entry, place, _ in scan(places.root):
        if not _is_extra(entry):
            continue
        try:
            found.append(_extra(entry, _attributes(place)))
        except OSError as error:
            if error.errno not in GONE:
                raise Failure(f"{readable(entry.path)} cannot be read", str(error.strerror)) from error
    return found


def _is_extra(entry: Entry) -> bool:
    if entry.kind == "s":
        return True
    if entry.kind not in "fd" and entry.group:
        return True
    try:
        entry.target.decode()
    except UnicodeDecodeError:
        return True
    return False


def _extra(entry: Entry, attributes: Mapping[str, str]) -> Extra:
    return {
        "path": _text(entry.path),
        "kind": entry.kind,
        "mode": entry.mode,
        "uid": entry.uid,
        "gid": entry.gid,
        "mtime_ns": entry.mtime_ns,
        "rdev": entry.rdev,
        "target": _text(entry.target),
        "group": _text(entry.group),
        "xattrs": dict(attributes),
    }


def _attributes(place: bytes) -> dict[str, str]:
    names = sorted(set(os.listxattr(place, follow_symlinks=False)) - {NOT_DATA})
    values = ((name, os.getxattr(place, name, follow_symlinks=False)) for name in names)
    return {name: base64.b64encode(value).decode() for name, value in values}


def put_back(places: Places, extras: Iterable[Extra]) -> None:
    """In place of what an archive has made of them; not where the directory was gone before it was archived.
    Raises Failure."""
    for extra in extras:
        path = _bytes(extra["path"])
        try:
            _make(places.root, path, extra)
        except FileNotFoundError:
            continue
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise Failure(f"{readable(path)} cannot be made", str(error)) from error


def _make(root: bytes, path: bytes, extra: Extra) -> None:
    place = _inside(root, path)
    directory = os.path.dirname(place)
    before = os.stat(directory)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place)
    kind, group = extra["kind"], _bytes(extra["group"])
    if group and group != path:
        os.link(_inside(root, group), place, follow_symlinks=False)
    else:
        if kind == "l":
            os.symlink(_bytes(extra["target"]), place)
        else:
            os.mknod(place, MAKE[kind] | 0o600, extra["rdev"])
        os.chown(place, extra["uid"], extra["gid"], follow_symlinks=False)
        if kind != "l":
            os.chmod(place, extra["mode"])
        for name, value in extra["xattrs"].items():
            os.setxattr(place, name, base64.b64decode(value), follow_symlinks=False)
        os.utime(place, ns=(extra["mtime_ns"],) * 2, follow_symlinks=False)
    os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))


def _inside(root: bytes, path: bytes) -> bytes:
    """Raises ValueError: an archive is anybody's."""
    place = root + b"/" + path
    directory, top = os.path.realpath(os.path.dirname(place)), os.path.realpath(root)
    if os.path.basename(place) in (b"", b".", b"..") or not (directory + b"/").startswith(top + b"/"):
        raise ValueError("that is no path of the volume")
    return place


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
