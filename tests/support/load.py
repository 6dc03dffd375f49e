"""Load on a fleet while a test changes it: every kind of client, nothing tried again."""

from __future__ import annotations

import asyncio
import threading
import urllib.parse
from collections.abc import Sequence

from benchmarks.aim import own
from fleet.rehearsal.traffic.clients import Idle, Kept, New
from fleet.rehearsal.traffic.crowd import Crowd, Group
from fleet.rehearsal.traffic.tally import Tally

PAGES = (Group(Kept, 6, 0.15), Group(New, 6, 0.15), Group(Idle, 2, 6.0))
"""80 requests a second for one page; any server has that."""


class Load:
    """``with Load(url) as load: …``; or ``start`` and ``stop``. The tally says what was lost:
    ``assert not load.tally.failures``."""

    def __init__(self, url: str, groups: Sequence[Group] = PAGES) -> None:
        self.tally = Tally()
        self._url: urllib.parse.SplitResult = own(url)
        self._crowd = Crowd(self._url, groups, self.tally)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._crowd.run()))

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> Tally:
        """When whatever was asked has got its answer."""
        self._crowd.stop()
        self._thread.join()
        return self.tally


def start(url: str, groups: Sequence[Group] = PAGES) -> Load:
    """Load from now on, until its ``stop``."""
    return Load(url, groups).__enter__()
