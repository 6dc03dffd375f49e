"""Whole deploys behind balancers: what gets requests when, and what the operator is told."""

from __future__ import annotations

import pytest

from fleet.app.resume import resume
from fleet.errors import Exit, FleetError
from fleet.transport.base import ConnectionLost
from tests.support.behind import RUN, Behind, never


def test_a_first_deploy_leaves_every_server_with_its_share(behind: Behind) -> None:
    assert behind.bring() is Exit.OK
    assert behind.weights == {"web-1": 100, "web-2": 100, "web-3": 100}
    assert behind.bring() is Exit.OK
    assert behind.outcomes == ["v1 good"]


def test_a_rolling_deploy_leads_requests_around_each_host(behind: Behind) -> None:
    behind.bring()
    assert behind.told == []
    assert behind.bring("v2") is Exit.OK
    assert behind.told == [
        word
        for host in ("web-1", "web-2", "web-3")
        for word in (
            f"app/{host} state drain",
            f"app/{host} health down",
            f"app/{host} weight 100",
            f"app/{host} state ready",
        )
    ]
    assert behind.web == {"web-1": ["v2"], "web-2": ["v2"], "web-3": ["v2"]}
    assert behind.bring("v2") is Exit.OK
    assert behind.told == []


def test_with_one_balancer_dead_it_goes_on_and_says_so(behind: Behind) -> None:
    behind.bring()
    behind.fleet.unreachable.add("lb-2")
    assert behind.bring("v2", limit="web") is Exit.OK
    assert "there is no connection to it: connection refused" in behind.shop.told.text
    assert "requests through it are not led; if it serves, they are lost" in behind.shop.told.text
    assert behind.lbs["lb-1"].serving == {"web-1": 100, "web-2": 100, "web-3": 100}
    assert behind.web == {"web-1": ["v2"], "web-2": ["v2"], "web-3": ["v2"]}


def test_one_that_dies_in_the_middle_is_named_at_the_end(behind: Behind) -> None:
    behind.bring()

    def die() -> None:
        behind.lbs["lb-2"].gone = -1

    behind.when("app/web-1 state drain", die)
    assert behind.bring("v2", limit="web") is Exit.OK
    told = behind.shop.told.text
    last = "lb-2 did not answer (the socket cannot be opened): its servers may be as before"
    assert told.rindex(last) > told.rindex("web-3")
    assert "when it is back: inv converge" in told


@pytest.mark.parametrize("reached", [True, False])
def test_a_connection_that_is_lost_in_the_middle_is_opened_anew(behind: Behind, reached: bool) -> None:
    behind.bring()
    path = f"{RUN}/admin.sock"
    answer, lost = behind.fleet.host("lb-2").sockets[path], [True]

    def cut() -> None:
        if not reached:
            behind.fleet.unreachable.add("lb-2")

        def ask(request: str) -> str:
            if not reached or (lost and lost.pop()):
                raise ConnectionLost("the connection was lost", host="lb-2")
            return answer(request)

        behind.fleet.host("lb-2").sockets[path] = ask

    behind.when("app/web-1 state drain", cut)
    assert behind.bring("v2", limit="web") is Exit.OK
    assert ("lb-2 did not answer (the connection was lost)" in behind.shop.told.text) is not reached
    drained = [word for word in behind.lbs["lb-2"].told if word.endswith("state drain")]
    assert len(drained) == (3 if reached else 0)


def test_with_no_balancer_reached_nothing_is_taken_from_under_them(behind: Behind) -> None:
    """They may well serve: it is only we who do not reach them."""
    behind.bring()
    behind.fleet.unreachable |= {"lb-1", "lb-2"}
    before = behind.ids
    with pytest.raises(FleetError, match="does not answer") as caught:
        behind.bring("v2", limit="web")
    assert "lb-1" in str(caught.value)
    assert "--allow-downtime goes on without it" in behind.shop.told.text
    assert behind.ids == before
    assert behind.bring("v2", limit="web", allow_downtime=True) is Exit.OK
    assert behind.web == {"web-1": ["v2"], "web-2": ["v2"], "web-3": ["v2"]}


