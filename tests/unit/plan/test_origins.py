"""Data that has another name on its host: where it comes from, how it goes back, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.model.desired import Desired, HostState, Role, Volume
from fleet.model.found import Facts, HostFacts
from fleet.model.services import Mount, Service
from fleet.model.volumes import FoundVolume, Home, Mark, Moving, State
from fleet.ops.containers import Create, Replace
from fleet.plan.build import plan
from fleet.plan.tree import CopyVolume, Drain, MoveVolume, Plan, Step
from fleet.plan.volume_cases import Case, cases
from fleet.plan.volume_table import Change, Found, Known
from tests.support.build import REGISTRY, container, desired, digest_of, facts_for, host_facts, service
from tests.support.simulate import World, every_step

OLD, NEW, DIRECTORY, NAMELESS = "shop-test-db_old", "shop-test-db_data", "/srv/data", "0a" * 32
HELPER = f"{REGISTRY}/fleet-volumes:1"
LIVE = Mark("first", 2, State.LIVE, proven=True)


def database(source: str = "", version: str = "v1", name: str = "db") -> Service:
    one = service("db", name, version)
    kind = "bind" if source.startswith("/") else "volume"
    mounts = (Mount(kind, "/data", source),) if source else ()
    return replace(one, container=replace(one.container, mounts=mounts))


def wish(name: str, origin: str = "", *services: Service, host: str = "db-1", **moving: object) -> Desired:
    """The role's data is called ``name``; empty: it has no name."""
    made = desired({host: list(services) or [database(name)]})
    volumes = (Volume(name, "db", origin=origin),) if name and (origin or not name.startswith("/")) else ()
    given = {"image": HELPER, "addresses": {"db-1": "192.0.2.1", "db-2": "192.0.2.2"}}
    return replace(
        made,
        roles=(Role("db", (host,), services=("db",)),),
        hosts=(replace(made.hosts[0], volumes=volumes), HostState("db-2")),
        moving=Moving(**{**given, **moving}),  # type: ignore[arg-type]
    )


def on(source: str, mark: Mark | None = LIVE, **more: FoundVolume) -> HostFacts:
    """The database runs on what is called ``source``."""
    one = container(database("" if source == NAMELESS else source), "on-db-1")
    if source == NAMELESS:
        one = replace(one, anonymous=((NAMELESS, "/data"),))
        mark = mark and replace(mark, mounted="db.db:/data")
    labels = {} if source in {NAMELESS, DIRECTORY} else {"project": "shop", "env": "test", "role": "db"}
    found = FoundVolume(source, mark=mark, users=(one.name,), **labels)
    return host_facts("db-1", [one], [one.definition.container.image], volumes={source: found, **more})  # type: ignore[union-attr]


def lying(**volumes: Mark | None) -> HostFacts:
    return host_facts("db-1", volumes={name: FoundVolume(name, mark=mark) for name, mark in volumes.items()})


def facts(wanted: Desired, *hosts: HostFacts, homes: tuple[Home, ...] = ()) -> Facts:
    made = facts_for(wanted, *hosts)
    images = (database().container.image, database("", "v2").container.image)
    digests = {**made.digests, HELPER: digest_of(HELPER), **{one: digest_of(one) for one in images}}
    return replace(made, digests=digests, homes={NEW: homes} if homes else {})


def only(wanted: Desired, there: Facts) -> Case:
    (case,) = cases(wanted, there)
    return case


def refusals(planned: Plan) -> list[str]:
    return [f"{one.what}: {one.hint}" for one in planned.errors]


WAYS = [
    # origin as written, where it runs, where it goes
    ("old", OLD, NEW),
    (OLD, OLD, NEW),
    (DIRECTORY, DIRECTORY, NEW),
    ("db:/data", NAMELESS, NEW),
    ("old", OLD, DIRECTORY),
    ("foreign", "foreign", NEW),
]


