"""A copy of one volume in another one of the same host, pass by pass: by the helper that has both."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fleet.errors import Interrupted, RemoteFailed
from fleet.ops.effects import Shell
from fleet.plan.precopy import Enough, Pass, decide
from fleet.report import events as ev
from fleet.run.volumes.ground import Ground
from fleet.run.volumes.preflight import room, size
from fleet.shell import words


class NotEqual(RemoteFailed):
    """Nobody writes, and yet the two differ."""


@dataclass(frozen=True, slots=True)
class Cloner:
    """``ground``'s helper has the one at /data and the other at /copy. ``volume``: which of them is no
    snapshot."""

    ground: Ground
    volume: str

    def room(self) -> None:
        """Raises RemoteFailed."""
        source = self.ground.ask("measure", "usage")
        script = Shell(f"exec {words(['docker', 'exec', self.ground.helper.name, *STAT])}\n")
        blocks, block, all_, free = map(int, self.ground.script(script, "measure").split())
        there = {"bytes": 0, "entries": 0, "free": blocks * block, "free_inodes": free if all_ else None}
        room(self.volume, self.ground.host, source, there)

    def passes(self) -> float:
        """While it is written: first all of it, then what has changed, until little is left. Answers the
        seconds that the last pass will take. Where files share their blocks with their copies, the first one
        takes no time, and leaves little."""
        shared = self._clone().get("how") == "reflink"
        done: list[Pass] = []
        while (enough := Enough(done[-1].seconds, "") if shared and done else decide(done)) is None:
            if self.ground.cancel.is_set():
                raise Interrupted("interrupted between two passes", host=self.ground.host)
            found = {} if shared else self._clone()
            done.append(Pass(int(found.get("bytes", 0)), _seconds(found) + self._listed()))
        return enough.seconds

    def last(self) -> Mapping[str, Any]:
        """Nobody writes: what is left, and both compared. Raises NotEqual."""
        self._clone("--final")
        return self.equal(self.ground.ask(f"compare volume {self.volume}", "same", told=self.told))

    def equal(self, found: Mapping[str, Any], hint: str = "") -> Mapping[str, Any]:
        """What the comparison said. Raises NotEqual. ``hint``: who may write."""
        if found.get("equal") is True:
            return found
        raise NotEqual(
            f"volume {self.volume}: the copy differs, though nobody writes",
            why="\n".join(map(str, found.get("differences", ()))),
            hint=hint or "does something outside of Docker write to it? (fuser on its directory tells)",
            host=self.ground.host,
        )

    def told(self, progress: Mapping[str, Any]) -> None:
        done, total, rate, left = (round(progress.get(key) or 0) for key in ("bytes", "total", "rate", "eta"))
        ground = self.ground
        ground.emit(ev.Progress(ground.host, ground.step, done, total, rate, left))

    def _listed(self) -> float:
        """The lists of both, so that they are made from little at the end; the seconds that took."""

        def one(*words: str) -> float:
            return _seconds(self.ground.ask(f"list the files of volume {self.volume}", "manifest", *words))

        with ThreadPoolExecutor(2) as pool:
            return max(pool.map(lambda words: one(*words), ((), ("--copy",))))

    def _clone(self, *options: str) -> Mapping[str, Any]:
        return self.ground.ask(f"copy volume {self.volume}", "clone", *options, told=self.told)


STAT = ("stat", "-f", "-c", "%a %S %c %d", "/copy")


def counted(found: Mapping[str, Any]) -> str:
    """``12.3 MB in 60 entries``"""
    return f"{size(found.get('bytes', 0))} in {found.get('entries', 0)} entries"


def _seconds(found: Mapping[str, Any]) -> float:
    value = found.get("seconds")
    return float(value) if isinstance(value, int | float) else 0.0
