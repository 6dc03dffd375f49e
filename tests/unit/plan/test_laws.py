"""Laws of the planner over drawn wishes and fleets."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.model.desired import Desired
from fleet.model.services import Batches, ConfigDir, ConfigFile, PortPair, Reload, Service, UpdatePolicy
from fleet.model.slots import in_slot
from fleet.plan.build import plan
from fleet.plan.previous import previous
from fleet.plan.tree import Rollout
from tests.support.build import container, desired, facts_for, host_facts, service
from tests.support.simulate import World, every_step

HOSTS = ("web-1", "web-2", "web-3", "web-4")


@st.composite
def services(draw: st.DrawFn, version: str) -> tuple[Service, ...]:
    """Up to three services of two roles; some with configuration, some start-first."""
    made = []
    for role, name in draw(
        st.sets(st.sampled_from([("web", "app"), ("web", "side"), ("jobs", "worker")]), min_size=1)
    ):
        order = draw(st.sampled_from(["stop-first", "start-first"]))
        batches = draw(st.sampled_from([(1,), (2,), ("50%",), (1, "100%"), (0,)]))
        configs = ()
        if draw(st.booleans()):
            reload = draw(st.sampled_from([None, Reload(signal="SIGHUP")]))
            text = draw(st.sampled_from(["one\n", "two\n", ""]))
            configs = (ConfigDir(f"/srv/{name}", "/etc/app", (ConfigFile("app.ini", text),), reload=reload),)
        one = service(
            name, role, version, update=UpdatePolicy(Batches(batches), order=order),
            port_pair=(PortPair(8000, 8001, 9001),), configs=configs,
        )  # fmt: skip
        made.append(one)
    return tuple(sorted(made, key=lambda one: one.key))


@st.composite
def wishes(draw: st.DrawFn, version: str) -> Desired:
    hosts = draw(st.lists(st.sampled_from(HOSTS), min_size=1, unique=True))
    ours = draw(services(version))
    return replace(desired(dict.fromkeys(hosts, ours), version), remove_orphans=True)


def fresh(wish: Desired, *more: Desired) -> World:
    facts = facts_for(wish)
    for other in more:
        facts = replace(facts, digests={**facts.digests, **facts_for(other).digests})
    return World(facts)


@given(wishes("v1"))
def test_a_second_plan_is_empty(wish: Desired) -> None:
    world = fresh(wish)
    world.run(plan(wish, world.facts))
    again = plan(wish, world.facts)
    assert again.empty, list(again.steps)


def followed(first: Desired, data: st.DataObject) -> tuple[Desired, World]:
    """A second wish for the same hosts, and the world as the first one has made it."""
    second = replace(first, version="v2", hosts=tuple(
        replace(state, services=data.draw(services("v2"))) for state in first.hosts
    ))  # fmt: skip
    world = fresh(first, second)
    world.run(plan(first, world.facts))
    return second, world


@given(wishes("v1"), st.data())
@settings(max_examples=60)
def test_from_any_state_and_any_cut_the_next_plan_converges(first: Desired, data: st.DataObject) -> None:
    """Killed after any step, the next plan brings the hosts to the wish, and then is empty."""
    second, world = followed(first, data)
    steps = every_step(plan(second, world.facts))
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        world.perform(step)
    world.run(plan(second, world.facts))
    assert plan(second, world.facts).empty


@given(wishes("v1"), st.data())
@settings(max_examples=60)
def test_going_back_after_any_prefix_is_the_identity(first: Desired, data: st.DataObject) -> None:
    second, world = followed(first, data)
    before = world.facts
    steps = every_step(plan(second, before))
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        world.perform(step)
    back = previous(second, before, {state.host for state in second.hosts})
    were = {one.id for host in before.hosts.values() for one in host.containers}
    world.run(plan(back, world.facts, reverse=True, spared=were))
    for name, host in before.hosts.items():
        now = world.facts.hosts[name]
        assert running(now) == running(host)
        wanted = {one.configs for one in next(s for s in first.hosts if s.host == name).services}
        for configs in wanted:
            for config in configs:
                assert now.dirs[config.directory].files == host.dirs[config.directory].files


def running(host: object) -> set[tuple[str, str, str]]:
    return {(one.role, one.service, one.image) for one in host.containers}  # type: ignore[attr-defined]


@given(wishes("v2"), st.integers(1, 4))
def test_no_prefix_of_an_allowed_plan_goes_below_the_minimum(wish: Desired, minimum: int) -> None:
    """At every instant, with every host of a batch down at once."""
    hosts = []
    for state in wish.hosts:
        older = [service(one.name, one.role, "v1") for one in state.services]
        found = [container(one, f"{state.host}-{one.name}") for one in older]
        hosts.append(host_facts(state.host, found, [one.container.image for one in older]))
    roles = tuple(replace(role, min_healthy=min(minimum, len(role.hosts))) for role in wish.roles)
    wish = replace(wish, roles=roles)
    result = plan(wish, facts_for(wish, *hosts))
    if result.errors:
        return
    for stage in result.stages:
        if isinstance(stage, Rollout):
            for batch in stage.batches:
                down = {turn.host for turn in batch if turn.disrupts}
                assert not down or len(stage.healthy - down) >= stage.min_healthy


@given(wishes("v1"))
def test_a_plan_is_a_function_of_its_inputs(wish: Desired) -> None:
    assert plan(wish, facts_for(wish)) == plan(wish, facts_for(wish))


def test_slots_differ_in_name_and_port_only() -> None:
    one = service(port_pair=(PortPair(8000, 8001, 9001),))
    first, second = in_slot(one, 1), in_slot(one, 2)
    assert (second.name, second.ports[0].published) == ("shop-test-web-app-2", 9001)
    assert replace(second, name=first.name, ports=first.ports) == first
