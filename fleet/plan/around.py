"""The order of stages: each role's rollouts, and its jobs around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fleet.model.desired import Desired
from fleet.ops.config import WriteConfig
from fleet.ops.secrets import WriteSecrets
from fleet.plan.jobs import Due
from fleet.plan.tree import Rollout, Stage, Step, Turn


def in_order(
    desired: Desired, rollouts: Iterable[Rollout], due: Sequence[Due], *, reverse: bool
) -> list[Stage]:
    """``reverse``: the last role first, as ``rollouts`` are then, too."""
    roles = [role.name for role in desired.roles]
    stages: list[Stage] = []
    for name in dict.fromkeys([*(roles[::-1] if reverse else roles), *(one.role for one in due)]):
        ours = [one for one in rollouts if one.role == name]
        for one in (one for one in due if one.role == name and one.first):
            ours, writes = _files_first(one, ours)
            stages.append(one.phase(writes))
        stages += ours
        stages += (one.phase() for one in due if one.role == name and not one.first)
    return stages


def _files_first(due: Due, rollouts: list[Rollout]) -> tuple[list[Rollout], tuple[Step, ...]]:
    """The job sees its service's new files: they are written on its host now, not in the service's turn.
    Those that a running container is to be told of wait for its turn."""
    service = f"{due.role}.{due.op.job.service}"
    writes: list[Step] = []

    def without(turn: Turn) -> Turn:
        if turn.host != due.host:
            return turn
        moved = [step for step in turn.steps if isinstance(step, Step) and _early(step)]
        writes.extend(moved)
        return replace(turn, steps=tuple(step for step in turn.steps if step not in moved))

    left_over = [
        replace(one, batches=tuple(tuple(map(without, batch)) for batch in one.batches))
        if one.service == service and not due.op.undo
        else one
        for one in rollouts
    ]
    return left_over, tuple(writes)


def _early(step: Step) -> bool:
    return isinstance(step.op, WriteSecrets) or (isinstance(step.op, WriteConfig) and not step.op.reload)
