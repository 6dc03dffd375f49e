"""Several instances of a service on one host: more of them, fewer, new ones, and back."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.model.balancing import BalancerView, ServerView
from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.model.servers import servers
from fleet.model.services import Batches, Port, Service, UpdatePolicy
from fleet.plan.build import plan
from fleet.plan.orphans import left
from fleet.plan.previous import previous
from fleet.plan.tree import Node
from tests.support.build import container, desired, facts_for, host_facts, service
from tests.support.simulate import World, every_step
from tests.unit.plan.test_traffic_laws import BALANCERS, MEMBER, serving

HOSTS = ("web-1", "web-2")


def instances(count: int, version: str = "v1", **fields: object) -> tuple[Service, ...]:
    made = []
    for number in range(1, count + 1):
        one = service(version=version)
        name = one.name if number == 1 else f"{one.name}-{number}"
        spec = replace(one.container, name=f"shop-test-web-app-{number}", ports=(Port(8000, 8000 + number),))
        one = replace(one, name=name, container=spec, instance=number, replicas=count, load_balancer=MEMBER)
        made.append(replace(one, **fields))  # type: ignore[arg-type]
    return tuple(made)


def wish(count: int, version: str, order: str = "stop-first", *, behind: bool = True) -> Desired:
    """``order`` start-first goes without host ports and balancers here."""
    services = instances(count, version, **({} if behind else {"load_balancer": None}))
    if order == "start-first":
        policy = UpdatePolicy(Batches((1,)), order=order)
        services = tuple(
            replace(
                one,
                container=replace(one.container, ports=()),
                update=policy,
                rollback=policy,
                load_balancer=None,
            )
            for one in services
        )
    roles = {"web": {"services": ("app",)}}
    return replace(desired(dict.fromkeys(HOSTS, services), version, **roles), balancers=BALANCERS)


def world(*wishes: Desired) -> World:
    """Empty hosts, and balancers that know every server that there may be."""
    facts = facts_for(wishes[0])
    for other in wishes:
        facts = replace(facts, digests={**facts.digests, **facts_for(other).digests})
    names = [str(one) for host in HOSTS for made in instances(3) for one in servers(made, host)]
    view = BalancerView({name: ServerView(up=False) for name in names})
    return World(replace(facts, balancers={one.host: view for one in BALANCERS}))


def names(facts: Facts, host: str = "web-1") -> list[str]:
    containers = facts.hosts[host].containers
    assert isinstance(containers, tuple)
    return sorted(one.name.removeprefix("shop-test-web-") for one in containers)


def told(nodes: list[Node], host: str = "web-1") -> list[str]:
    return [one.describe() for one in nodes if one.host == host]


def test_each_is_replaced_behind_its_gate_while_the_other_serves() -> None:
    one, two = wish(2, "v1"), wish(2, "v2")
    hosts = world(one, two)
    hosts.run(plan(one, hosts.facts))
    assert names(hosts.facts) == ["app-1", "app-2"]
    assert sorted(serving(hosts.facts)) == ["shop/web-1", "shop/web-1-2", "shop/web-2", "shop/web-2-2"]
    steps = every_step(plan(two, hosts.facts))
    assert told(steps)[1:] == [
        "drain backend shop",
        "replace web.app (image v1 → v2)",
        "wait until web.app is healthy",
        "send requests to backend shop",
        "drain 2 in backend shop",
        "replace web.app-2 (image v1 → v2)",
        "wait until web.app-2 is healthy",
        "send requests to 2 in backend shop",
    ]
    for step in steps:
        hosts.perform(step)
        assert len(serving(hosts.facts)) >= 3
    assert plan(two, hosts.facts).empty


def test_more_of_them_leave_alone_what_runs() -> None:
    one, three = wish(1, "v1"), wish(3, "v1")
    hosts = world(one)
    hosts.run(plan(one, hosts.facts))
    before = {item.id for item in hosts.facts.hosts["web-1"].containers}  # type: ignore[union-attr]
    steps = every_step(plan(three, hosts.facts))
    assert told(steps)[:4] == [
        "keep requests from 2 in backend shop until it is healthy",
        "start web.app-2 (app:v1)",
        "wait until web.app-2 is healthy",
        "send requests to 2 in backend shop",
    ]
    for step in steps:
        hosts.perform(step)
    assert names(hosts.facts) == ["app-1", "app-2", "app-3"]
    assert before <= {item.id for item in hosts.facts.hosts["web-1"].containers}  # type: ignore[union-attr]


def test_fewer_of_them_need_no_word_about_orphans() -> None:
    three, one = wish(3, "v1"), wish(1, "v1")
    hosts = world(three)
    hosts.run(plan(three, hosts.facts))
    result = plan(one, hosts.facts)
    assert not list(left(one, hosts.facts))
    assert not result.findings
    assert told(every_step(result)) == [
        "drain 2 in backend shop",
        "remove web.app-2 (it runs once)",
        "drain 3 in backend shop",
        "remove web.app-3 (it runs once)",
    ]
    hosts.run(result)
    assert names(hosts.facts) == ["app-1"]
    assert plan(one, hosts.facts).empty


def test_fewer_and_new_ones_on_the_only_host_keep_a_server() -> None:
    """The instance that goes serves until the one that stays is back."""
    two = replace(wish(2, "v1"), hosts=wish(2, "v1").hosts[:1])
    once = replace(wish(1, "v2"), hosts=wish(1, "v2").hosts[:1])
    hosts = world(wish(2, "v1"), wish(1, "v2"))
    hosts.run(plan(two, hosts.facts))
    result = plan(once, hosts.facts)
    assert not result.errors
    for step in every_step(result):
        hosts.perform(step)
        assert serving(hosts.facts)


def test_the_same_names_of_a_role_that_has_lost_the_service_are_orphans() -> None:
    both = instances(2)
    other = service("worker")
    facts = facts_for(desired({"web-1": [other]}), host_facts("web-1", [container(one) for one in both]))
    findings = [one.what for one in left(desired({"web-1": [other]}), facts)]
    assert findings == [f"web.{name} runs here, and no role of this host has it" for name in ("app", "app-2")]


def test_one_in_the_place_of_the_second_goes_to_the_first() -> None:
    """start-first leaves the one container where the second instance belongs."""
    one, next_, two = wish(1, "v1", "start-first"), wish(1, "v2", "start-first"), wish(2, "v2")
    hosts = world(one, next_, two)
    hosts.run(plan(one, hosts.facts))
    hosts.run(plan(next_, hosts.facts))
    assert names(hosts.facts) == ["app-2"]
    same = replace(
        two, hosts=tuple(replace(state, services=tuple(
            replace(made, container=replace(made.container, ports=())) for made in state.services
        )) for state in two.hosts),
    )  # fmt: skip
    result = plan(same, hosts.facts)
    assert "replace web.app (its name was shop-test-web-app-2)" in told(every_step(result))
    hosts.run(result)
    assert names(hosts.facts) == ["app-1", "app-2"]
    assert plan(same, hosts.facts).empty


manners = [(1, "start-first"), (1, "stop-first"), (2, "stop-first"), (3, "stop-first")]
ways = st.tuples(st.sampled_from(manners), st.sampled_from(["v1", "v2"]))


@given(ways, ways, ways, st.data())
@settings(max_examples=40)
def test_cut_anywhere_the_next_run_brings_what_is_wanted_and_going_back_what_was(
    zero: tuple[tuple[int, str], str],
    first: tuple[tuple[int, str], str],
    second: tuple[tuple[int, str], str],
    data: st.DataObject,
) -> None:
    given = (zero, first, second)
    # A service that leaves its balancers is another matter.
    behind = all(order == "stop-first" for (_, order), _ in given)
    wishes = [wish(count, version, order, behind=behind) for (count, order), version in given]
    hosts = world(*wishes)
    for one in wishes[:2]:
        hosts.run(plan(one, hosts.facts))
    before = hosts.facts
    steps = every_step(plan(wishes[2], hosts.facts))
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        hosts.perform(step)
    if data.draw(st.booleans()):
        hosts.run(plan(wishes[2], hosts.facts))
        assert plan(wishes[2], hosts.facts).empty
        assert all(len(names(hosts.facts, host)) == second[0][0] for host in HOSTS)
    else:
        hosts.run(plan(previous(wishes[2], before, HOSTS), hosts.facts, reverse=True))
        for host in HOSTS:
            images = {(one.service, one.image) for one in before.hosts[host].of_services}
            assert {(one.service, one.image) for one in hosts.facts.hosts[host].of_services} == images
