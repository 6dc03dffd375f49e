"""A plan in a file: what was wanted, which digests the tags stood for, and a fingerprint of the steps.

The steps themselves are not read back. ``plan()`` is pure, so the same wish on an unchanged fleet
gives the same steps; whatever else it gives is drift, and is shown as such.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet.model import codec
from fleet.model.desired import Desired
from fleet.plan.tree import Plan, Rollout

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Saved:
    """``lines``: the plan as it was shown, for people and for telling what is different now."""

    desired: Desired
    digests: Mapping[str, str]
    fingerprint: str
    lines: tuple[str, ...]

    def dump(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "env": self.desired.env,
            "version": self.desired.version,
            "fingerprint": self.fingerprint,
            "plan": list(self.lines),
            "digests": dict(self.digests),
            "desired": codec.dump(self.desired),
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Saved:
        """Raises ValueError (pydantic's too) and KeyError for what is no saved plan."""
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']} is not {FORMAT}, that of this version of Fleet")
        desired = codec.load(Desired, data["desired"])
        return cls(desired, dict(data["digests"]), str(data["fingerprint"]), tuple(data["plan"]))


def fingerprint(plan: Plan) -> str:
    """Changes when any step does, also in what it expects to find."""
    shape = [
        (
            stage.batches if isinstance(stage, Rollout) else stage.turns,
            stage.policy if isinstance(stage, Rollout) else stage.title,
        )
        for stage in plan.stages
    ]
    return hashlib.sha256(repr(shape).encode()).hexdigest()