def test_a_balancer_that_stands_still_is_no_witness_for_one_that_is_not_reached(behind: Behind) -> None:
    behind.bring()
    for one in behind.fleet.host("lb-1").engine.containers.values():
        one.state = "exited"
    behind.fleet.unreachable.add("lb-2")
    with pytest.raises(FleetError, match="does not answer"):
        behind.bring("v2", limit="web")
    assert behind.web["web-1"] == ["v1"]


def test_a_first_deploy_takes_nothing_from_anybody(behind: Behind) -> None:
    behind.fleet.unreachable |= {"lb-1", "lb-2"}
    assert behind.bring("v1", limit="web") is Exit.OK


def test_a_balancer_that_runs_and_cannot_be_asked_forbids_the_change(behind: Behind) -> None:
    behind.bring()
    behind.fleet.host("lb-2").sockets.clear()
    with pytest.raises(FleetError, match="cannot ask the balancer"):
        behind.bring("v2")
    assert behind.web["web-1"] == ["v1"]
    assert behind.bring("v2", allow_downtime=True) is Exit.OK
    assert behind.web["web-1"] == ["v2"]


def test_a_batch_that_takes_the_last_server_is_refused(behind: Behind) -> None:
    role = behind.shop.root / "roles" / "web" / "compose.yml"
    role.write_text(role.read_text().replace("parallelism: 1", "parallelism: 3"))
    behind.bring()
    before = behind.ids
    with pytest.raises(FleetError, match="left without a server for backend app"):
        behind.bring("v2")
    assert behind.ids == before
    assert behind.weights == {"web-1": 100, "web-2": 100, "web-3": 100}
    assert behind.bring("v2", allow_downtime=True) is Exit.OK
    assert behind.weights == {"web-1": 100, "web-2": 100, "web-3": 100}


def test_hosts_of_a_batch_are_led_side_by_side(behind: Behind) -> None:
    role = behind.shop.root / "roles" / "web" / "compose.yml"
    role.write_text(role.read_text().replace("parallelism: 1", "parallelism: 2"))
    behind.bring()
    assert behind.bring("v2") is Exit.OK
    assert behind.weights == {"web-1": 100, "web-2": 100, "web-3": 100}


def test_a_version_that_gets_sick_goes_back_to_where_it_was(behind: Behind) -> None:
    behind.bring()
    behind.fleet.host("web-2").sick.add("v2")
    assert behind.bring("v2") is Exit.ROLLED_BACK
    assert behind.web == {"web-1": ["v1"], "web-2": ["v1"], "web-3": ["v1"]}
    assert behind.weights == {"web-1": 100, "web-2": 100, "web-3": 100}


def test_a_new_balancer_that_fails_is_taken_back(behind: Behind) -> None:
    behind.bring()
    role = behind.shop.root / "roles" / "lb" / "compose.yml"
    role.write_text(role.read_text().replace("haproxy:2.6", "haproxy:2.7"))
    behind.fleet.registry.push("registry.example:5000/haproxy:2.7")
    behind.fleet.host("lb-2").sick.add("2.7")
    assert behind.bring("v1", on_failure="rollback") is Exit.ROLLED_BACK
    assert [list(behind.fleet.host(lb).running().values()) for lb in ("lb-1", "lb-2")] == [["2.6"]] * 2
    assert behind.weights == {"web-1": 100, "web-2": 100, "web-3": 100}


def test_start_first_goes_from_colour_to_colour(behind: Behind) -> None:
    behind.configure(pair=True, order="start-first")
    behind.bring()
    assert behind.weights == {f"web-{number}-blue": 100 for number in (1, 2, 3)}
    assert behind.bring("v2") is Exit.OK
    assert behind.weights == {f"web-{number}-green": 100 for number in (1, 2, 3)}


def test_a_host_whose_connection_is_lost_while_it_is_drained_is_given_its_requests_later(
    behind: Behind,
) -> None:
    behind.bring()
    behind.when("web-2 state drain", lambda: setattr(behind.fleet.host("web-2"), "lost", True))
    assert behind.bring("v2", on_failure="pause") is Exit.FAILED
    behind.fleet.host("web-2").lost = False
    assert resume(behind.session("unknown"), never) is Exit.OK
    assert behind.weights == {"web-1": 100, "web-2": 100, "web-3": 100}
    assert behind.web == {"web-1": ["v2"], "web-2": ["v2"], "web-3": ["v2"]}
