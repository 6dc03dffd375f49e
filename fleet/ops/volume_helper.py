"""The container in which a volume is read or written for a move, and what the program in it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model import labels
from fleet.model.volumes import Relocation
from fleet.ops.effects import Shell
from fleet.shell import words

HOURS = 6
"""It ends by itself then: nobody may come back for it."""


@dataclass(frozen=True, slots=True)
class Helper:
    """On the source (``reads``) or the target of a move."""

    move: Relocation
    reads: bool

    @property
    def name(self) -> str:
        return f"{self.move.volume}.copy"

    def start(self) -> Shell:
        """In place of one that a run before has left."""
        place = self.move.place
        marks = {labels.PROJECT: place.project, labels.ENV: place.env, labels.COPY: self.move.volume}
        # Docker would write the stream that rsync sends to its log: a tenth of the speed. And an empty volume
        # gets what the image has in that place, unless it is told not to.
        mount = (
            f"type=volume,src={self.move.volume},dst=/data,volume-nocopy{',readonly' if self.reads else ''}"
        )
        start = [
            *("docker", "run", "-d", "--rm", "--pull", "never", "--name", self.name),
            *("--log-driver", "none", "--network", "host", "--mount", mount),
            *(word for item in marks.items() for word in ("--label", "=".join(item))),
            *(self.move.image, "volume", "hold", "--seconds", str(HOURS * 3600)),
        ]
        return Shell(f"{self._gone()}{words(start)} >/dev/null\n")

    def running(self) -> Shell:
        """Fails when it does not run."""
        return Shell(f'[ "$(docker inspect -f "{{{{.State.Running}}}}" {words([self.name])})" = true ]\n')

    def remove(self) -> Shell:
        return Shell(self._gone())

    def ask(self, *command: str) -> Shell:
        return Shell(f"exec {words(['docker', 'exec', self.name, 'volume', *command])}\n")

    def _gone(self) -> str:
        left = words(
            ["docker", "ps", "-aq", "--no-trunc", "--filter", f"label={labels.COPY}={self.move.volume}"]
        )
        return f'left=$({left}) || exit\n[ -z "$left" ] || docker rm -f $left >/dev/null || exit\n'
