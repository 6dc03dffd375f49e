"""Nodes of a plan that keep a volume's data, and bring it back."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model.snapshots import Restoring, Taking
from fleet.ops.places import MakeVolume


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """A complete copy of the volume on the same host. Nothing is changed in it."""

    host: str
    taking: Taking

    @property
    def id(self) -> str:
        return f"{self.host}/snapshot:{self.taking.volume}"

    def describe(self) -> str:
        return f"snapshot volume {self.taking.volume} ({manner(self.taking)})"


@dataclass(frozen=True, slots=True)
class RestoreVolume:
    """``make``: the volume, when it is not there."""

    host: str
    restoring: Restoring
    make: MakeVolume | None = None

    @property
    def id(self) -> str:
        return f"{self.host}/restore:{self.restoring.volume}"

    def describe(self) -> str:
        one = self.restoring
        kept = "; what is there is kept" if one.keeping else ""
        stopped = f"; {', '.join(each.name for each in one.writers)} stops meanwhile" if one.writers else ""
        return f"restore volume {one.volume} from snapshot {one.snapshot.id}{kept}{stopped}"


Keep = TakeSnapshot | RestoreVolume
"""The data of a volume on ``host`` is kept there, or brought back."""


def manner(taking: Taking) -> str:
    if taking.dump:
        return f"dumped by {taking.dump.service}"
    if taking.freeze:
        return f"frozen by {taking.freeze.service} for the last pass"
    return "its writers pause for the last pass" if taking.writers else "nothing runs on it"
