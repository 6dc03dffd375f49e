"""Which gate of a host also asks the tests of its role: the last one, when all of the role has changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from fleet.plan.tree import Gate, Node, Rollout, Stage, Turn


def with_tests(stages: Sequence[Stage], roles: Collection[str]) -> list[Stage]:
    """``roles``: those with tests."""
    asked: set[tuple[str, str]] = set()

    def gated(node: Node) -> Node:
        if not isinstance(node, Gate) or node.service.role not in roles:
            return node
        place = (node.host, node.service.role)
        if place in asked:
            return node
        asked.add(place)
        return replace(node, tests=True)

    def turned(turn: Turn) -> Turn:
        return replace(turn, steps=tuple(map(gated, turn.steps[::-1]))[::-1])

    def staged(stage: Stage) -> Stage:
        if not isinstance(stage, Rollout):
            return stage
        batches = [tuple(map(turned, batch)) for batch in stage.batches[::-1]]
        return replace(stage, batches=tuple(batches[::-1]))

    return [staged(stage) for stage in stages[::-1]][::-1]
