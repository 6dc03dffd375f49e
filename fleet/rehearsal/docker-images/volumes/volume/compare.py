"""Both sides, looked at at the same time: is the copy what the source is?"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping

from .answers import answer, refused
from .children import Complaints, child
from .differences import Difference, apart
from .entry import records
from .link import Link
from .manifest import make_manifest
from .places import Places
from .words import Failure

TOLD = 20


def compare(places: Places, link: Link) -> dict[str, object]:
    """The source's new hashes are not kept: without :func:`children.settle`, which would be a part of the
    downtime, it is not sure that a change is seen."""
    began = time.monotonic()
    complaints = Complaints()
    with child(link.words("manifest"), stdout=subprocess.PIPE, stderr=complaints.file) as ssh:
        here = make_manifest(places, keep=False)
        assert ssh.stdout  # noqa: S101 - asked for above
        output = ssh.stdout.read()
        there = answer(output, "result")
        if ssh.wait() or there is None:
            raise refused(link, ssh, output, complaints)
    return judged(
        places,
        began,
        here,
        there,
        entries=lambda: _ask(link, "entries"),
        doubt=lambda paths: _ask(link, "doubt", paths),
    )


def judged(
    places: Places,
    began: float,
    here: Mapping[str, object],
    there: Mapping[str, object],
    *,
    entries: Callable[[], bytes],
    doubt: Callable[[bytes], object],
) -> dict[str, object]:
    """What the two manifests say. ``entries``: the other one's. ``doubt`` these files there: rsync does not
    see what they differ in."""
    different: list[Difference] = []
    if here["digest"] != there["digest"] or here["changing"]:
        different = list(apart(records(places.manifest.read_bytes()), records(entries())))
        if not different:
            raise Failure("the manifests differ, and their entries do not", "they were made anew meanwhile")
        if hidden := b"\0".join(item.path for item in different if item.hidden):
            doubt(hidden)
    return {
        "equal": not different,
        "entries": here["entries"],
        "bytes": here["bytes"],
        "digest": here["digest"],
        "differing": len(different),
        "differences": [str(item) for item in different[:TOLD]],
        "seconds": round(time.monotonic() - began, 3),
    }


def _ask(link: Link, command: str, given: bytes = b"") -> bytes:
    complaints = Complaints()
    with child(
        link.words(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints.file
    ) as ssh:
        output, _ = ssh.communicate(given)
        if ssh.returncode:
            raise refused(link, ssh, output, complaints)
    return output
