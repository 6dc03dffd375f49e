"""Laws of volumes: over drawn fleets, marks and wishes, and cuts at any step."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.model.volumes import Mark, Moving, State
from fleet.plan.build import plan
from fleet.plan.homes import homes
from tests.support.simulate import World, every_step
from tests.unit.plan.test_volumes import ELSE, HOSTS, LIVE, NAME, facts, lying, serving, wish

PLACES = st.sets(st.sampled_from(HOSTS), min_size=1)


@st.composite
def marks(draw: st.DrawFn) -> Mark | None:
    if draw(st.booleans()):
        return draw(st.sampled_from([None, ELSE]))
    return replace(
        LIVE,
        generation=draw(st.integers(0, 3)),
        state=draw(st.sampled_from(State)),
        peer=draw(st.sampled_from(["", *HOSTS, "db-0"])),
        proven=draw(st.booleans()),
    )


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Desired, Facts]:
    """Any marks, any ledger: also such as no run of ours leaves."""
    wanted = wish(*sorted(draw(PLACES)))
    hosts = [
        draw(st.sampled_from([lying, serving]))(host, draw(marks())) for host in HOSTS if draw(st.booleans())
    ]
    ledger = {host: replace(LIVE, generation=draw(st.integers(0, 3))) for host in draw(st.sets(
        st.sampled_from([*HOSTS, "db-0"]), max_size=1
    ))}  # fmt: skip
    names = draw(st.sampled_from([(), ("data",)]))
    word = draw(st.sampled_from(["adopt", "empty", "none"]))
    moving = replace(wanted.moving, **({word: names} if word != "none" else {}))
    if draw(st.booleans()):
        moving = replace(
            moving, sources=((draw(st.sampled_from(["", "data"])), draw(st.sampled_from(HOSTS))),)
        )
    wanted = replace(wanted, moving=moving, remove_orphans=draw(st.booleans()))

    return wanted, facts(wanted, *hosts, homes=ledger)


def of_one_lineage(seen: Facts) -> dict[str, list[str]]:
    """Lineage → hosts on which it is live, without those that are known to be older."""
    found: dict[str, list[str]] = {}
    top: dict[str, int] = {}
    for name, host in seen.hosts.items():
        volume = host.volumes.get(NAME)  # type: ignore[union-attr]
        if volume and volume.mark and volume.mark.state is State.LIVE:
            lineage, generation = volume.mark.lineage, volume.mark.generation
            if generation > top.get(lineage, -1):
                found[lineage], top[lineage] = [], generation
            found[lineage] += [name] if generation == top[lineage] else []
    return found


@given(fleets())
@settings(max_examples=300)
def test_whatever_was_found_nothing_starts_on_data_that_is_not_there(fleet: tuple[Desired, Facts]) -> None:
    """The hosts in memory refuse a container on a volume whose data does not live there, and a step whose
    guard does not hold."""
    wanted, found = fleet
    planned = plan(wanted, found)
    if planned.errors:
        return
    world, before = World(found), of_one_lineage(found)
    for step in every_step(planned):
        world.perform(step)
        for lineage, hosts in of_one_lineage(world.facts).items():
            # Where it was so before, by somebody's hand, it does not get worse.
            assert len(hosts) <= max(1, len(before.get(lineage, ()))), (lineage, hosts)
    known = homes(found.homes, wanted, world.facts)
    after = replace(world.facts, homes=known)
    again = plan(replace(wanted, moving=Moving(wanted.moving.image, wanted.moving.addresses)), after)
    assert not again.errors, again.errors
    assert again.empty, [step.id for step in every_step(again)]


@given(PLACES, PLACES, st.data())
@settings(max_examples=100)
def test_after_a_cut_anywhere_the_next_run_gets_there_or_refuses(
    first: set[str], second: set[str], data: st.DataObject
) -> None:
    """And goes back as well."""
    before, after = wish(*sorted(first)), wish(*sorted(second))
    world = World(facts(before))
    world.run(plan(before, world.facts))
    known = homes({}, before, world.facts)
    found = replace(world.facts, homes=known)
    planned = plan(after, found)
    if planned.errors:
        return
    world.facts = found
    steps = every_step(planned)
    for step in steps[: data.draw(st.integers(0, len(steps)))]:
        world.perform(step)
        assert all(len(hosts) == 1 for hosts in of_one_lineage(world.facts).values())
    goal = data.draw(st.sampled_from([replace(before, moving=replace(before.moving, back=True)), after]))
    goal = replace(goal, remove_orphans=True)
    rest = plan(goal, world.facts)
    assert not rest.errors, rest.errors
    world.run(rest)
    assert plan(goal, world.facts).empty
