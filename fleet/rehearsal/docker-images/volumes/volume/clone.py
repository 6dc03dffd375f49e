"""A copy in a second volume on the same host."""

from __future__ import annotations

import os
import time

from .alone import alone
from .children import settle
from .extract import extraction
from .extras import put_back, set_aside
from .places import Places
from .pump import pump
from .receive import tidy
from .reflink import can_reflink, reflink
from .rsync import local_words
from .sync import one_pass
from .words import Failure


def clone(places: Places, rate: int, final: bool) -> dict[str, object]:
    """``bytes``: that were copied; none where the blocks are shared. ``complete``: nothing has vanished
    meanwhile, which is an error when ``final``. Raises Failure."""
    with alone(places.state / "transfer.lock"):
        began = time.monotonic()
        if not final:
            # See :func:`sync`.
            settle(places.data)
        if os.listdir(places.copy):
            how = "rsync"
            done, complete = one_pass(local_words(places, rate), None, final)
            count = done.sent
            if complete:
                tidy(places.beside)
        elif can_reflink(places):
            how, count, complete = "reflink", 0, reflink(places, final)
        else:
            how = "tar"
            count, complete = _tar(places, rate)
            if final and not complete:
                raise Failure("files changed while they were copied", "something still writes to the volume")
        seconds = round(time.monotonic() - began, 3)
        return {"how": how, "bytes": count, "seconds": seconds, "complete": complete}


def _tar(places: Places, rate: int) -> tuple[int, bool]:
    extras = set_aside(places)
    with extraction(places.beside, "the copy") as there:
        assert there  # noqa: S101 - a pipe
        done = pump(places, there, rate)
    put_back(places.beside, extras)
    return done
