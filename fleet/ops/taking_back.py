"""Data that went to another host counts again where it came from: there it is given up, here taken back."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model.volumes import Mark, Writer
from fleet.ops import marks
from fleet.ops.effects import Api, Effect, Shell, StopContainer
from fleet.ops.fence import forget
from fleet.ops.marks import Marking
from fleet.ops.volume_users import mounting
from fleet.shell import words

# Also those that have stopped: a host that is started anew would bring them back.
STAYS = """\
all=$(mounting -a) || exit
for one in $(echo "$all" | cut -d ' ' -f 1); do
  docker update --restart no "$one" >/dev/null || exit
done
"""


@dataclass(frozen=True, slots=True)
class GiveUp(Marking):
    """Nothing starts on the volume any more: ``writers`` stop, and it becomes ``mark``."""

    found: Mark
    mark: Mark
    writers: tuple[Writer, ...] = ()

    @property
    def timeout(self) -> float:
        return 60 + max((one.grace for one in self.writers), default=0)

    def describe(self) -> str:
        stopped = f", and stop {', '.join(one.name for one in self.writers)}" if self.writers else ""
        return f"give volume {self.volume} up to {self.mark.called or self.mark.peer}{stopped}"

    def effects(self) -> tuple[Effect, ...]:
        stays = Shell(f"volume={words([self.volume])}\n{mounting(self.volume)}{STAYS}")
        stops = [Api(StopContainer(one.id, one.grace)) for one in self.writers]
        return (stays, *stops, marks.write(self.state_dir, self.volume, self.found, self.mark))


@dataclass(frozen=True, slots=True)
class TakeBack(Marking):
    """The copy at its peer was given up before."""

    found: Mark
    mark: Mark

    def describe(self) -> str:
        there = self.found.called or self.found.peer
        return f"take volume {self.volume} back from {there}, as it was before it went there"

    def effects(self) -> tuple[Effect, ...]:
        # What ran on it when it went is made anew by the plan, and not started besides by its host.
        written = marks.write(self.state_dir, self.volume, self.found, self.mark)
        return (written, forget(self.state_dir, self.volume))
