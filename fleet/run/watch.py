"""Watch a new version beside the old one: look every few seconds, tell how it goes, end with a verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from fleet.errors import Fenced, FleetError, Interrupted
from fleet.health.compare import Reading, Verdict, compare, early
from fleet.health.figures import Figure, within
from fleet.model.balancing import BalancerView, Server
from fleet.model.watch import HttpValue, LogRate, Measure, PrometheusValue, WatchCommand, WatchSpec
from fleet.report import events as ev
from fleet.run.measures import command_status, http_value, matching_lines, prometheus_value
from fleet.transport.base import Transport

INTERVAL = 2.0
"""Seconds from one look to the next; less when the window is short."""
LOG_INTERVAL = 10.0
"""Seconds from one count of the logs to the next: the engine reads them from their beginning each time."""
TRIES = 3
"""In a row that speak against a measure, or fail to look at the balancers: one may be an accident."""
AT_ONCE = 8
"""Measures read side by side."""

T = TypeVar("T")
Look = Callable[[], Mapping[str, BalancerView]]


@dataclass(frozen=True, slots=True)
class Watched:
    """``old`` and ``new``: versions; ``old`` empty when there is none. ``containers`` of the new version, as
    host and name."""

    service: str
    old: str
    new: str
    old_servers: tuple[Server, ...]
    new_servers: tuple[Server, ...]
    containers: tuple[tuple[str, str], ...] = ()


def watch(
    spec: WatchSpec,
    watched: Watched,
    look: Look,
    transports: Mapping[str, Transport],
    emit: ev.Emit,
    cancel: threading.Event,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] | None = None,
) -> Verdict:
    """For ``spec.window`` seconds, or until it is clear that the new version fails.

    ``look`` answers what the balancers have counted, by host; one that does not answer may be missing.
    ``wait`` sleeps for so many seconds, and no longer once ``cancel`` is set. Raises Interrupted, Fenced, and
    what ``look`` raised ``TRIES`` times in a row.
    """
    wait = wait or cancel.wait
    interval = min(INTERVAL, spec.window / 10)
    balancers = _Balancers(look)
    sides = (watched.new_servers, watched.old_servers)
    while (views := balancers.look()) is None:
        _pause(wait, interval, cancel)
    first = Reading(clock(), views)
    with ThreadPoolExecutor(AT_ONCE, "measure") as pool:
        measures = _Measures(spec, watched.containers, transports, cancel, pool)
        while True:
            _pause(wait, min(interval, max(0.0, first.at + spec.window - clock())), cancel)
            passed = clock() - first.at
            # Measures may take seconds: only what begins after the window has seen all of it.
            over = passed >= spec.window
            values = measures.read(passed)
            now = Reading(clock(), balancers.look() or views, values)
            passed = now.at - first.at
            clear = None if over else early(spec, first, now, *sides)
            verdict = clear or compare(spec, first, now, *sides)
            left = 0.0 if over or clear else max(0.1, spec.window - passed)
            rows = tuple(map(_row, verdict.figures))
            emit(ev.Compared(watched.service, watched.old, watched.new, passed, left, rows))
            if not left:
                return verdict


def _pause(wait: Callable[[float], object], seconds: float, cancel: threading.Event) -> None:
    wait(seconds)
    if cancel.is_set():
        raise Interrupted("interrupted while the new version was watched")


def _row(figure: Figure) -> ev.Row:
    mark = "" if figure.good is None else "ok" if figure.good else "no"
    return figure.what, figure.old, figure.new, figure.limit, mark


class _Balancers:
    """The latest that each balancer told: one that does not answer for a while is not missing."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._views: dict[str, BalancerView] = {}
        self._failed = 0

    def look(self) -> Mapping[str, BalancerView] | None:
        """None: it has not succeeded yet."""
        try:
            self._views.update(self._look())
        except (Fenced, Interrupted):
            raise
        except FleetError:
            self._failed += 1
            if self._failed >= TRIES:
                raise
            return dict(self._views) or None
        self._failed = 0
        return dict(self._views)


class _Measures:
    """What is known of each measure. One good try speaks for it, ``TRIES`` others in a row against it."""

    def __init__(
        self,
        spec: WatchSpec,
        containers: tuple[tuple[str, str], ...],
        transports: Mapping[str, Transport],
        cancel: threading.Event,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._pool = pool
        self._spec = spec
        self._transports = transports
        self._cancel = cancel
        self._hosts: dict[str, list[str]] = {}
        for host, name in containers:
            self._hosts.setdefault(host, []).append(name)
        self._containers = len(containers)
        self._known: dict[str, float | str] = {}
        self._against: dict[str, int] = {}
        self._logs_at = 0.0

    def read(self, passed: float) -> Mapping[str, float | str]:
        """``passed``: seconds of the watch so far."""
        rates = [one for one in self._spec.measures if isinstance(one, LogRate)]
        single = [one for one in self._spec.measures if not isinstance(one, LogRate)]
        tries: list[tuple[Measure, float | str]] = []
        tries += zip(single, self._pool.map(self._single, single), strict=True)
        pace = min(LOG_INTERVAL, self._spec.window / 10)
        if rates and (passed - self._logs_at >= pace or passed >= self._spec.window):
            self._logs_at = passed
            tries += self._rates(rates, passed)
        for measure, value in tries:
            self._weigh(measure, value)
        return dict(self._known)

    def _single(self, measure: Measure) -> float | str:
        return _told(lambda: self._value(measure))

    def _value(self, measure: Measure) -> float:
        match measure:
            case HttpValue():
                return http_value(measure)
            case PrometheusValue():
                return prometheus_value(measure)
            case WatchCommand():
                return command_status(measure, self._cancel)
            case LogRate():
                raise AssertionError("logs are counted host by host")

    def _rates(self, rates: list[LogRate], passed: float) -> list[tuple[Measure, float | str]]:
        if not self._containers:
            return [(rate, "there is no container whose log could be read") for rate in rates]
        counted = list(self._pool.map(lambda host: self._counts(host, rates, passed), self._hosts))
        why = next((one for one in counted if isinstance(one, str)), "")
        if why:
            return [(rate, why) for rate in rates]
        # By the whole window from the first count on: what is too much by now stays too much.
        minutes = max(passed, self._spec.window) / 60
        counts = [one for one in counted if not isinstance(one, str)]
        return [
            (rate, sum(count[rate.name] for count in counts) / self._containers / minutes) for rate in rates
        ]

    def _counts(self, host: str, rates: list[LogRate], passed: float) -> Mapping[str, int] | str:
        names = self._hosts[host]
        return _told(lambda: matching_lines(self._transports[host], names, rates, passed, self._cancel))

    def _weigh(self, measure: Measure, value: float | str) -> None:
        good = not isinstance(value, str) and within(measure, value)
        against = 0 if good else self._against.get(measure.name, 0) + 1
        self._against[measure.name] = against
        # A count of lines is no accident of the moment.
        certain = isinstance(measure, LogRate) and not isinstance(value, str)
        if good or certain or against >= TRIES:
            self._known[measure.name] = value


def _told(read: Callable[[], T]) -> T | str:
    """What was read, or why it was not."""
    try:
        return read()
    except (Fenced, Interrupted):
        raise
    except FleetError as error:
        return error.what
