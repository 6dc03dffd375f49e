"""Where in a plan a volume is moved: right before the first container that mounts it on its new host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fleet.ops.containers import Create, Replace
from fleet.ops.job import RunJob
from fleet.plan.tree import Node, Rollout, Stage, Step, Turn


def before_its_user(stages: Sequence[Stage], host: str, volume: str, nodes: tuple[Node, ...]) -> list[Stage]:
    """``stages`` with ``nodes`` in them; as they were when nothing of them starts such a container."""
    done = list(stages)
    if place := _first(stages, host, volume):
        index, turn, at = place
        before = turn.steps[:at]
        # What is replaced is drained already.
        more = [node for node in nodes if node not in before]
        steps = (*before, *more, *turn.steps[at:])
        done[index] = _with(stages[index], turn, replace(turn, steps=steps, disrupts=True))
    return done


def has_user(stages: Sequence[Stage], host: str, volume: str) -> bool:
    return _first(stages, host, volume) is not None


def _first(stages: Sequence[Stage], host: str, volume: str) -> tuple[int, Turn, int] | None:
    """The first step that starts a container which mounts it: its stage, turn and place there."""
    for index, stage in enumerate(stages):
        for turn in stage.turns:
            for at, node in enumerate(turn.steps):
                if turn.host == host and _starts(node, volume):
                    return index, turn, at
    return None


def _starts(node: Node, volume: str) -> bool:
    if not isinstance(node, Step) or not isinstance(node.op, (Create, Replace, RunJob)):
        return False
    mounts = node.op.recipe.service.container.mounts
    kept = () if isinstance(node.op, RunJob) else node.op.volumes
    named = any(one.type in {"volume", "bind"} and one.source == volume for one in mounts)
    return named or volume in {name for name, _ in kept}


def _with(stage: Stage, old: Turn, new: Turn) -> Stage:
    def changed(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        return tuple(new if one is old else one for one in turns)

    if isinstance(stage, Rollout):
        return replace(stage, batches=tuple(map(changed, stage.batches)))
    return replace(stage, turns=changed(stage.turns))
