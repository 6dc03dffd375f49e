"""The volume and its copy, looked at at the same time."""

from __future__ import annotations

import subprocess
import time

from .answers import answer
from .children import Complaints, child
from .compare import judged
from .manifest import make_manifest
from .own import Owner, as_if_owned
from .places import Places
from .receive import doubt
from .words import Failure, last_lines

PROGRAM = "/usr/local/bin/volume"


def same(places: Places, owner: Owner | None = None) -> dict[str, object]:
    """As :func:`compare`; the copy is on the disk then. ``owner``: the one that all of the copy is to have,
    whatever the volume has."""
    began = time.monotonic()
    beside, complaints = places.beside, Complaints()
    with child([PROGRAM, "manifest", "--copy"], stdout=subprocess.PIPE, stderr=complaints.file) as other:
        here = make_manifest(places, keep=False)
        assert other.stdout  # noqa: S101 - asked for above
        output = other.stdout.read()
        there = answer(output, "result")
        if other.wait() or there is None:
            error = answer(output, "error") or {"what": "the copy was not read", "why": complaints.text()}
            raise Failure(str(error["what"]), last_lines(str(error["why"])))
    if owner:
        here = as_if_owned(places, here, owner)
    return judged(
        places,
        began,
        here,
        there,
        entries=beside.manifest.read_bytes,
        doubt=lambda paths: doubt(beside, paths),
    )
