"""Two operators on one environment."""

from __future__ import annotations

import getpass
from collections.abc import Callable

import pytest

from fleet.rehearsal import Host
from tests.support.look import answer, containers, only_version
from tests.support.operators import Operator, history, slowly

Web = Callable[[int], Host]
BOTH = (1, 2)


@pytest.fixture
def fleet(fleet: Operator) -> Operator:
    """Two hosts: of who may change something, a third would tell no more. Whoever works keeps the lease."""
    fleet.inventory({"web": ["web-1", "web-2"]}, fleet_lease_seconds=60)
    return fleet


def test_the_second_one_learns_who_is_at_it_since_when_and_what_to_do(fleet: Operator, web: Web) -> None:
    slowly(fleet, "3s")
    first = fleet.begin("v1")
    first.until("web-1 ✓ start")
    second = fleet.deploy("v2").ended(73)
    second.says(
        f"test is being changed by {getpass.getuser()}@",
        "deploy v1",
        "its lease ends in",
        "--wait 10m waits for it; inv lock --env test shows it",
    )
    fleet.say("lock").ended(73).says("deploy v1", "unless it is renewed")
    first.end().ended(0)
    assert [answer(web(number)) for number in BOTH] == ["ok v1"] * 2
    assert history(fleet, web(1)) == [(1, "v1", ["running", "good"])]
    fleet.say("lock").ended(0).says("test is free: nobody is changing it")


def test_the_one_who_waits_does_his_work_when_the_other_has_done_hers(fleet: Operator, web: Web) -> None:
    slowly(fleet, "3s")
    first = fleet.begin("v1")
    first.until("web-1 ✓ start")
    second = fleet.deploy("v2", "--wait", "60s").ended(0)
    second.says("deploy v1; waiting up to 1 min")
    first.end().ended(0)
    assert [answer(web(number)) for number in BOTH] == ["ok v2"] * 2
    assert history(fleet, web(1)) == [(1, "v1", ["running", "good"]), (2, "v2", ["running", "good"])]


def test_of_two_in_the_same_second_exactly_one_works(fleet: Operator, web: Web) -> None:
    slowly(fleet)
    both = [fleet.begin(version) for version in ("v1", "v2")]
    ended = [one.end() for one in both]
    assert sorted(one.code for one in ended) == [0, 73], [one.text for one in ended]
    won = "v1" if ended[0].code == 0 else "v2"
    assert [only_version(web(number)) for number in BOTH] == [won] * 2
    assert history(fleet, web(1)) == [(1, won, ["running", "good"])]


def test_a_login_that_fails_is_told_before_a_lock(fleet: Operator) -> None:
    fleet.say("lock", "--message", "black friday").ended(0)
    fleet.inventory({"web": ["web-1", "web-2"]}, hosts={"web-2": {"ansible_user": "stranger"}})
    refused = fleet.deploy("v2").ended(69)
    refused.says("web-2", "login", "stranger", "1 host cannot be used; nothing was changed")
    assert "black friday" not in refused.text
    fleet.inventory({"web": ["web-1", "web-2"]})
    fleet.deploy("v2").ended(73).says("black friday")


def test_a_freeze_is_told_with_its_reason_until_it_is_ended(fleet: Operator, web: Web) -> None:
    fleet.say("lock", "--message", "black friday").ended(0).says("test is frozen", "inv unlock --env test")
    for refused in (fleet.deploy("v2").ended(73), fleet.say("lock").ended(73)):
        refused.says(f"test is frozen by {getpass.getuser()}@", "black friday", "inv unlock")
    assert containers(web(1)) == {}
    fleet.say("unlock").ended(0).says("test is free")
    fleet.deploy("v2").ended(0)
