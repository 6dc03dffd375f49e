"""What became of every request."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Failure:
    """``kind``: how it ended. ``client``: the kind of client, and its ``number`` among them.
    ``second``: since the start of the load; ``asked``: when it was begun."""

    kind: str
    client: str
    number: int
    second: float
    asked: float


@dataclass(frozen=True, slots=True)
class Span:
    """Latencies in milliseconds."""

    requests: int
    p50: float
    p99: float
    most: float


LONG = 1.0
"""Seconds without any answer that are told."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody got an answer for ``seconds``, until ``second`` since the start of the load."""

    second: float
    seconds: float


@dataclass(slots=True)
class Seen:
    """Answers of one version, and between which seconds since the start."""

    answers: int
    first: float
    last: float


@dataclass(slots=True)
class Tally:
    """Counted from one thread; whoever reads it from another sees numbers that only grow."""

    started: float = field(default_factory=time.monotonic)
    before: dict[str, list[float]] = field(default_factory=dict)
    during: dict[str, list[float]] = field(default_factory=dict)
    versions: dict[str, Seen] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    reopened: Counter[str] = field(default_factory=Counter)
    orders: list[int] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    last: float = 0.0
    mark: float | None = None
    """``reopened``: kept connections that the server had closed while nothing was asked, by kind of client.
    ``orders``: ids of acknowledged orders. ``last``: the second of the newest answer. ``mark``: the second at
    which the scenario began."""

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def requests(self) -> int:
        """Of all kinds, answered or failed."""
        return len(self.failures) + sum(
            len(kind) for spans in (self.before, self.during) for kind in spans.values()
        )

    def begin(self) -> None:
        """What is answered from here on is counted as during the scenario."""
        self.mark = self.now

    def answered(self, kind: str, version: str, latency: float) -> None:
        """``latency`` in seconds."""
        now = self.now
        if self.last and now - self.last > LONG:
            self.gaps.append(Gap(round(now, 1), round(now - self.last, 2)))
        self.last = now
        (self.before if self.mark is None else self.during).setdefault(kind, []).append(latency)
        seen = self.versions.setdefault(version, Seen(0, now, now))
        seen.answers += 1
        seen.last = now

    def failed(self, client: str, number: int, kind: str, asked: float) -> None:
        """``asked``: by the monotonic clock."""
        asked -= self.started
        self.failures.append(Failure(kind, client, number, round(self.now, 1), round(asked, 1)))


def span(latencies: list[float]) -> Span | None:
    """None of nothing."""
    if not latencies:
        return None
    ordered = sorted(latencies)

    def at(share: float) -> float:
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 1)

    return Span(len(ordered), at(0.5), at(0.99), at(1))
