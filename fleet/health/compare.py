"""The verdict over a new version and the old one beside it: pure, by the balancers' counters of both.

A balancer counts for each server; what it counted between two readings is summed over the balancers. An
answer is bad when it is a 5xx, when it broke off, or when no connection came about. Errors are rare, so a
share over its limit alone says little: a version fails only with at least ``SURPLUS`` bad answers more than
its allowance. Three where none is expected do not come about by chance; one or two do.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from fleet.health.figures import Figure, limit_of, ms, number, share, within
from fleet.health.traffic import Traffic, traffic
from fleet.model.balancing import BalancerView, Server
from fleet.model.watch import WatchCommand, WatchSpec

SURPLUS = 3
"""Bad answers over the allowance that make a failure."""
LEAST = 10
"""Requests from which a version that fails at every second one is known to be bad, however few are wanted,
and from which the old version's share of errors is one to compare with."""
SLACK = 5
"""Milliseconds by which an answer may always be slower: the counters are whole milliseconds."""


class Outcome(enum.Enum):
    PASS = enum.auto()
    FAIL = enum.auto()
    TOO_LITTLE = enum.auto()
    """Nobody can say: too few requests, or a measure without a value."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was seen at ``at`` (seconds of a monotonic clock). ``balancers`` by host. ``measures`` by name:
    the value (of a command its exit status), or as text why there is none; what is not known yet is missing.
    """

    at: float
    balancers: Mapping[str, BalancerView] = field(default_factory=dict)
    measures: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reasons`` one sentence each, empty when it passes."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


def compare(
    spec: WatchSpec, first: Reading, last: Reading, new: Collection[Server], old: Collection[Server]
) -> Verdict:
    """At the end of the window. What fails is a failure also where the requests are too few to pass."""
    case = _Case.of(spec, first, last, new, old)
    failed = tuple(case.failures())
    if failed:
        return Verdict(Outcome.FAIL, failed, case.figures())
    missing = tuple(case.missing())
    return Verdict(Outcome.TOO_LITTLE if missing else Outcome.PASS, missing, case.figures())


def early(
    spec: WatchSpec, first: Reading, now: Reading, new: Collection[Server], old: Collection[Server]
) -> Verdict | None:
    """Before its end: a failure that the rest of the window cannot mend, else None.

    Such are a measure that is not good, at least ``LEAST`` requests with half of the answers bad, and so many
    bad answers that the share will be too great even if no other one comes and the requests go on as before.
    """
    case = _Case.of(spec, first, now, new, old)
    failed = tuple(case.bad_measures())
    worse = case.broken() or case.beyond(spec.window / max(now.at - first.at, 0.001))
    if worse:
        failed = (case.errors_reason(), *failed)
    return Verdict(Outcome.FAIL, failed, case.figures()) if failed else None


@dataclass(frozen=True, slots=True)
class _Case:
    spec: WatchSpec
    new: Traffic
    old: Traffic
    measures: Mapping[str, float | str]

    @classmethod
    def of(
        cls, spec: WatchSpec, first: Reading, last: Reading, new: Collection[Server], old: Collection[Server]
    ) -> _Case:
        seen = (first.balancers, last.balancers)
        return cls(spec, traffic(*seen, new), traffic(*seen, old), last.measures)

    @property
    def known(self) -> bool:
        """The old version had requests enough to be compared with."""
        return self.old.requests >= self._some

    @property
    def _some(self) -> int:
        return max(1, min(LEAST, self.spec.requests))

    @property
    def enough(self) -> bool:
        return self.new.requests >= max(1, self.spec.requests)

    @property
    def most_errors(self) -> float:
        return (self.old.share if self.known else 0) + self.spec.errors

    @property
    def most_ms(self) -> float | None:
        """None: there is no old time to compare with."""
        if self.old.answered < self._some:
            return None
        most = max(self.old.response_ms * self.spec.slower, self.old.response_ms + SLACK)
        return most + self.old.doubt_ms + self.new.doubt_ms

    def beyond(self, growth: float = 1) -> bool:
        """Too many errors, if there were ``growth`` times as many requests and no error more."""
        surplus = self.new.bad - self.most_errors * self.new.requests * max(growth, 1)
        return self.enough and surplus >= SURPLUS

    def broken(self) -> bool:
        surplus = self.new.bad - self.most_errors * self.new.requests
        return self.new.requests >= LEAST and 2 * self.new.bad >= self.new.requests and surplus >= SURPLUS

    def slow(self) -> bool:
        most = self.most_ms
        return self.enough and most is not None and self.new.response_ms > most

    def failures(self) -> Iterator[str]:
        if self.beyond() or self.broken():
            yield self.errors_reason()
        if self.slow():
            yield (
                f"response time: {ms(self.new.response_ms)}, "
                f"of the old version {ms(self.old.response_ms)}; "
                f"at most {ms(self.most_ms or 0)} is allowed"
            )
        yield from self.bad_measures()

    def errors_reason(self) -> str:
        before = f"of the old version {share(self.old.share)}" if self.known else "nothing to compare with"
        return (
            f"errors: {share(self.new.share)} of {self.new.requests:,} requests, {before}; "
            f"at most {share(self.most_errors)} is allowed"
        )

    def bad_measures(self) -> Iterator[str]:
        for measure in self.spec.measures:
            value = self.measures.get(measure.name)
            if isinstance(value, str):
                yield f"{measure.name}: {value}"
            elif value is not None and not within(measure, value):
                yield f"{measure.name}: {number(value)}, wanted {limit_of(measure)}"

    def missing(self) -> Iterator[str]:
        if not self.enough:
            yield (
                f"{self.new.requests:,} requests reached the new version, {self.spec.requests:,} are wanted: "
                "too few to say"
            )
        for measure in self.spec.measures:
            if measure.name not in self.measures:
                yield f"{measure.name}: it was not read often enough to say"

    def figures(self) -> tuple[Figure, ...]:
        return tuple(self._rows())

    def _rows(self) -> Iterator[Figure]:
        new, old, judged = self.new, self.old, self.enough or self.broken()
        few = None if self.enough else False
        yield Figure("requests", f"{old.requests:,}", f"{new.requests:,}", f"≥{self.spec.requests:,}", few)
        yield Figure(
            "errors",
            share(old.share) if old.requests else "",
            share(new.share) if new.requests else "",
            f"≤{share(self.most_errors)}",
            not (self.beyond() or self.broken()) if judged else None,
        )
        most = self.most_ms
        yield Figure(
            "response time",
            ms(old.response_ms) if old.answered else "",
            ms(new.response_ms) if new.answered else "",
            f"≤{ms(most)}" if most is not None else "",
            not self.slow() if self.enough and most is not None else None,
        )
        yield Figure(
            "time in the queue",
            ms(old.queue_ms) if old.answered else "",
            ms(new.queue_ms) if new.answered else "",
        )
        for measure in self.spec.measures:
            value = self.measures.get(measure.name)
            shown = "" if value is None else "?" if isinstance(value, str) else number(value)
            if isinstance(measure, WatchCommand):
                shown = "" if value is None else "failed" if isinstance(value, str) else "good"
            good = None if value is None else not isinstance(value, str) and within(measure, value)
            yield Figure(measure.name, "", shown, limit_of(measure), good)
