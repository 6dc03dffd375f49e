"""A registry that asks to wait is waited for, once for each time it asks."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from fleet.errors import Interrupted
from fleet.run.patience import LONGEST, patiently
from fleet.transport.base import ApiFailed


def refusing(*answers: ApiFailed | str) -> tuple[Callable[[], str], list[object]]:
    left = list(answers)

    def call() -> str:
        answer = left.pop(0)
        if isinstance(answer, ApiFailed):
            raise answer
        return answer

    return call, left


def busy(seconds: float | None) -> ApiFailed:
    return ApiFailed("too many requests", status=429, retry_after=seconds)


def test_it_waits_as_long_as_asked_and_tries_again() -> None:
    told: list[float] = []
    call, _ = refusing(busy(0.01), busy(0.02), "pulled")
    assert patiently(call, told.append, threading.Event()) == "pulled"
    assert told == [0.01, 0.02]


@pytest.mark.parametrize(
    "error",
    [busy(None), busy(LONGEST + 1), ApiFailed("not found", status=404, retry_after=1)],
    ids=["no word how long", "too long", "another error"],
)
def test_anything_else_is_an_error_at_once(error: ApiFailed) -> None:
    call, left = refusing(error, "never asked for")
    with pytest.raises(ApiFailed) as caught:
        patiently(call, lambda _: None, threading.Event())
    assert caught.value is error
    assert left == ["never asked for"]


def test_waits_add_up() -> None:
    call, _ = refusing(busy(0.01), busy(LONGEST))
    with pytest.raises(ApiFailed):
        patiently(call, lambda _: None, threading.Event())


def test_an_interrupt_ends_the_wait() -> None:
    cancel = threading.Event()
    call, _ = refusing(busy(LONGEST))
    with pytest.raises(Interrupted):
        patiently(call, lambda _: cancel.set(), cancel)
