"""A plan in a file: what was wanted, which digests the tags stood for, and what was seen.

The steps themselves are not read back. ``plan()`` is pure, so the same wish on an unchanged fleet
gives the same steps; their fingerprint proves it, and whatever else was found is told as drift.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet.model import codec
from fleet.model.desired import Desired
from fleet.plan.seen import Seen
from fleet.plan.tree import Gate, Node, Plan, Step

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Saved:
    """``lines``: the plan as it was shown, for people."""

    desired: Desired
    digests: Mapping[str, str]
    seen: Seen
    fingerprint: str
    lines: tuple[str, ...]

    def dump(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "env": self.desired.env,
            "version": self.desired.version,
            "fingerprint": self.fingerprint,
            "plan": list(self.lines),
            "seen": {host: list(lines) for host, lines in self.seen.items()},
            "digests": dict(self.digests),
            "desired": codec.dump(self.desired),
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Saved:
        """Raises ValueError (pydantic's too) and KeyError for what is no saved plan."""
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']} is not {FORMAT}, that of this version of Fleet")
        desired = codec.load(Desired, data["desired"])
        seen = {str(host): tuple(lines) for host, lines in data["seen"].items()}
        digests, plan = dict(data["digests"]), tuple(data["plan"])
        return cls(desired, digests, seen, str(data["fingerprint"]), plan)


def _shape(step: Node) -> object:
    match step:
        case Step():
            return step.op
        case Gate():
            return step.service
    return step


def fingerprint(plan: Plan) -> str:
    """Changes when any step does, also in what it expects to find."""
    shape = [
        [[[step.id, codec.dump(_shape(step))] for step in turn.steps] for turn in stage.turns]
        for stage in plan.stages
    ]
    return hashlib.sha256(codec.canonical(shape).encode()).hexdigest()
