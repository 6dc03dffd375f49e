"""What the script of :mod:`fleet.run.log_script` prints → lines of logs, each once, in the order of time."""

from __future__ import annotations

import heapq
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)")
REMEMBERED = 500
"""Lines of a container among which one is looked for that comes again."""

HOLD = 0.3
"""Seconds that a line may be on its way for longer than others of the same moment."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``time`` sorts as text: Docker tells it in UTC, with nine digits."""

    time: str
    host: str
    service: str
    container: str
    line: str


@dataclass(slots=True)
class _Container:
    recent: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    by: dict[tuple[str, str], int] = field(default_factory=dict)

    def is_new(self, number: int, key: tuple[str, str]) -> bool:
        """False for what another reading of this container has told; the same line twice in one is two."""
        if self.by.get(key, number) != number:
            return False
        if len(self.recent) == REMEMBERED:
            self.by.pop(self.recent[0], None)
        self.recent.append(key)
        self.by[key] = number
        return True


class HostLog:
    """The lines of one host. ``begun``: the containers that were read; ``said``: what Docker had to say
    instead of a line."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.begun: list[str] = []
        self.last = ""
        self._before = 0
        self._readings: dict[int, tuple[str, str]] = {}
        self._containers: dict[str, _Container] = {}

    def anew(self) -> None:
        """Another script begins to tell, and to count."""
        self._before = max(self._readings, default=0)

    def take(self, text: str) -> Entry | str | None:
        """A line of a log, what Docker said instead of one, or nothing."""
        head, _, rest = text.partition(" ")
        if head == "+":
            digits, container, service = rest.split(" ")
            self._readings[self._before + int(digits)] = container, service
            self.begun.append(container)
            return None
        if not TIME.fullmatch(head):
            # The reading's number is behind the first word, whatever that is.
            return None if head == "." else " ".join([head, *rest.split(" ")[1:]])
        digits, _, line = rest.partition(" ")
        number = self._before + int(digits)
        container, service = self._readings[number]
        if not self._containers.setdefault(container, _Container()).is_new(number, (head, line)):
            return None
        self.last = max(self.last, head)
        return Entry(head, self.host, service, container[:12], line)


class Window:
    """Lines as they come, put into the order of time: each waits a little for those that belong before it."""

    def __init__(self) -> None:
        self._heap: list[tuple[str, int, float, Entry]] = []
        self._count = 0

    def add(self, entry: Entry, now: float) -> None:
        # Of the same moment, in the order in which they came.
        self._count += 1
        heapq.heappush(self._heap, (entry.time, self._count, now, entry))

    def due(self, now: float, hold: float = HOLD) -> Iterator[Entry]:
        """Those that have waited for ``hold`` seconds."""
        while self._heap and self._heap[0][2] <= now - hold:
            yield heapq.heappop(self._heap)[3]
