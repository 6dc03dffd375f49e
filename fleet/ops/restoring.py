"""Scripts around the moment in which a volume is no more what it was, and not yet what it is to be."""

from __future__ import annotations

from dataclasses import replace

from fleet.model.snapshots import Restoring
from fleet.model.volumes import Mark, State
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


def standstill(restoring: Restoring) -> Halt:
    """Nothing runs on the volume while a snapshot is copied over it."""
    volume, place, halted = restoring.volume, restoring.place, half(restoring)
    seen = restoring.mark or halted
    return Halt(volume, place, seen, halted, seen, restoring.writers, f"{volume}.copy")


def take_over(restoring: Restoring) -> Shell:
    """Of a run that was cut off in the midst of it. Ends with Drift when something runs again."""
    return standstill(restoring).script(TAKEN_OVER, seen=marks.text(restoring.mark))


def half(restoring: Restoring) -> Mark:
    """What the volume is meanwhile."""
    mark = restoring.mark or restoring.live
    return replace(mark, state=State.INCOMING, peer="", snapshot=restoring.snapshot.id)
