"""Volumes get their first mark: those that Fleet makes, and those that were there before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.facts.volumes import mark_text
from fleet.model.volumes import Mark
from fleet.ops import marks
from fleet.ops.effects import Effect, Shell
from fleet.ops.marks import Marking
from fleet.shell import words

# One that somebody else has made meanwhile may hold their data.
ABSENT = """\
if docker volume inspect "$volume" >/dev/null 2>&1; then
  drift "volume $volume is there by now"
fi
"""
LINEAGE = "lineage=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')\n"


def born(state_dir: str, volume: str, mark: Mark) -> Shell:
    """The mark of a volume that is about to be made; what was said of one of this name is over."""
    head = f"{marks.head(state_dir, volume)}{ABSENT}"
    if mark.lineage:
        return Shell(f"{head}{marks.put(mark)}")
    # Given here: no two hosts ever give the same.
    before, found, after = mark_text(replace(mark, since=0)).strip().partition('"lineage":"')
    middle, since, end = after.partition('"since":0')
    first, second = words([before + found]), words([middle + since[:-1]])
    return Shell(f'{head}{LINEAGE}put_mark {first}"$lineage"{second} {words([end])}\n')


@dataclass(frozen=True, slots=True)
class AdoptVolume(Marking):
    """What was there before is marked: ``found`` is what its host says of it so far. Since when it is so,
    nobody knows."""

    mark: Mark
    found: Mark | None = None

    def describe(self) -> str:
        return f"adopt volume {self.volume}, which holds data"

    def effects(self) -> tuple[Effect, ...]:
        seen = f"{marks.head(self.state_dir, self.volume)}{marks.expect(self.found)}"
        return (Shell(f"{seen}date() {{ echo {int(self.mark.since)}; }}\n{marks.put(self.mark)}"),)
