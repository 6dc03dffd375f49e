"""All of it or nothing: a volume that is filled from an archive is empty again where that fails."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from .children import run
from .places import Places
from .words import Failure


@contextlib.contextmanager
def all_or_nothing(places: Places) -> Iterator[None]:
    """Raises Failure when there is something already, which is not touched."""
    root = places.data
    if os.listdir(root):
        raise Failure("the volume is not empty", "an archive is unpacked into an empty one only")
    before = os.stat(root)
    attributes = {name: os.getxattr(root, name) for name in os.listxattr(root)}
    try:
        yield
    except BaseException:
        run(["find", str(root), "-mindepth", "1", "-delete"], "what was unpacked could not be removed again")
        for name in set(os.listxattr(root)) - attributes.keys():
            os.removexattr(root, name)
        os.chown(root, before.st_uid, before.st_gid)
        os.chmod(root, before.st_mode & 0o7777)
        for name, value in attributes.items():
            with contextlib.suppress(OSError):
                os.setxattr(root, name, value)
        os.utime(root, ns=(before.st_atime_ns, before.st_mtime_ns))
        raise
