"""What the target says over the link, and what it means that it says nothing."""

from __future__ import annotations

import contextlib
import json
import subprocess

from .children import Complaints
from .link import Link, link_failure
from .words import Failure, last_lines


def answer(output: bytes, kind: str) -> dict[str, object] | None:
    """The last line, if it is of that kind."""
    for line in reversed(output.splitlines()):
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            return value.get(kind) if isinstance(value, dict) else None
    return None


def told(output: bytes) -> Failure | None:
    """What has failed at the target, in its own words."""
    error = answer(output, "error")
    return Failure(str(error.get("what")), str(error.get("why"))) if error else None


def refused(link: Link, ssh: subprocess.Popen[bytes], output: bytes, complaints: Complaints) -> Failure:
    """Why the target has not done what it was asked for."""
    if failure := told(output):
        return failure
    # 255: ssh's own word for a failure of its own. Below 0: somebody has killed it.
    if ssh.wait() == 255 or ssh.returncode < 0:
        return link_failure(link.to, complaints.text())
    return Failure(f"{link.to} ended before its answer", last_lines(complaints.text()))
