"""Data as it was before: which snapshots belong to a rollback. They are named, and never restored by it."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.model.snapshots import BEFORE_UPGRADE, Snapshot
from fleet.ops.snapshots import DropSnapshot
from fleet.plan.snapshots_kept import kept
from fleet.plan.tree import Plan
from fleet.plan.volume_cases import short


def offered(plan: Plan, desired: Desired, facts: Facts, left: str) -> Iterator[str]:
    """``left``: the version that the rollback leaves; ``desired`` is the one that it goes to. What the
    ``plan`` removes is not offered."""
    gone = {step.op.snapshot for step in plan.steps if isinstance(step.op, DropSnapshot)}
    for state in desired.hosts:
        for volume in state.volumes:
            there = [one for one in kept(facts, state.host, volume.name) if one not in gone]
            if one := _belonging(there, left, desired.version):
                when = f"before {left}" if one.why in _before(left) else f"at {one.version}"
                name = short(desired, volume)
                how = f"inv volumes restore {name} --snapshot {one.id}"
                yield f"{state.host}: volume {name} as it was {when}: {how}"


def _belonging(there: list[Snapshot], left: str, to: str) -> Snapshot | None:
    """The newest from before what is left; else of what is gone to."""
    before = [one for one in there if one.why in _before(left)]
    at = [one for one in there if one.version == to]
    return next(reversed(before or at), None)


def _before(left: str) -> tuple[str, str]:
    return f"before {left}", f"{BEFORE_UPGRADE} of {left}"
