"""When the copying of what is written at the same time comes to its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.plan.precopy import MOST, SHORT, Enough, Pass, decide


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], None),
        ([0.4], Enough(0.4, "little is left")),
        ([SHORT], Enough(SHORT, "little is left")),
        ([60], None),
        ([60, 55], None),
        ([60, 30], None),
        ([60, 30, 12], None),
        ([60, 30, 29], Enough(29, "it is written as fast as it is copied")),
        ([60, 8, 9], Enough(9, "it is written as fast as it is copied")),
        ([60, 8, 1.5], Enough(1.5, "little is left")),
        ([160, 80, 40, 20, 10], Enough(10, f"after {MOST} passes")),
    ],
)
def test_the_table(seconds: list[float], expected: Enough | None) -> None:
    assert decide([Pass(100, each) for each in seconds]) == expected


@given(st.lists(st.builds(Pass, st.integers(0), st.floats(0, 1e6)), min_size=MOST, max_size=MOST))
def test_it_ends_always_and_expects_what_it_saw_last(passes: list[Pass]) -> None:
    seen: list[Pass] = []
    enough = None
    for one in passes:
        assert enough is None
        seen.append(one)
        if enough := decide(seen):
            break
    assert enough
    assert enough.seconds == seen[-1].seconds
