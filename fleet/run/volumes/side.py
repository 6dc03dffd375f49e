"""One end of a move."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from fleet.model.volumes import Relocation
from fleet.ops.volume_helper import Helper
from fleet.report import events as ev
from fleet.run.volumes.attended import Attended
from fleet.transport.base import Transport


@dataclass(frozen=True, slots=True)
class Side(Attended):
    move: Relocation = field(kw_only=True)

    @property
    def volume(self) -> str:
        """What the data is called here."""
        return self.helper.volume

    @classmethod
    def of(
        cls,
        move: Relocation,
        reads: bool,
        transport: Transport,
        emit: ev.Emit,
        cancel: threading.Event,
        show: bool = False,
    ) -> Side:
        """``reads``: it is the source."""
        host = move.source if reads else move.target
        return cls(host, Helper.of_move(move, reads=reads), transport, emit, cancel, show, move=move)


def clear_away(source: Side, target: Side, *also: Callable[[], None]) -> None:
    """Both helpers, at the same time."""
    what = (source.remove, target.remove, *also)
    with ThreadPoolExecutor(len(what)) as pool:
        list(pool.map(lambda each: each(), what))
