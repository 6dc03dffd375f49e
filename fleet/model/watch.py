"""Is the new version as good as the old one: what is compared, and what is still good enough."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpValue:
    """A number in the JSON that ``url`` answers, at ``path`` (``queue.length``): not less than ``least`` and
    not more than ``most``."""

    name: str
    url: str
    path: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class PrometheusValue:
    """The first value that the server at ``url`` answers to ``query``."""

    name: str
    url: str
    query: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class LogRate:
    """Lines a minute and container of the new version that match this extended regular expression."""

    name: str
    pattern: str
    most: float


@dataclass(frozen=True, slots=True)
class WatchCommand:
    """A command on the controller; good when it exits 0."""

    name: str
    command: tuple[str, ...]


Measure = HttpValue | PrometheusValue | LogRate | WatchCommand


@dataclass(frozen=True, slots=True)
class WatchSpec:
    """``x-fleet.watch``: the new version against the old, by the balancers' counters over ``window`` seconds.

    ``errors``: by how much the share of 5xx answers and failed connections may be greater (0.01: one in a
    hundred); ``slower``: how many times as long an answer may take; ``requests``: with fewer nobody can say.
    ``on_failure``: ``abort`` takes the new version back, ``pause`` leaves both as they are.
    """

    window: float = 60
    requests: int = 100
    errors: float = 0.01
    slower: float = 1.5
    on_failure: str = "abort"
    measures: tuple[Measure, ...] = ()
