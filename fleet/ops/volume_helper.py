"""The container in which a volume is read or written for a move, and what the program in it is asked."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from fleet.model import labels
from fleet.model.volumes import Relocation, is_directory
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
    def data(self) -> str:
        """What is read or written, as this side calls it."""
        return self.move.at_source if self.reads else self.move.volume

    @property
    def name(self) -> str:
        if not is_directory(self.data):
            return f"{self.data}.copy"
        # Two paths may be the same without what no container's name may hold.
        told = re.sub(r"[^a-zA-Z0-9_.-]", "-", self.data.strip("/"))[-60:].lstrip("._-")
        return f"directory-{told}-{hashlib.sha256(self.data.encode()).hexdigest()[:8]}.copy"

    def start(self) -> Shell:
        """In place of one that a run before has left."""
        place = self.move.place
        marks = {labels.PROJECT: place.project, labels.ENV: place.env, labels.COPY: self.data}
        # Docker would write the stream that rsync sends to its log: a tenth of the speed. And an empty volume
        # gets what the image has in that place, unless it is told not to.
        kind, only = ("bind", "") if is_directory(self.data) else ("volume", ",volume-nocopy")
        mount = f"type={kind},src={self.data},dst=/data{only}{',readonly' if self.reads else ''}"
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
        left = words(["docker", "ps", "-aq", "--no-trunc", "--filter", f"label={labels.COPY}={self.data}"])
        return f'left=$({left}) || exit\n[ -z "$left" ] || docker rm -f $left >/dev/null || exit\n'
