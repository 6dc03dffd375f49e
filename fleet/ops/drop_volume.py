"""A volume whose data has gone elsewhere is removed: the one thing here that destroys data."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model.volumes import Mark
from fleet.ops import marks
from fleet.ops.effects import Effect, Shell
from fleet.ops.removal import Removal


@dataclass(frozen=True, slots=True)
class DropVolume(Removal):
    """``found``: what its host says of it, to be seen again. ``why``: where its data is."""

    volume: str
    state_dir: str
    found: Mark
    why: str

    @property
    def target(self) -> str:
        return f"volume:{self.volume}"

    def describe(self) -> str:
        return f"remove volume {self.volume} ({self.why})"

    def effects(self) -> tuple[Effect, ...]:
        # The volume first: a mark without one says nothing.
        head = f"{marks.head(self.state_dir, self.volume)}{marks.expect(self.found)}"
        gone = 'docker volume rm "$volume" >/dev/null\nrm -f "$marks/$file"\n'
        return (Shell(f"{head}{gone}"),)
