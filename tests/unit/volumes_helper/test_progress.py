from __future__ import annotations

import pytest
from volume.progress import Brake, Meter


def test_at_most_twice_a_second() -> None:
    meter = Meter(1000, 0.0)
    said = [meter.at(count, count / 100) for count in range(1, 301)]
    assert sum(1 for one in said if one) == 6


def test_rate_and_time_left() -> None:
    meter = Meter(1000, 10.0)
    assert meter.at(100, 11.0) == {"bytes": 100, "total": 1000, "rate": 100, "eta": 9.0}


def test_the_rate_is_that_of_the_last_seconds() -> None:
    meter = Meter(None, 0.0)
    for second in range(1, 61):
        meter.at(1000 * second, float(second))
    said = [meter.at(60_000 + 10 * second, 60.0 + second) for second in range(1, 20)]
    assert said[-1] == {"bytes": 60_190, "total": None, "rate": 10, "eta": None}


def test_in_a_standstill_nobody_knows_when_it_ends() -> None:
    meter = Meter(1000, 0.0)
    for second in range(1, 10):
        last = meter.at(100, float(second))
    assert last == {"bytes": 100, "total": 1000, "rate": 0, "eta": None}


def test_more_than_was_expected_is_nothing_left() -> None:
    assert (Meter(10, 0.0).at(20, 1.0) or {})["eta"] == 0.0


@pytest.mark.parametrize("rate", [1000, 1_000_000])
def test_the_brake_holds_the_rate(rate: int) -> None:
    brake, now, sent = Brake(rate, 0.0), 0.0, 0
    while now < 10:
        sent += rate // 10
        now += brake.pause(rate // 10, now) or 0.001
    assert sent / now == pytest.approx(rate, rel=0.15)


def test_a_standstill_is_not_caught_up() -> None:
    brake = Brake(1000, 0.0)
    brake.pause(100, 0.0)
    free = 0
    while not brake.pause(100, 100.0):
        free += 100
    assert free <= 1100
