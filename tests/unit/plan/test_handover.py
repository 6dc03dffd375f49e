"""Hosts of one virtual address: backups first, one at a time, the holder when it has handed it over."""

from __future__ import annotations

from dataclasses import replace

from fleet.model.services import Batches, Service, UpdatePolicy
from fleet.model.virtual import VirtualAddress
from fleet.plan.build import plan
from fleet.plan.tree import Handover, Plan, Rollout
from tests.support.build import container, desired, facts_for, host_facts, service

VIP = "192.0.2.10"
HOSTS = ("lb-1", "lb-2", "lb-3")


def balancers(version: str, order: str = "stop-first") -> tuple[Service, Service]:
    policy = UpdatePolicy(Batches((3,)), order=order)
    holding = replace(service("ucarp", "lb", version, update=policy), virtual_address=VirtualAddress(VIP))
    return holding, service("haproxy", "lb", version, update=policy)


def planned(holders: tuple[str, ...], order: str = "stop-first", sick: str = "") -> Plan:
    old, new = balancers("v1", order), balancers("v2", order)
    wish = desired(dict.fromkeys(HOSTS, new), "v2")
    found = [
        host_facts(
            name,
            [
                container(one, f"{name}-{one.name}", health="unhealthy" if name == sick else "healthy")
                for one in old
            ],
            addresses=("127.0.0.1", VIP) if name in holders else ("127.0.0.1",),
        )
        for name in HOSTS
    ]
    return plan(wish, facts_for(wish, *found))


def rollouts(result: Plan) -> dict[str, list[tuple[str, ...]]]:
    stages = [stage for stage in result.stages if isinstance(stage, Rollout)]
    return {one.service: [tuple(turn.host for turn in batch) for batch in one.batches] for one in stages}


def handovers(result: Plan) -> list[tuple[str, str]]:
    nodes = (node for stage in result.stages for turn in stage.turns for node in turn.steps)
    return [(node.host, node.to) for node in nodes if isinstance(node, Handover)]


def test_backups_come_first_and_one_at_a_time_whatever_the_batches_say() -> None:
    result = planned(("lb-1",))
    assert rollouts(result)["lb.ucarp"] == [("lb-2",), ("lb-3",), ("lb-1",)]


def test_the_holder_hands_over_and_the_next_service_knows_who_has_it_then() -> None:
    result = planned(("lb-1",))
    assert handovers(result) == [("lb-1", "lb-2"), ("lb-2", "lb-1")]
    assert rollouts(result)["lb.haproxy"] == [("lb-1",), ("lb-3",), ("lb-2",)]


def test_it_goes_to_a_host_that_is_well() -> None:
    assert handovers(planned(("lb-1",), sick="lb-2"))[0] == ("lb-1", "lb-3")


def test_what_goes_on_serving_needs_no_handover() -> None:
    result = planned(("lb-1",), "start-first")
    assert handovers(result) == []


def test_two_holders_are_settled_first() -> None:
    (error,) = planned(("lb-1", "lb-3")).errors
    assert error.what == f"lb-1 and lb-3 both have the address {VIP}"


def test_nobody_has_it_yet() -> None:
    result = planned(())
    assert handovers(result) == []
    assert not result.errors
