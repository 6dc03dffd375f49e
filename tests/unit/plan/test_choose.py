"""Which release an operator means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.errors import UsageError
from fleet.model.releases import Outcome
from fleet.plan.choose import choose, doubts, find
from tests.support.history import release

HISTORY = (
    release(1, "v41"),
    release(2, "v42", Outcome.FAILED),
    release(3, "v42"),
    release(4, "v43"),
    release(5, "v44", Outcome.ROLLED_BACK),
    release(6, "v45", Outcome.FAILED),
)


@pytest.mark.parametrize(
    ("to", "number"), [("v42", 3), ("3", 3), ("#3", 3), ("v41", 1), ("2", 2), ("v43", 4), ("5", 5)]
)
def test_by_version_the_newest_good_one_and_by_number_any(to: str, number: int) -> None:
    assert choose(HISTORY, to).number == number


def test_a_version_of_digits_comes_before_a_number_and_that_is_said() -> None:
    history = (release(1, "2"), release(2, "3"), release(3, "4"))
    assert choose(history, "2").number == 1
    assert choose(history, "#2").number == 2
    (said,) = doubts(history, "2", history[0])
    assert said.what == "2 is also the number of a release; release 1, of that version, is meant"
    assert doubts(history, "#2", history[1]) == ()
    assert doubts(history, "4", history[2]) == ()


def test_without_to_the_last_good_release_before_what_the_environment_is_at() -> None:
    assert choose(HISTORY, "").number == 4
    assert choose(HISTORY[:5], "").number == 3  # release 5 went back to 4 by itself
    assert choose(HISTORY[:4], "").number == 3
    assert choose(HISTORY[:3], "").number == 1


def test_rollbacks_in_a_row_go_on_back() -> None:
    history = (release(1, "v41"), release(2, "v42"), release(3, "v43"))
    for wanted in (2, 1):
        back = choose(history, "")
        assert back.number == wanted
        history = (*history, release(len(history) + 1, back.head.version, of=back.number))
    with pytest.raises(UsageError, match="there is no good release before 1"):
        choose(history, "")
    history = (*history, release(6, "v44"))
    assert choose(history, "").number == 5
    history = (*history, release(7, "v41", of=5))
    with pytest.raises(UsageError, match="before 1"):
        choose(history, "")


def test_after_a_rollback_of_a_part_the_others_follow() -> None:
    part = release(4, "v42", of=2)
    part = replace(part, head=replace(part.head, limited=True))
    history = (release(1, "v41"), release(2, "v42"), release(3, "v43"), part)
    assert choose(history, "").number == 2
    assert choose((*history, release(5, "v42", of=2)), "").number == 1
    there_again = (*history, release(5, "v44"), release(6, "v42", of=4))
    assert choose(there_again, "").number == 2, "release 4 is one of a part, also when it is returned to"
    with pytest.raises(UsageError, match="no good release before 4"):
        choose((part,), "")


def test_what_there_is_stands_in_the_error() -> None:
    with pytest.raises(UsageError) as caught:
        choose(HISTORY, "v4l")
    assert caught.value.what.startswith("there is no release 'v4l', did you mean 'v4")
    assert caught.value.why.splitlines()[:2] == ["6 v45 failed", "5 v44 rolled-back"]
    with pytest.raises(UsageError, match="#9"):
        choose(HISTORY, "#9")
    many = tuple(release(number, f"v{number}") for number in range(1, 31))
    with pytest.raises(UsageError) as caught:
        choose(many, "nothing-like-it")
    assert len(caught.value.why.splitlines()) == 10


def test_a_version_that_never_was_good_is_only_taken_by_number() -> None:
    with pytest.raises(UsageError) as caught:
        choose(HISTORY, "v45")
    assert "6 v45 failed" in caught.value.what
    assert "--to '#6'" in caught.value.hint
    assert find(HISTORY, "v45").number == 6
    (said,) = doubts(HISTORY, "6", choose(HISTORY, "6"))
    assert not said.error
    assert "6 v45 failed" in said.what


def test_nothing_was_released_yet() -> None:
    for to in ("", "v41"):
        with pytest.raises(UsageError, match="nothing was released"):
            choose((), to)
    with pytest.raises(UsageError, match="no good release before 1"):
        choose((release(1, "v41"),), "")
