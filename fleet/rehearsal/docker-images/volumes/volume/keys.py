"""Keys that live as long as the container: none of the controller's ever lies on a host."""

from __future__ import annotations

import fcntl
import re
from pathlib import Path

from .children import run
from .words import Failure

PUBLIC = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{20,200}={0,2}")


def pair(path: Path) -> str:
    """The public half of the key pair at ``path``, made if need be."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        public = path.with_suffix(".pub")
        if not public.exists():
            # Left by a call that was killed in between; ssh-keygen would ask whether to overwrite it.
            path.unlink(missing_ok=True)
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], "no key was made")
        return " ".join(public.read_text(encoding="ascii").split()[:2])


def checked(key: str) -> str:
    """A public key as it may stand in a file of ssh: type and key, no options, one line."""
    if not PUBLIC.fullmatch(key):
        raise Failure("that is not a public key", "expected: ssh-ed25519 and the key, nothing else")
    return key
