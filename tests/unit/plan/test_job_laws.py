"""Laws of once-per-release jobs: wherever a run is cut off, each command runs once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.model.desired import Desired
from fleet.model.jobs import Job, Undo
from fleet.ops.job import RunJob
from fleet.plan.build import plan
from fleet.plan.tree import Gate, Rollout, Step
from tests.support.build import desired, facts_for, pinned, service, with_jobs
from tests.support.simulate import CUTS, World, every_step

HOSTS = ("web-1", "web-2", "web-3")
places = st.sampled_from(["before", "after"])
SERVICES = (("web", "app"), ("web", "side"), ("batch", "worker"))


@st.composite
def wishes(draw: st.DrawFn, version: str) -> Desired:
    """Up to three jobs of up to three services."""
    hosts = draw(st.lists(st.sampled_from(HOSTS), min_size=1, unique=True))
    ours = [
        service(name, role, version) for role, name in draw(st.sets(st.sampled_from(SERVICES), min_size=1))
    ]
    jobs = [
        Job(one.role, f"job-{one.name}", one.name, ("do", one.key), at=draw(places), down=("undo", one.key))
        for one in ours
    ]
    return with_jobs(desired(dict.fromkeys(hosts, ours), version), *jobs)


def world_of(*wants: Desired) -> World:
    facts = facts_for(wants[0])
    for other in wants[1:]:
        facts = replace(facts, digests={**facts.digests, **facts_for(other).digests})
    return World(facts)


def cut_off(world: World, steps: list[Step | Gate], data: st.DataObject) -> None:
    """As far as any step, and if that is a job's, into the midst of it."""
    count = data.draw(st.integers(0, len(steps)))
    for step in steps[:count]:
        world.perform(step)
    last = steps[count] if count < len(steps) else None
    if (
        isinstance(last, Step)
        and isinstance(last.op, RunJob)
        and (not last.op.found or data.draw(st.booleans()))
    ):
        where = CUTS[1:] if last.op.found else CUTS
        world.cut(last, data.draw(st.sampled_from(where)))


@given(wishes("v1"), st.data())
@settings(max_examples=200)
def test_cut_off_any_number_of_times_each_job_runs_once(wish: Desired, data: st.DataObject) -> None:
    world = world_of(wish)
    for _ in range(data.draw(st.integers(0, 4))):
        cut_off(world, every_step(plan(wish, world.facts)), data)
    world.run(plan(wish, world.facts))
    assert plan(wish, world.facts).empty
    wanted = {job.command for state in wish.hosts for job in state.jobs}
    assert Counter(world.commands) == Counter(dict.fromkeys(wanted, 1))
    assert set(world.facts.jobs) == {job.key for state in wish.hosts for job in state.jobs}
    assert not [one for host in world.facts.hosts.values() for one in host.of_jobs]


@given(wishes("v1"))
def test_a_new_image_runs_them_again_and_a_new_environment_does_not(wish: Desired) -> None:
    world = world_of(wish, again := newer(wish))
    world.run(plan(wish, world.facts))
    other = with_environment(wish)
    world.run(plan(other, world.facts))
    count = len(world.commands)
    assert count == len({job.key for state in wish.hosts for job in state.jobs})
    world.run(plan(again, world.facts))
    assert len(world.commands) == 2 * count


@given(wishes("v1"), st.data())
@settings(max_examples=100)
def test_going_back_undoes_each_once(wish: Desired, data: st.DataObject) -> None:
    newest = newer(wish)
    world = world_of(wish, newest)
    for one in (wish, newest):
        world.run(plan(one, world.facts))
    world.commands.clear()
    undo = tuple(Undo(newest.hosts[0].host, job, fixed(newest, job), 2, "v2") for job in newest.hosts[0].jobs)
    back = with_jobs(replace(wish, undo=undo))
    for _ in range(data.draw(st.integers(0, 3))):
        cut_off(world, every_step(plan(back, world.facts)), data)
    world.run(plan(back, world.facts))
    assert plan(back, world.facts).empty
    assert Counter(world.commands) == Counter(dict.fromkeys([job.down for job in newest.hosts[0].jobs], 1))
    assert all(run.undone for run in world.facts.jobs.values())


@given(wishes("v1"))
def test_before_is_before_the_first_rollout_of_the_role_and_after_is_after_the_last(wish: Desired) -> None:
    stages = plan(wish, facts_for(wish)).stages
    for job in wish.hosts[0].jobs:
        (at,) = (index for index, stage in enumerate(stages) if is_of(stage, job))
        rollouts = [
            index
            for index, stage in enumerate(stages)
            if isinstance(stage, Rollout) and stage.role == job.role
        ]
        assert at < min(rollouts) if job.at == "before" else at > max(rollouts)


def is_of(stage: object, job: Job) -> bool:
    steps = [step for turn in stage.turns for step in turn.steps if isinstance(step, Step)]  # type: ignore[attr-defined]
    return any(isinstance(step.op, RunJob) and step.op.job == job for step in steps)


def newer(wish: Desired) -> Desired:
    states = tuple(
        replace(state, services=tuple(service(one.name, one.role, "v2") for one in state.services))
        for state in wish.hosts
    )
    return replace(wish, version="v2", hosts=states)


def with_environment(wish: Desired) -> Desired:
    return replace(wish, hosts=tuple(
        replace(state, services=tuple(
            replace(one, container=replace(one.container, environment=(("LEVEL", "debug"),)))
            for one in state.services
        ))
        for state in wish.hosts
    ))  # fmt: skip


def fixed(wish: Desired, job: Job) -> object:
    """The job's service as a release records it: its image by digest."""
    (one,) = (one for one in wish.hosts[0].services if one.key == f"{job.role}.{job.service}")
    image = f"{one.container.image}@{pinned(one.container.image).partition('@')[2]}"
    return replace(one, container=replace(one.container, image=image))
