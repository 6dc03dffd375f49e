"""The container in which a volume is read or written, and what the program in it is asked."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from fleet.model import labels
from fleet.model.place import Place
from fleet.model.volumes import Relocation, is_directory
from fleet.ops.effects import Shell
from fleet.shell import words

HOURS = 6
"""It ends by itself then: nobody may come back for it."""


@dataclass(frozen=True, slots=True)
class Mount:
    """``volume`` at ``path`` in the container."""

    volume: str
    path: str
    read_only: bool = False

    @property
    def words(self) -> str:
        # An empty volume gets what the image has in that place, unless it is told not to.
        kind, only = ("bind", "") if is_directory(self.volume) else ("volume", ",volume-nocopy")
        end = ",readonly" if self.read_only else ""
        return f"type={kind},src={self.volume},dst={self.path}{only}{end}"


@dataclass(frozen=True, slots=True)
class Helper:
    """``volume``: for whose sake it runs. ``options``: more words of ``docker run``."""

    volume: str
    image: str
    place: Place
    mounts: tuple[Mount, ...]
    network: str = "none"
    options: tuple[str, ...] = ()

    @classmethod
    def of_move(cls, move: Relocation, *, reads: bool) -> Helper:
        """On the source (``reads``) or the target of a move."""
        data = move.at_source if reads else move.volume
        return cls(data, move.image, move.place, (Mount(data, "/data", reads),), "host")

    @classmethod
    def beside(cls, volume: str, image: str, place: Place, source: str, target: str) -> Helper:
        """For a copy of ``source`` to ``target`` on one host, one of which is ``volume``."""
        return cls(volume, image, place, (Mount(source, "/data", read_only=True), Mount(target, "/copy")))

    @property
    def name(self) -> str:
        if not is_directory(self.volume):
            return f"{self.volume}.copy"
        # Two paths may be the same without what no container's name may hold.
        told = re.sub(r"[^a-zA-Z0-9_.-]", "-", self.volume.strip("/"))[-60:].lstrip("._-")
        return f"directory-{told}-{hashlib.sha256(self.volume.encode()).hexdigest()[:8]}.copy"

    def start(self) -> Shell:
        """In place of one that a run before has left."""
        place = self.place
        marks = {labels.PROJECT: place.project, labels.ENV: place.env, labels.COPY: self.volume}
        start = [
            *("docker", "run", "-d", "--rm", "--pull", "never", "--name", self.name),
            # Docker would write the stream that rsync sends to its log: a tenth of the speed.
            *("--log-driver", "none", "--network", self.network),
            *(word for mount in self.mounts for word in ("--mount", mount.words)),
            *self.options,
            *(word for item in marks.items() for word in ("--label", "=".join(item))),
            *(self.image, "volume", "hold", "--seconds", str(HOURS * 3600)),
        ]
        return Shell(f"{self._gone()}{words(start)} >/dev/null\n")

    def running(self) -> Shell:
        """Fails when it does not run."""
        return Shell(f'[ "$(docker inspect -f "{{{{.State.Running}}}}" {words([self.name])})" = true ]\n')

    def remove(self) -> Shell:
        return Shell(self._gone())

    def ask(self, *command: str, fed: bool = False) -> Shell:
        """``fed``: it reads what the script does."""
        given = ("-i",) if fed else ()
        return Shell(f"exec {words(['docker', 'exec', *given, self.name, 'volume', *command])}\n")

    def _gone(self) -> str:
        left = words(["docker", "ps", "-aq", "--no-trunc", "--filter", f"label={labels.COPY}={self.volume}"])
        return f'left=$({left}) || exit\n[ -z "$left" ] || docker rm -f $left >/dev/null || exit\n'