@pytest.mark.parametrize(("written", "source", "target"), WAYS)
@pytest.mark.parametrize("marked", [True, False])
def test_it_goes_there(written: str, source: str, target: str, marked: bool) -> None:
    wanted = wish(target, written)
    there = facts(wanted, on(source, LIVE if marked else None))
    case = only(wanted, there)
    assert (case.how, case.known, case.change) == (Found.ABSENT, Known.LEAVES, Change.MOVE)
    assert (case.source, case.at_source) == ("db-1", source)
    planned = plan(wanted, there)
    assert not planned.errors
    steps = every_step(planned)
    (move,) = (step for step in steps if isinstance(step, MoveVolume))
    assert [one.name for one in move.move.writers] == ["shop-test-db-db-1"]
    assert move.move.address == "127.0.0.1"
    swap = steps[steps.index(move) + 1]
    assert isinstance(swap, Step)
    assert isinstance(swap.op, Replace)
    assert swap.op.final, "the old one is not started on what was left"
    world = World(there)
    world.run(planned)
    again = plan(wanted, world.facts)
    assert again.empty
    (said,) = (one for one in again.findings if "says nothing any more" in one.what)
    assert not said.error


@pytest.mark.parametrize(("written", "source", "target"), WAYS)
@given(data=st.data())
def test_after_a_cut_it_goes_on_or_back(written: str, source: str, target: str, data: st.DataObject) -> None:
    wanted, before = wish(target, written), wish("" if source == NAMELESS else source)
    there = facts(wanted, on(source))
    world = World(there)
    for step in every_step(plan(wanted, there))[: data.draw(st.integers(0, 9))]:
        world.perform(step)
        alive = [one for one in world.facts.hosts["db-1"].volumes.values() if one.mark is not None]
        assert sum(one.mark.state is State.LIVE for one in alive if one.mark) <= 1
    back = replace(before, moving=replace(before.moving, back=True))
    goal = data.draw(st.sampled_from([wanted, back]))
    rest = plan(goal, world.facts)
    assert not rest.errors, rest.errors
    world.run(rest)
    assert plan(goal, world.facts).empty
    name = target if goal is wanted else source
    mark = world.facts.hosts["db-1"].volumes[name].mark
    assert mark is None or mark.state is State.LIVE
    if source == NAMELESS and goal is not wanted:
        assert ran_on(rest, NAMELESS) or not [one for one in every_step(rest) if is_swap(one)]


def is_swap(step: object) -> bool:
    return isinstance(step, Step) and isinstance(step.op, (Create, Replace))


def ran_on(planned: Plan, name: str) -> bool:
    """Is the container that is made given this anonymous volume?"""
    ops = [step.op for step in planned.steps if isinstance(step.op, (Create, Replace))]
    return bool(ops) and all(name in {volume for volume, _ in op.volumes} for op in ops)


def moved(written: str, source: str, target: str, *, proven: bool) -> World:
    wanted = wish(target, written)
    world = World(facts(wanted, on(source)))
    steps = every_step(plan(wanted, world.facts))
    for step in steps if proven else steps[:-1]:
        world.perform(step)
    return world


@pytest.mark.parametrize("proven", [True, False])
def test_an_anonymous_one_that_was_removed_gets_its_data_back(proven: bool) -> None:
    """By hand, or confirmed: the version from before would begin with nothing, and look healthy."""
    world = moved("db:/data", NAMELESS, NEW, proven=proven)
    host = world.facts.hosts["db-1"]
    assert isinstance(host.volumes, dict)
    left = {name: one for name, one in host.volumes.items() if name != NAMELESS}
    containers = tuple(replace(one, anonymous=()) for one in host.containers)
    host = replace(host, volumes=left, containers=containers)
    world.facts = replace(world.facts, hosts={**world.facts.hosts, "db-1": host})
    assert plan(wish(NEW, "db:/data"), world.facts).empty is proven
    before = wish("", "", database("", "v2"))
    back = plan(before, world.facts)
    assert not back.errors
    (move,) = (step for step in every_step(back) if isinstance(step, MoveVolume))
    assert (move.move.at_source, move.move.volume, move.move.mounted) == (NEW, NAMELESS, "db.db:/data")
    assert ran_on(back, NAMELESS)
    world.run(back)
    assert plan(before, world.facts).empty
    mark = world.facts.hosts["db-1"].volumes[NAMELESS].mark
    assert (mark.state, mark.mounted, mark.came) == (State.LIVE, "db.db:/data", "")


