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
    for index, stage in enumerate(stages):
        for turn in stage.turns:
            places = [at for at, node in enumerate(turn.steps) if turn.host == host and _starts(node, volume)]
            if places:
                steps = (*turn.steps[: places[0]], *nodes, *turn.steps[places[0] :])
                done[index] = _with(stage, turn, replace(turn, steps=steps, disrupts=True))
                return done
    return done


def _starts(node: Node, volume: str) -> bool:
    if not isinstance(node, Step) or not isinstance(node.op, (Create, Replace, RunJob)):
        return False
    mounts = node.op.recipe.service.container.mounts
    return any(one.type == "volume" and one.source == volume for one in mounts)


def _with(stage: Stage, old: Turn, new: Turn) -> Stage:
    def changed(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        return tuple(new if one is old else one for one in turns)

    if isinstance(stage, Rollout):
        return replace(stage, batches=tuple(map(changed, stage.batches)))
    return replace(stage, turns=changed(stage.turns))
