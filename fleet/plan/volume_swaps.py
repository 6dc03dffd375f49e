"""How containers are replaced whose data goes to another name on their host, or comes back from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fleet.model.found import Facts
from fleet.model.volumes import State
from fleet.ops.containers import Create, Replace
from fleet.plan.tree import Node, Rollout, Stage, Step, Turn
from fleet.plan.volume_cases import Case
from fleet.plan.volume_origins import came
from fleet.plan.volume_places import users, volume_at
from fleet.plan.volume_table import MOVES, Change


def fitted(stages: Sequence[Stage], facts: Facts, cases: Sequence[Case]) -> list[Stage]:
    """A container is not started again on data that has gone elsewhere, and one from before there was a named
    volume has its anonymous one."""

    def node(one: Node) -> Node:
        if not isinstance(one, Step) or not isinstance(one.op, (Create, Replace)):
            return one
        volumes = (*one.op.volumes, *_anonymous(one.host, one.op, facts, cases))
        if isinstance(one.op, Replace):
            final = one.op.old_name in _stopping(one.host, facts, cases)
            return replace(one, op=replace(one.op, volumes=volumes, final=final))
        return replace(one, op=replace(one.op, volumes=volumes))

    return [mapped(stage, node) for stage in stages]


def mapped(stage: Stage, change: Callable[[Node], Node]) -> Stage:
    def turns(given: Sequence[Turn]) -> tuple[Turn, ...]:
        return tuple(replace(turn, steps=tuple(map(change, turn.steps))) for turn in given)

    if isinstance(stage, Rollout):
        return replace(stage, batches=tuple(map(turns, stage.batches)))
    return replace(stage, turns=turns(stage.turns))


def _stopping(host: str, facts: Facts, cases: Sequence[Case]) -> set[str]:
    """Names of the containers that mount what nothing is to run on after this plan."""
    found = facts.hosts[host]
    leaving = {one.at_source for one in cases if one.source == host and one.change in _LEAVING}
    leaving |= {one.volume.name for one in cases if one.host == host and one.data}
    coming = {one.volume.name for one in cases if one.host == host and one.change in _LEAVING}
    names: set[str] = set()
    for name, volume in found.volumes.items() if isinstance(found.volumes, Mapping) else ():
        fenced = volume.mark is not None and volume.mark.state is not State.LIVE
        if name in leaving or (fenced and name not in coming):
            names.update(one.name for one in users(volume, found))
    return names


_LEAVING = {*MOVES, Change.TAKE_BACK}


def _anonymous(host: str, op: Create | Replace, facts: Facts, cases: Sequence[Case]) -> list[tuple[str, str]]:
    """Those that were mounted in the service once, with their places; :meth:`Recipe.creation` leaves out what
    has something else there now."""
    held = {place for _, place in op.volumes}
    found = []
    for one in cases:
        there = volume_at(facts, host, one.volume.name) if one.host == host else None
        gone = came(facts, host, one.volume.name) if one.host == host and there is None else ""
        key, _, place = (there.mark.mounted if there and there.mark else gone).partition(":")
        if place and key == op.recipe.service.key and place not in held:
            found.append((one.volume.name, place))
    return found
