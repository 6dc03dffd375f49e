"""Scripts around the moment in which a volume is no more what it was, and not yet what it is to be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fleet.model.place import Place
from fleet.model.snapshots import Restoring
from fleet.model.volumes import Mark, State, Writer
from fleet.ops import marks
from fleet.ops.effects import Shell
from fleet.ops.fence import Halt

# Whoever goes on by itself at this very moment changes the mark.
TAKEN_OVER = """\
[ ! -e "$moving" ] || mv "$moving" "$moving.kept" 2>/dev/null || :
[ ! -e "$moving.back" ] || drift "what runs on volume $volume is just going on: make a new plan"
expect "$seen"
running=$(users) || exit
[ -z "$running" ] || drift "container $(echo $running) uses volume $volume"
put_mark "$halt" "$halt_end"
"""


@dataclass(frozen=True, slots=True)
class Standstill(Halt):
    """Nothing runs on the volume while a snapshot is copied over it."""

    restoring: Restoring

    @property
    def volume(self) -> str:
        return self.restoring.volume

    @property
    def place(self) -> Place:
        return self.restoring.place

    @property
    def seen(self) -> Mark:
        return self.restoring.mark or self.halted

    @property
    def halted(self) -> Mark:
        return half(self.restoring)

    @property
    def before(self) -> Mark:
        return self.seen

    @property
    def writers(self) -> tuple[Writer, ...]:
        return self.restoring.writers

    def take_over(self) -> Shell:
        """Of a run that was cut off in the midst of it. Ends with Drift when something runs again."""
        return self._script(TAKEN_OVER, seen=marks.text(self.restoring.mark))


def half(restoring: Restoring) -> Mark:
    """What the volume is meanwhile."""
    mark = restoring.mark or restoring.live
    return replace(mark, state=State.INCOMING, peer="", snapshot=restoring.snapshot.id)
