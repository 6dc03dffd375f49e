"""The clients beside something else."""

from __future__ import annotations

import asyncio
import threading
import urllib.parse
from collections.abc import Sequence

from fleet.rehearsal.traffic.crowd import Crowd, Group
from fleet.rehearsal.traffic.tally import Tally


class Load:
    """``with Load(url, groups) as load: …``; or ``start`` and ``stop``. The tally says what was lost."""

    def __init__(self, url: urllib.parse.SplitResult, groups: Sequence[Group]) -> None:
        self.tally = Tally()
        self._crowd = Crowd(url, groups, self.tally)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._crowd.run()))

    def __enter__(self) -> Load:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Load:
        self._thread.start()
        return self

    def stop(self) -> Tally:
        """When whatever was asked has got its answer."""
        self._crowd.stop()
        self._thread.join()
        return self.tally
