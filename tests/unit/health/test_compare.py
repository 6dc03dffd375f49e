"""Two readings of the balancers, and what they say of a new version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.health.compare import LEAST, Outcome, Reading, Verdict, compare, early
from fleet.model.balancing import BalancerView, Server, ServerView
from fleet.model.watch import HttpValue, LogRate, Measure, WatchCommand, WatchSpec

SPEC = WatchSpec(window=60, requests=100, errors=0.01, slower=1.5)
NEW = (Server("lb", "shop", "web-1-green"), Server("lb", "shop", "web-2-green"))
OLD = (Server("lb", "shop", "web-1-blue"), Server("lb", "shop", "web-2-blue"))
NOTHING = ServerView(up=True)


def view(requests: int = 0, bad: int = 0, ms: float = 12, **more: float) -> ServerView:
    return ServerView(up=True, requests=requests, errors_5xx=bad, response_ms=ms, **more)  # type: ignore[arg-type]


def look(new: ServerView, old: ServerView) -> BalancerView:
    return BalancerView({str(NEW[0]): new, str(OLD[0]): old})


def readings(new: ServerView, old: ServerView, seconds: float = 60) -> tuple[Reading, Reading]:
    """One balancer that had counted nothing before."""
    return Reading(0, {"lb-1": look(NOTHING, NOTHING)}), Reading(seconds, {"lb-1": look(new, old)})


def verdict(new: ServerView, old: ServerView, spec: WatchSpec = SPEC) -> Verdict:
    return compare(spec, *readings(new, old), NEW, OLD)


@pytest.mark.parametrize(
    ("new", "old", "outcome"),
    [
        (view(1000), view(1000), Outcome.PASS),
        (view(1000, 10), view(1000), Outcome.PASS),
        (view(1000, 12), view(1000), Outcome.PASS),
        (view(1000, 13), view(1000), Outcome.FAIL),
        (view(1000, 100), view(1000, 100), Outcome.PASS),
        (view(1000, 112), view(1000, 100), Outcome.PASS),
        (view(1000, 113), view(1000, 100), Outcome.FAIL),
        (view(100, 3), view(3000), Outcome.PASS),
        (view(100, 4), view(3000), Outcome.FAIL),
        (view(1000, 13), view(0), Outcome.FAIL),
        (view(1000, 10), view(0), Outcome.PASS),
        (view(1000, 500), view(LEAST - 1, LEAST - 1), Outcome.FAIL),
        (view(99), view(1000), Outcome.TOO_LITTLE),
        (view(99, 20), view(1000), Outcome.TOO_LITTLE),
        (view(0), view(1000), Outcome.TOO_LITTLE),
        (view(9, 9), view(1000), Outcome.TOO_LITTLE),
        (view(10, 4), view(1000), Outcome.TOO_LITTLE),
        (view(10, 5), view(1000), Outcome.FAIL),
        (view(20, 20), view(1000, 1000), Outcome.TOO_LITTLE),
        (view(1000, ms=18), view(1000, ms=12), Outcome.PASS),
        (view(1000, ms=19), view(1000, ms=12), Outcome.FAIL),
        (view(1000, ms=6), view(1000, ms=1), Outcome.PASS),
        (view(1000, ms=7), view(1000, ms=1), Outcome.FAIL),
        (view(1000, ms=7000), view(0), Outcome.PASS),
        (view(99, ms=7000), view(1000), Outcome.TOO_LITTLE),
    ],
)
def test_cases(new: ServerView, old: ServerView, outcome: Outcome) -> None:
    assert verdict(new, old).outcome is outcome


@pytest.mark.parametrize("counter", ["errors_5xx", "response_errors", "connection_errors"])
def test_each_kind_of_error_counts(counter: str) -> None:
    assert verdict(replace(view(1000), **{counter: 100}), view(1000)).outcome is Outcome.FAIL


def test_connections_that_never_came_about_are_requests() -> None:
    found = verdict(view(0, connection_errors=40), view(1000))
    assert found.reasons == (
        "errors: 100.00 % of 40 requests, of the old version 0.00 %; at most 1.00 % is allowed",
    )


def test_reasons_tell_both_sides_and_the_limit() -> None:
    found = verdict(view(2000, 100, ms=40), view(1000, 5, ms=12))
    assert found.reasons == (
        "errors: 5.00 % of 2,000 requests, of the old version 0.50 %; at most 1.50 % is allowed",
        "response time: 40 ms, of the old version 12 ms; at most 18 ms is allowed",
    )
    assert verdict(view(2000, 100), view(0)).reasons == (
        "errors: 5.00 % of 2,000 requests, nothing to compare with; at most 1.00 % is allowed",
    )
    assert verdict(view(12), view(1000)).reasons == (
        "12 requests reached the new version, 100 are wanted: too few to say",
    )


def test_figures_are_a_table() -> None:
    rows = [
        (one.what, one.old, one.new, one.limit, one.good)
        for one in verdict(view(2988, 1, 13, queue_ms=2), view(3012, 0, 12)).figures
    ]
    assert rows == [
        ("requests", "3,012", "2,988", "≥100", None),
        ("errors", "0.00 %", "0.03 %", "≤1.00 %", True),
        ("response time", "12 ms", "13 ms", "≤18 ms", True),
        ("time in the queue", "0 ms", "2 ms", "", None),
    ]


def test_what_is_not_known_is_empty_in_the_table() -> None:
    rows = [(one.old, one.new, one.limit, one.good) for one in verdict(view(0), view(0)).figures]
    assert rows == [
        ("0", "0", "≥100", False),
        ("", "", "≤1.00 %", None),
        ("", "", "", None),
        ("", "", "", None),
    ]


def test_servers_and_balancers_are_summed_and_times_weighted() -> None:
    first = Reading(
        0, {"lb-1": look(view(500, 50, 10), view(100, ms=30)), "lb-2": look(view(7, ms=100), view(9))}
    )
    last = Reading(
        60,
        {
            "lb-1": BalancerView({
                str(NEW[0]): view(800, 50, ms=10), str(NEW[1]): view(100, 0, ms=50),
                str(OLD[0]): view(1100, ms=30), "shop/other": view(5000, 5000),
            }),
            "lb-2": look(view(107, 0, ms=100), view(9)),
        },
    )  # fmt: skip
    found = compare(SPEC, first, last, NEW, OLD)
    assert found.outcome is Outcome.PASS
    assert [(one.old, one.new) for one in found.figures][:3] == [
        ("1,000", "500"), ("0.00 %", "0.00 %"), ("30 ms", "36 ms"),
    ]  # fmt: skip


def test_counters_of_a_process_that_began_anew_are_taken_whole() -> None:
    first = Reading(0, {"lb-1": look(view(5000, 3), view(5000))})
    last = Reading(60, {"lb-1": look(view(200, 4), view(300))})
    assert compare(SPEC, first, last, NEW, OLD).figures[0].new == "200"
    assert compare(SPEC, first, last, NEW, OLD).figures[1].new == "2.00 %"


def test_a_balancer_that_is_missing_in_one_reading_is_left_out() -> None:
    both = {"lb-1": look(view(1000), view(1000)), "lb-2": look(view(1000, 1000), view(1000))}
    one = {"lb-1": look(NOTHING, NOTHING)}
    assert compare(SPEC, Reading(0, one), Reading(60, both), NEW, OLD).outcome is Outcome.PASS
    begun = {"lb-1": look(NOTHING, NOTHING), "lb-2": look(NOTHING, NOTHING)}
    last = {"lb-1": both["lb-1"]}
    assert compare(SPEC, Reading(0, begun), Reading(60, last), NEW, OLD).outcome is Outcome.PASS


def test_early_waits_for_what_can_still_turn_out_well() -> None:
    def at(seconds: float, new: ServerView) -> Verdict | None:
        return early(SPEC, *readings(new, view(1000), seconds), NEW, OLD)

    assert at(30, view(1000)) is None
    assert at(2, view(9, 9)) is None
    # Half the answers: nobody waits a minute for that.
    broken = at(2, view(10, 5))
    assert broken is not None
    assert broken.outcome is Outcome.FAIL
    # 2 % now: 60 at the end's 6,000 requests would be 1 %.
    assert at(30, view(3000, 60)) is None
    assert at(30, view(3000, 63)) is not None
    # Slow now is not slow in the end.
    assert at(30, view(3000, ms=500)) is None


QUEUE = HttpValue("queue", "http://shop/stats", "queue", most=100)
LEVEL = HttpValue("level", "http://shop/stats", "level", least=0.5, most=1.5)
PANICS = LogRate("panics", "panic", most=2)
SMOKE = WatchCommand("smoke test", ("true",))


@pytest.mark.parametrize(
    ("measure", "value", "reason", "shown"),
    [
        (QUEUE, 100, "", ("100", "≤100", True)),
        (QUEUE, 123456, "queue: 123,456, wanted ≤100", ("123,456", "≤100", False)),
        (QUEUE, "no answer within 5 s", "queue: no answer within 5 s", ("?", "≤100", False)),
        (LEVEL, 0.5, "", ("0.5", "≥0.5 ≤1.5", True)),
        (LEVEL, 0.25, "level: 0.25, wanted ≥0.5 ≤1.5", ("0.25", "≥0.5 ≤1.5", False)),
        (PANICS, 2, "", ("2", "≤2/min", True)),
        (PANICS, 2.5, "panics: 2.5, wanted ≤2/min", ("2.5", "≤2/min", False)),
        (SMOKE, 0, "", ("good", "", True)),
        (SMOKE, "exit status 1: refused", "smoke test: exit status 1: refused", ("failed", "", False)),
    ],
)
def test_measures(
    measure: Measure, value: float | str, reason: str, shown: tuple[str, str, bool | None]
) -> None:
    spec = replace(SPEC, measures=(measure,))
    first, last = readings(view(1000), view(1000))
    last = replace(last, measures={measure.name: value})
    found = compare(spec, first, last, NEW, OLD)
    assert found.reasons == ((reason,) if reason else ())
    assert found.outcome is (Outcome.FAIL if reason else Outcome.PASS)
    row = found.figures[-1]
    assert (row.new, row.limit, row.good) == shown
    assert (early(spec, first, last, NEW, OLD) is not None) == bool(reason)


def test_a_measure_that_was_not_read_yet_decides_nothing() -> None:
    spec = replace(SPEC, measures=(QUEUE,))
    first, last = readings(view(1000), view(1000))
    assert early(spec, first, last, NEW, OLD) is None
    found = compare(spec, first, last, NEW, OLD)
    assert (found.outcome, found.reasons) == (
        Outcome.TOO_LITTLE,
        ("queue: it was not read often enough to say",),
    )


COUNTS = st.integers(0, 2000)
VIEWS = st.builds(
    ServerView,
    up=st.just(True), requests=COUNTS, errors_5xx=COUNTS, connection_errors=COUNTS, response_errors=COUNTS,
    response_ms=COUNTS, queue_ms=COUNTS,
)  # fmt: skip
SPECS = st.builds(
    WatchSpec,
    window=st.floats(1, 600), requests=st.integers(0, 200), errors=st.floats(0, 1), slower=st.floats(1, 10),
)  # fmt: skip
BALANCERS = st.dictionaries(st.sampled_from(["lb-1", "lb-2", "lb-3"]), st.tuples(VIEWS, VIEWS), max_size=3)


def twins(views: Mapping[str, tuple[ServerView, ServerView]], which: int, at: float) -> Reading:
    """New and old server are the same on each balancer."""
    return Reading(at, {host: look(pair[which], pair[which]) for host, pair in views.items()})


@given(SPECS, BALANCERS, st.floats(0, 600))
def test_a_version_that_does_as_the_old_one_never_fails(
    spec: WatchSpec, views: Mapping[str, tuple[ServerView, ServerView]], at: float
) -> None:
    first, last = twins(views, 0, 0), twins(views, 1, at)
    assert compare(spec, first, last, NEW, OLD).outcome is not Outcome.FAIL
    assert early(spec, first, last, NEW, OLD) is None


@given(SPECS, VIEWS, VIEWS, st.integers(1, 2000), st.floats(0, 600))
def test_more_errors_never_make_a_failure_good(
    spec: WatchSpec, new: ServerView, old: ServerView, more: int, at: float
) -> None:
    worse = replace(new, errors_5xx=new.errors_5xx + more)
    fewer, greater = readings(new, old, at), readings(worse, old, at)
    if compare(spec, *fewer, NEW, OLD).outcome is Outcome.FAIL:
        assert compare(spec, *greater, NEW, OLD).outcome is Outcome.FAIL
    if early(spec, *fewer, NEW, OLD):
        assert early(spec, *greater, NEW, OLD)


@given(SPECS, VIEWS, VIEWS)
def test_two_bad_answers_never_make_a_failure(spec: WatchSpec, new: ServerView, old: ServerView) -> None:
    new = replace(new, errors_5xx=2, connection_errors=0, response_errors=0, response_ms=0)
    assert verdict(new, old, spec).outcome is not Outcome.FAIL
