"""A volume is moved for the container that is to start on it, and for no other reason."""

from __future__ import annotations

from dataclasses import replace

from fleet.model.desired import Desired, HostState
from fleet.plan.build import plan
from fleet.plan.tree import CopyVolume, MoveVolume
from tests.support.build import service
from tests.support.simulate import every_step
from tests.unit.plan.test_volumes import LIVE, facts, serving, wish


def moved(wanted: Desired) -> list[type]:
    there = facts(wanted, serving("db-1"), homes={"db-1": LIVE})
    steps = every_step(plan(wanted, there))
    return [type(node) for node in steps if isinstance(node, CopyVolume | MoveVolume)]


def test_nothing_is_copied_that_nothing_is_to_start_on() -> None:
    wanted = wish("db-2")
    assert moved(wanted) == [CopyVolume, MoveVolume]
    other = replace(wanted, hosts=tuple(_idle(state) for state in wanted.hosts))
    assert moved(other) == []


def _idle(state: HostState) -> HostState:
    """Its service does not mount the volume."""
    return replace(state, services=tuple(service("db", "db", "v1") for _ in state.services))
