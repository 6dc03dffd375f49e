"""Copying while the service writes: pass after pass, until what is left is small or does not shrink."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fleet.errors import Interrupted, RemoteFailed
from fleet.plan.precopy import Enough, Pass, decide
from fleet.report import events as ev
from fleet.run.volumes.attended import Told
from fleet.run.volumes.side import Side
from fleet.run.volumes.way import Way


class TooLong(RemoteFailed):
    """The service would be away for longer than the operator allows."""


@dataclass(frozen=True, slots=True)
class Copier:
    """``step``: whose progress it is."""

    source: Side
    target: Side
    way: Way
    step: str

    def seed(self) -> int:
        """Bytes that were sent; none when the target holds something already."""
        return _count(self._send("seed", "seed"), "bytes")

    def passes(self) -> tuple[Enough, int]:
        """What to expect of the last one, and the bytes of these."""
        done: list[Pass] = []
        while (enough := decide(done)) is None:
            if self.source.cancel.is_set():
                raise Interrupted("interrupted between two passes", host=self.source.host)
            done.append(self._one())
        return enough, sum(one.sent for one in done)

    def last(self) -> int:
        """Nobody writes any more: what is left, and not a file less. Answers the bytes."""
        return _count(self._send("the last pass", "sync", "--final"), "sent")

    def compare(self) -> Mapping[str, Any]:
        return self.source.ask("compare both sides", "compare", *self.way.words, told=self._told)

    def _one(self) -> Pass:
        """As the last one will be: the lists of both sides, too, so that they are made from little then."""
        found = self._send("a pass", "sync")
        sides = (self.source, self.target)
        with ThreadPoolExecutor(len(sides)) as pool:
            lists = list(pool.map(lambda side: side.ask("list the files", "manifest"), sides))
        seconds = _seconds(found) + max(_seconds(one) for one in lists)
        return Pass(_count(found, "sent"), seconds)

    def _send(self, what: str, *command: str) -> Mapping[str, Any]:
        rate = ("--rate", str(self.source.move.rate)) if self.source.move.rate else ()
        return self.source.ask(
            f"copy volume {self.source.move.volume} ({what})",
            *(*command, *self.way.words, *rate),
            told=self._told,
        )

    @property
    def _told(self) -> Told:
        def told(progress: Mapping[str, Any]) -> None:
            done, total = _count(progress, "bytes"), _count(progress, "total")
            rate, left = _count(progress, "rate"), _count(progress, "eta")
            self.source.emit(ev.Progress(self.target.host, self.step, done, total, rate, left))

        return told


def allowed(expected: float, side: Side) -> None:
    """Raises TooLong."""
    move = side.move
    if move.downtime and expected > move.downtime:
        raise TooLong(
            f"volume {side.volume} would be away for about {expected:.1f} s",
            why=f"{move.downtime:g} s are allowed, and the stop and the start of what uses it come on top",
            hint="move it when less is written, or allow more (--max-downtime)",
            host=move.source,
        )


class Beat:
    """A sign of life, every ``every`` seconds, as long as the block runs."""

    def __init__(self, give: Callable[[], object], every: float) -> None:
        self._give = give
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            self._give()


def _count(found: Mapping[str, Any], name: str) -> int:
    """0 for what is not told: an estimate before the first byte, or a seed that was left out."""
    value = found.get(name)
    return round(value) if isinstance(value, int | float) else 0


def _seconds(found: Mapping[str, Any]) -> float:
    value = found.get("seconds")
    return float(value) if isinstance(value, int | float) else 0.0
