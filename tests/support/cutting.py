"""Connections that are lost at a certain step, and stay lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fleet.errors import FleetError
from fleet.transport.base import ConnectionLost
from tests.support.volume_hosts import VolumeHost


def losing(*steps: str, time: int = 1, then: Callable[[], object] = lambda: None) -> Callable[[str], None]:
    """For ``before`` or ``after`` of a host: from the ``time``-th of these steps on, nothing comes through.
    ``then``: what happens on the host just there."""
    left = time

    def lose(step: str) -> None:
        nonlocal left
        if left:
            left -= step in steps
            if left:
                return
            then()
        raise ConnectionLost("the connection was lost", host="?")

    return lose


@contextmanager
def cut(
    host: VolumeHost, moment: str, step: str, time: int = 1, then: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """The block fails, as the connection is lost ``before`` or ``after`` the step; then it is there again."""
    reached: list[str] = []

    def here() -> None:
        reached.append(step)
        then()

    setattr(host, moment, losing(step, time=time, then=here))
    with pytest.raises(FleetError):
        yield
    assert reached
    setattr(host, moment, lambda step: None)
