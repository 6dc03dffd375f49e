"""How many hosts answer, at the same time and all the time."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Mapping

PAUSE = 0.05
PATIENCE = 5.0
"""Seconds between two questions to a host, and until one without an answer counts as none."""


class Availability:
    """While it is entered every host is asked all the time. ``lowest``: how many answered at once, at the
    least. Hosts in ``excused`` count as if they answered: somebody broke them on purpose."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._up = dict.fromkeys(urls, True)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=(name,), daemon=True) for name in urls]
        self.excused: set[str] = set()
        self.lowest = len(urls)

    def __enter__(self) -> Availability:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def settled(self, seconds: float = 60) -> bool:
        """Wait until every host answers again."""
        deadline = time.monotonic() + seconds
        while not all(self._up.values()):
            if self._ended.wait(PAUSE) or time.monotonic() > deadline:
                return False
        return True

    def _watch(self, name: str) -> None:
        while not self._ended.wait(PAUSE):
            self._up[name] = self._answers(name)
            if not self._up[name] and self._serving() < self.lowest:
                self._confirm(name)

    def _confirm(self, name: str) -> None:
        """What was seen of the others may be older than what they are by now: on a busy machine a host is
        asked late. Those that are down are asked again, this one last."""
        with self._lock:
            for other in [one for one, up in self._up.items() if not up and one != name]:
                self._up[other] = self._answers(other)
            if not self._answers(name):
                self.lowest = min(self.lowest, self._serving())

    def _serving(self) -> int:
        return sum(up or name in self.excused for name, up in self._up.items())

    def _answers(self, name: str) -> bool:
        try:
            with urllib.request.urlopen(self._urls[name], timeout=PATIENCE) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False
