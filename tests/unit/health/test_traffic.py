"""Counters and slow averages of a balancer, and what happened between two looks at them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.health.traffic import SAMPLES, Traffic, traffic
from fleet.model.balancing import BalancerView, Server, ServerView

SERVER = Server("lb", "shop", "web-1-green")


def between(before: ServerView, after: ServerView) -> Traffic:
    return traffic(*({"lb-1": BalancerView({str(SERVER): view})} for view in (before, after)), [SERVER])


@pytest.mark.parametrize(
    ("before", "since", "from_ms", "to_ms", "real"),
    [
        # Seen at HAProxy 2.6, whose server answered after 10 ms at first and then after 30.
        (0, 200, 0, 11, 11),
        (200, 1000, 11, 11, 11),
        (1200, 200, 11, 17, 31),
        (1400, 200, 17, 22, 31),
        (1600, 400, 22, 27, 31),
        (2000, 200, 27, 22, 11),
    ],
)
def test_a_version_is_not_judged_by_the_times_of_the_one_before(
    before: int, since: int, from_ms: float, to_ms: float, real: float
) -> None:
    found = between(
        ServerView(up=True, requests=before, response_ms=from_ms, queue_ms=from_ms),
        ServerView(up=True, requests=before + since, response_ms=to_ms, queue_ms=to_ms),
    )
    assert found.answered == since
    assert found.response_ms == pytest.approx(real, abs=1 + found.doubt_ms)
    assert found.queue_ms == found.response_ms
    assert found.doubt_ms < 3


class Average:
    """A balancer's own, in integers: plain at first; later each value drives out a part of the rest."""

    def __init__(self) -> None:
        self.count = self.sum = 0

    def add(self, value: int) -> None:
        self.count += 1
        self.sum += value - ((self.sum + SAMPLES - 1) // SAMPLES if self.count > SAMPLES else 0)

    @property
    def view(self) -> ServerView:
        known = min(max(self.count, 1), SAMPLES)
        return ServerView(up=True, requests=self.count, response_ms=(self.sum + known - 1) // known)


@given(st.integers(0, 3000), st.integers(0, 1000), st.integers(10, 3000), st.integers(0, 1000))
def test_what_is_derived_is_no_more_wrong_than_it_says(
    before: int, old_ms: int, since: int, new_ms: int
) -> None:
    average = Average()
    for _ in range(before):
        average.add(old_ms)
    then = average.view
    for _ in range(since):
        average.add(new_ms)
    found = between(then, average.view)
    # Its own integers lose up to a millisecond more.
    assert abs(found.response_ms - new_ms) <= 2 * (found.doubt_ms + 1)


def test_what_was_lost_is_not_among_the_answered() -> None:
    before = ServerView(up=True, requests=100, errors_5xx=1, connection_errors=2, response_errors=3)
    after = ServerView(up=True, requests=300, errors_5xx=11, connection_errors=22, response_errors=33)
    found = between(before, after)
    assert (found.answered, found.errors, found.lost) == (200, 10, 50)
    assert (found.requests, found.bad, found.share) == (250, 60, 0.24)


def test_nothing_is_known_of_servers_that_did_nothing() -> None:
    idle = ServerView(up=True, requests=100, response_ms=12)
    assert between(idle, idle).requests == 0
    assert traffic({}, {}, [SERVER]) == Traffic()
