"""Laws of plans for services behind balancers. :class:`World` itself refuses to stop what gets requests, and
to send requests to what has not passed its gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.model.balancing import WEIGHT, Balancer, BalancerHost, BalancerView, Membership, ServerView
from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.model.servers import servers
from fleet.model.services import Batches, PortPair, Service, UpdatePolicy
from fleet.model.strategy import Share, Strategy
from fleet.plan.build import plan
from fleet.plan.previous import previous
from fleet.plan.tree import Admit, Drain, Trial
from fleet.plan.trial import first_stop, next_stop
from tests.support.build import desired, facts_for, service
from tests.support.simulate import World, every_step

HOSTS = ("web-1", "web-2", "web-3")
BALANCERS = tuple(
    BalancerHost(name, "lb", "lb.haproxy", Balancer("haproxy", "/run/admin.sock"))
    for name in ("lb-1", "lb-2")
)
MEMBER = Membership("lb", "shop", 8000)
PAIR = (PortPair(8000, 8001, 9001),)
BLUE_GREEN = Strategy("blue-green", (Share(50),))
CANARY = Strategy("canary", (Share(5, 60), Share(50), Share(75)))


def balanced(version: str = "v1", **fields: object) -> Service:
    return replace(service(version=version), load_balancer=MEMBER, **fields)  # type: ignore[arg-type]


def wish(hosts: Iterable[str], one: Service, version: str) -> Desired:
    found = desired(dict.fromkeys(hosts, (one,)), version)
    return replace(found, balancers=BALANCERS)


def seen(first: Desired, *more: Desired) -> Facts:
    """Empty hosts, and balancers that know every server."""
    facts = facts_for(first)
    for other in more:
        facts = replace(facts, digests={**facts.digests, **facts_for(other).digests})
    names = [str(one) for state in first.hosts for one in servers(state.services[0], state.host)]
    view = BalancerView({name: ServerView(up=False) for name in names})
    return replace(facts, balancers={one.host: view for one in BALANCERS})


def serving(facts: Facts) -> dict[str, int]:
    """Server → weight, as both balancers have it."""
    found: list[Mapping[str, int]] = []
    for view in facts.balancers.values():
        assert isinstance(view, BalancerView)
        found.append({name: one.weight for name, one in view.servers.items() if one.serves})
    assert all(one == found[0] for one in found)
    return dict(found[0])


ways = st.sampled_from(
    [
        {"update": UpdatePolicy(Batches((1,)))},
        {"update": UpdatePolicy(Batches((2,)))},
        {"update": UpdatePolicy(Batches((1,)), order="start-first"), "port_pair": PAIR},
        {"port_pair": PAIR},
        {"port_pair": PAIR, "strategy": BLUE_GREEN},
    ]
)


@given(ways, st.lists(st.sampled_from(HOSTS), min_size=1, unique=True), st.data())
@settings(max_examples=120)
def test_cut_anywhere_no_request_is_lost_and_the_next_run_gives_every_host_its_share(
    way: Mapping[str, object], hosts: list[str], data: st.DataObject
) -> None:
    one, two = balanced("v1", **way), balanced("v2", **way)
    first, second = wish(hosts, one, "v1"), wish(hosts, two, "v2")
    world = World(seen(first, second))
    world.run(plan(first, world.facts))
    assert {name.partition("/")[2].partition("-")[0] for name in serving(world.facts)} == {"web"}
    steps = every_step(plan(second, world.facts))
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        world.perform(step)
    world.run(plan(second, world.facts))
    assert plan(second, world.facts).empty
    full = serving(world.facts)
    assert all(weight == WEIGHT for weight in full.values())
    assert len({name.rpartition("-")[0] if way.get("port_pair") else name for name in full}) == len(hosts)


@given(ways, st.lists(st.sampled_from(HOSTS), min_size=2, unique=True))
@settings(max_examples=40)
def test_some_server_serves_at_every_instant(way: Mapping[str, object], hosts: list[str]) -> None:
    first, second = wish(hosts, balanced("v1", **way), "v1"), wish(hosts, balanced("v2", **way), "v2")
    world = World(seen(first, second))
    world.run(plan(first, world.facts))
    result = plan(second, world.facts)
    if result.errors:
        assert any("without a server" in one.what for one in result.errors)
        return
    for step in every_step(result):
        world.perform(step)
        assert serving(world.facts)


@given(
    st.lists(st.sampled_from(HOSTS), min_size=1, unique=True),
    st.sampled_from([BLUE_GREEN, CANARY]),
    st.data(),
)
@settings(max_examples=80)
def test_a_trial_can_be_promoted_or_aborted_from_any_cut(
    hosts: list[str], strategy: Strategy, data: st.DataObject
) -> None:
    one, two = (balanced(version, port_pair=PAIR, strategy=strategy) for version in ("v1", "v2"))
    first, second = wish(hosts, one, "v1"), wish(hosts, two, "v2")
    world = World(seen(first, second))
    world.run(plan(first, world.facts))
    before = world.facts
    tried = replace(second, trial={"web.app": first_stop(two)})
    steps = every_step(plan(tried, world.facts))
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        world.perform(step)
    if data.draw(st.booleans()):
        world.run(plan(tried, world.facts))
        assert plan(replace(tried, watched=True), world.facts).empty
        assert set(serving(world.facts).values()) == {50}
        assert len(serving(world.facts)) == 2 * len(hosts)
    if data.draw(st.booleans()):
        world.run(plan(second, world.facts))
        images = {one.image for host in world.facts.hosts.values() for one in host.containers}
        assert len(images) == 1
        assert plan(second, world.facts).empty
    else:
        back = previous(second, before, hosts)
        world.run(plan(back, world.facts))
        for name, host in before.hosts.items():
            assert [one.id for one in world.facts.hosts[name].containers] == [
                one.id for one in host.containers
            ]
    assert set(serving(world.facts).values()) == {WEIGHT}
    assert len(serving(world.facts)) == len(hosts)


def test_a_canary_stops_at_its_first_manual_share_and_goes_on_from_there() -> None:
    one, two = (balanced(version, port_pair=PAIR, strategy=CANARY) for version in ("v1", "v2"))
    first, second = wish(HOSTS, one, "v1"), wish(HOSTS, two, "v2")
    world = World(seen(first, second))
    world.run(plan(first, world.facts))
    result = plan(replace(second, trial={"web.app": 50}), world.facts)
    assert [stage.share for stage in result.stages if isinstance(stage, Trial)] == [Share(5, 60), Share(50)]
    world.run(result)
    assert next_stop(second, world.facts, "web.app") == 75
    again = replace(second, trial={"web.app": 75})
    assert [one.share.weight for one in plan(again, world.facts).stages if isinstance(one, Trial)] == [50, 75]
    world.run(plan(replace(again, watched=True), world.facts))
    assert set(serving(world.facts).values()) == {25, 75}
    assert next_stop(second, world.facts, "web.app") == 0


def test_a_host_that_the_operator_keeps_out_is_updated_and_stays_out() -> None:
    first, second = wish(HOSTS, balanced("v1"), "v1"), wish(HOSTS, balanced("v2"), "v2")
    world = World(seen(first, second))
    world.run(plan(first, world.facts))
    world.perform(next(one for one in every_step(plan(second, world.facts)) if isinstance(one, Drain)))
    world.facts = replace(world.facts, drained={"web-1": "new disk"})
    result = plan(second, world.facts)
    assert [one.host for one in every_step(result) if isinstance(one, Admit)] == ["web-2", "web-3"]
    world.run(result)
    assert set(serving(world.facts)) == {"shop/web-2", "shop/web-3"}
    assert plan(second, world.facts).empty


def test_the_last_server_is_not_taken_unless_one_insists() -> None:
    first, second = wish(["web-1"], balanced("v1"), "v1"), wish(["web-1"], balanced("v2"), "v2")
    world = World(seen(first, second))
    world.run(plan(first, world.facts))
    (error,) = plan(second, world.facts).errors
    assert "takes shop/web-1: a balancer would be left without a server for backend shop" in error.what
    assert "--allow-downtime" in error.hint
    assert not plan(replace(second, allow_downtime=True), world.facts).errors


def test_the_only_host_with_a_port_pair_starts_first() -> None:
    first, second = (wish(["web-1"], balanced(one, port_pair=PAIR), one) for one in ("v1", "v2"))
    world = World(seen(first, second))
    world.run(plan(first, world.facts))
    assert not plan(second, world.facts).errors
    world.run(plan(second, world.facts))
    assert serving(world.facts) == {"shop/web-1-green": WEIGHT}


def test_servers_that_no_balancer_knows_are_told() -> None:
    first, second = (wish(HOSTS, balanced(one), one) for one in ("v1", "v2"))
    facts = replace(seen(first, second), balancers={"lb-1": BalancerView({"shop/old": ServerView(True)})})
    world = World(facts)
    world.run(plan(first, world.facts))
    findings = plan(second, world.facts).findings
    assert any("no balancer knows shop/web-1 yet" in one.what and one.error for one in findings)
    findings = plan(replace(second, allow_downtime=True), world.facts).findings
    assert not any(one.error for one in findings)