@pytest.mark.parametrize(("written", "source", "target"), WAYS)
def test_a_run_that_goes_back_takes_it_as_it_was(written: str, source: str, target: str) -> None:
    world = moved(written, source, target, proven=False)
    before = wish("" if source == NAMELESS else source, back=True)
    before = replace(before, moving=replace(before.moving, back=True))
    case = next(one for one in cases(before, world.facts) if one.volume.name == source)
    assert (case.how, case.known, case.change) == (Found.FENCED, Known.UNPROVEN, Change.TAKE_BACK)
    back = plan(before, world.facts)
    assert not back.errors
    text = [step.describe() for step in every_step(back)]
    assert f"give volume {target} up to {source}, and stop shop-test-db-db-1" in text
    assert f"take volume {source} back from {target}, as it was before it went there" in text
    if source == NAMELESS:
        assert ran_on(back, NAMELESS)
    world.run(back)
    volumes = world.facts.hosts["db-1"].volumes
    marks = {name: one.mark for name, one in volumes.items()}
    place = "db.db:/data" if source == NAMELESS else ""
    assert marks[source] == replace(LIVE, generation=4, proven=True, mounted=place)
    assert marks[target] == Mark("first", 3, State.INCOMING, "db-1", called=source, came=place)
    # And the next try copies over it.
    again = wish(target, written)
    assert only(again, world.facts).change is Change.RESUME


@pytest.mark.parametrize(("written", "source", "target"), WAYS)
def test_a_rollback_takes_along_what_was_written_since(written: str, source: str, target: str) -> None:
    world = moved(written, source, target, proven=True)
    before = wish("" if source == NAMELESS else source)
    case = next(one for one in cases(before, world.facts) if one.volume.name == source)
    assert (case.how, case.known, case.change) == (Found.FENCED, Known.LEAVES, Change.MOVE_BACK)
    back = plan(before, world.facts)
    assert not back.errors
    if source == NAMELESS:
        assert ran_on(back, NAMELESS)
    world.run(back)
    assert plan(before, world.facts).empty
    mark = world.facts.hosts["db-1"].volumes[source].mark
    assert mark
    assert (mark.state, mark.generation) == (State.LIVE, 4)


def test_what_a_plan_says() -> None:
    def said(written: str, source: str, target: str) -> list[str]:
        wanted = wish(target, written)
        planned = plan(wanted, facts(wanted, on(source)))
        return [one.describe() for one in every_step(planned) if isinstance(one, CopyVolume | MoveVolume)]

    assert said("old", OLD, NEW) == [
        f"copy volume {OLD} to volume {NEW}, while it is used", f"rename volume {OLD} → {NEW}"
    ]  # fmt: skip
    assert said(DIRECTORY, DIRECTORY, NEW)[1] == f"move {DIRECTORY} → {NEW}"
    assert said("old", OLD, DIRECTORY)[1] == f"move volume {OLD} → {DIRECTORY}"


ELSE = Mark("other", 0, State.LIVE)
GONE = replace(LIVE, state=State.FENCED, peer="db-1", called="elsewhere")
PART = replace(LIVE, state=State.INCOMING, peer="db-1", called=OLD, proven=False)

REFUSED: list[tuple[Desired, HostFacts, str]] = [
    (wish(NEW, "old"), host_facts("db-1"),
     "volume data is not here, nor is old, from which its data is to come: correct x-fleet.volumes.data.from "
     "in the role; --volume-from data=HOST says where from; --allow-empty data begins anew"),
    (wish(NEW, "db:/data"), on(OLD), "volume data is not here, nor is db:/data, from which"),
    (wish(NEW, "old", database(NEW), database(OLD, name="also")), on(OLD),
     "volume data is to come from shop-test-db_old, which also.db still mounts: let it mount data; "),
    (wish(NEW, "old"), lying(**{OLD: GONE}),
     "volume data is to come from shop-test-db_old, whose data went to elsewhere: "),
    (wish(NEW, "old"), lying(**{OLD: PART}),
     "volume data is to come from shop-test-db_old, which is an incomplete copy from "),
    (wish(NEW, "old"), host_facts("db-1", volumes={OLD: FoundVolume(OLD, "nfs")}),
     "volume data is to come from shop-test-db_old, and its driver is nfs: "),
    (wish(NEW, "old"), host_facts("db-1", volumes={OLD: FoundVolume(OLD, mark=ELSE, project="else")}),
     "volume data is to come from shop-test-db_old, which another project or environment has marked"),
    (wish(NEW, "newer"), lying(**{NEW: PART, "newer": ELSE, OLD: LIVE}),
     "an incomplete copy of shop-test-db_old is here as volume data: docker volume rm shop-test-db_data, "),
    (wish(NEW), lying(**{NEW: PART}),
     "an incomplete copy of volume data is here, and shop-test-db_old does not say what became of it: "),
    (wish(NEW, "", database(NEW), database(OLD, name="also")),
     lying(**{NEW: replace(GONE, called=OLD), OLD: LIVE}),
     "volume data went from here to shop-test-db_old, and nothing may start on what was left: "),
    (wish(DIRECTORY, "old"), on(OLD, **{DIRECTORY: FoundVolume(DIRECTORY)}),
     "/srv/data is here, and Fleet did not make it: --adopt /srv/data takes it, with what is in it; "
     "rm -r /srv/data, if it may go"),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "host", "text"), REFUSED)
