"""Hosts whose clocks are wrong by hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fleet.rehearsal import Host
from fleet.rehearsal.faults.clock_skew import wrong_clock
from tests.support.look import answer
from tests.support.operators import Operator, history, slowly

Web = Callable[[int], Host]
ALL = (1, 2, 3)


@pytest.fixture
def wrong_clocks(web: Web) -> Iterator[None]:
    """The ledger's host is an hour ahead, web-3 two hours behind."""
    with wrong_clock(web(1), 1), wrong_clock(web(3), -2):
        yield


@pytest.mark.usefixtures("wrong_clocks")
def test_leases_are_kept_and_expire_though_no_two_clocks_agree(fleet: Operator, web: Web) -> None:
    ahead, behind = (int(web(number).run("date +%s")) for number in (1, 3))
    assert 3 * 3600 - 5 < ahead - behind < 3 * 3600 + 5
    slowly(fleet)
    run = fleet.begin("v1")
    run.until("web-1 ✓ start")
    run.pause()
    fleet.deploy("v2").ended(73)
    fleet.deploy("v2", "--wait", "30s").ended(0)
    run.wake()
    run.end().ended(73).says("the lease was lost")
    assert [answer(web(number)) for number in ALL] == ["ok v2"] * 3
    assert [outcomes[-1] for *_, outcomes in history(fleet, web(1))] == ["superseded", "good"]
