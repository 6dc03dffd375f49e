"""One-off containers of jobs that nobody waits for any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from fleet.model.desired import Desired
from fleet.model.found import Container, Facts
from fleet.model.jobs import UPGRADE
from fleet.ops.containers import Remove
from fleet.plan.jobs import Due, runs
from fleet.plan.tree import Finding, Phase, Step, Turn


def leftovers(
    desired: Desired, facts: Facts, due: Iterable[Due], spared: Collection[str] = ()
) -> Iterator[Phase]:
    """To be removed before anything else is done; ``spared``: ids of those that stay. One that runs goes
    only when its job is to run anew."""
    wanted = {one.op.job.key for one in due}
    turns = []
    for host, found in _loose(desired, facts, due):
        gone = [one for one in found if one.id not in spared and (not runs(one) or _anew(one, wanted))]
        if gone:
            turns.append(Turn(host, tuple(Step(host, _removal(one)) for one in gone)))
    if turns:
        yield Phase("remove what interrupted jobs left", tuple(turns), harmless=True)


def still_running(desired: Desired, facts: Facts, due: Iterable[Due]) -> Iterator[Finding]:
    """Jobs that this release does not need: they may be in the midst of something, and are let go on."""
    wanted = {one.op.job.key for one in due}
    for host, found in _loose(desired, facts, due):
        for one in found:
            if runs(one) and not _anew(one, wanted):
                what = f"job {_key(one)} of release {one.release} still runs, and is not needed any more"
                yield Finding(False, what, f"docker stop {one.name} ends it", host)


def _loose(desired: Desired, facts: Facts, due: Iterable[Due]) -> Iterator[tuple[str, tuple[Container, ...]]]:
    """By host. Of unselected roles nobody knows."""
    waited = {one.op.found for one in due}
    for state in desired.hosts:
        yield (
            state.host,
            tuple(
                one
                for one in facts.hosts[state.host].of_jobs
                if one.id not in waited and (not desired.selected or one.role in desired.selected)
            ),
        )


def _anew(one: Container, wanted: Collection[str]) -> bool:
    """Also what upgrades data: whatever the next run does to that, it does not begin in the midst of it."""
    return _key(one) in wanted or one.job.startswith(UPGRADE)


def _key(one: Container) -> str:
    return f"{one.role}.{one.job}"


def _removal(one: Container) -> Remove:
    grace = one.definition.container.stop_grace_period if one.definition else 10
    return Remove(one.name, one.id, f"job {_key(one)}", grace, "left by an interrupted run")