def test_what_is_refused(wanted: Desired, host: HostFacts, text: str) -> None:
    wanted = with_volumes(wanted)
    (said, *_) = refusals(plan(wanted, facts(wanted, host)))
    assert said.startswith(text)
    assert "{" not in said


def with_volumes(wanted: Desired) -> Desired:
    """Every volume that a service mounts is declared."""
    state = wanted.hosts[0]
    known = {one.name for one in state.volumes}
    names = {mount.source for one in state.services for mount in one.container.mounts} - known
    more = tuple(Volume(name, "db") for name in sorted(names) if not name.startswith("/"))
    return replace(wanted, hosts=(replace(state, volumes=(*state.volumes, *more)), *wanted.hosts[1:]))


def test_what_ran_on_it_and_was_never_healthy_is_not_thrown_away() -> None:
    world = moved("old", OLD, NEW, proven=False)
    before = wish(OLD)
    (text,) = refusals(plan(before, world.facts))
    assert text == (
        f"volume old went from here to {NEW}, and what runs on that was never found healthy: "
        f"x-fleet.volumes.old.from: {NEW} in the role brings back what was written there; "
        "--adopt old does without that"
    )
    assert only(wish(OLD, NEW), world.facts).change is Change.MOVE_BACK
    given_up = replace(before, moving=replace(before.moving, adopt=("old",)))
    world.run(plan(given_up, world.facts))
    marks = {name: one.mark for name, one in world.facts.hosts["db-1"].volumes.items()}
    assert marks[OLD] == Mark("first", 4, State.LIVE, proven=True)
    assert marks[NEW] == Mark("first", 3, State.FENCED, "db-1", called=OLD)


def test_another_host_that_has_it_by_its_new_name_goes_first() -> None:
    wanted = wish(NEW, "old")
    there = facts(
        wanted,
        on(OLD),
        host_facts("db-2", volumes={NEW: FoundVolume(NEW, mark=LIVE, project="shop", env="test")}),
    )
    case = only(wanted, there)
    assert (case.change, case.source, case.origin) == (Change.MOVE, "db-2", "")


def test_what_was_there_is_not_replaced_by_what_it_once_came_from() -> None:
    wanted = wish(NEW, "old")
    there = facts(wanted, on(OLD), homes=(Home("db-1", "second", 3),))
    (text,) = refusals(plan(wanted, there))
    assert text.startswith("volume data is not here, and its data was: ")


def test_empty_all_the_same() -> None:
    wanted = wish(NEW, "old", empty=("data",))
    assert only(wanted, facts(wanted, host_facts("db-1"))).change is Change.CREATE


def test_a_run_about_another_role_leaves_it() -> None:
    wanted = replace(wish(NEW, "old"), selected=("web",))
    (text,) = refusals(plan(wanted, facts(wanted, on(OLD))))
    assert "which role db has, and this run is not about that: leave --roles out" in text


def test_requests_are_led_away_once() -> None:
    wanted = wish(NEW, "old")
    planned = plan(wanted, facts(wanted, on(OLD)))
    drains = [step for step in every_step(planned) if isinstance(step, Drain)]
    assert len(drains) == len(set(drains))


def test_a_trial_of_what_loses_its_data_is_refused() -> None:
    wanted = wish(NEW, "old")
    one = replace(wanted, trial={"db.db": 50})
    from fleet.plan.volume_lint import volumes
    from fleet.plan.volumes import Volumes

    (text,) = (one.what for one in volumes(Volumes.of(one, facts(wanted, on(OLD))), keeps=False) if one.error)
    assert text == "db.db cannot be tried beside its old version, which loses its data to the new one"
