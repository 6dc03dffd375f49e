"""Run one command on many hosts, side by side, each line under its host's name."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fleet.app.connections import Connections
from fleet.app.ending import INTERRUPTED, NOT_BEGUN, conclude
from fleet.app.failed import remember
from fleet.app.session import Session
from fleet.errors import Exit, FleetError
from fleet.model.hosts import Host
from fleet.report import events as ev
from fleet.report.grouped import Printed, grouped
from fleet.run.blocks import Blocks
from fleet.run.printed import Printing
from fleet.transport.base import HandTransport, Result

ENDING = "interrupted: the command is ended on every host"


@dataclass(frozen=True, slots=True)
class Order:
    """``script`` is run as the user that ``ansible_become`` says; ``shown`` is how it reads. ``timeout`` in
    seconds. ``group``: equal outputs are folded. ``serial``: hosts at once, of which each has to succeed
    before others begin; 0: no limit but the session's."""

    script: str
    shown: str
    timeout: float
    group: bool = False
    serial: int = 0


def execute(session: Session, order: Order) -> Exit:
    """Hosts that cannot be reached fail alone. Those that failed are remembered for the next time."""
    began = time.monotonic()
    names = [host.name for host in session.hosts]
    session.emit(ev.CommandStarted(order.shown, tuple(names)))
    with Connections(session) as connections:
        work = _Work(session, connections, order)
        with session.interruptible(ENDING), work.blocks.ticking():
            for batch in _batches(session.hosts, order.serial or len(names)):
                connections.each(batch, work.run, order.serial)
                if connections.errors or work.lost or not all(end.ok for end in work.ended.values()):
                    break
        lost = {**connections.errors, **work.lost}
    for same in grouped({name: work.printed[name] for name in names if name in work.printed}):
        session.emit(same)
    causes = {name: error.what for name, error in lost.items()}
    causes |= {name: end.ending for name, end in work.ended.items() if not end.ok}
    left = [name for name in names if name not in causes and name not in work.ended]
    causes |= dict.fromkeys(left, INTERRUPTED if session.interrupt.asked.is_set() else NOT_BEGUN)
    remember(session, [name for name in names if name in causes])
    return conclude(session, began, lost, causes, connections.errors)


def _batches(hosts: Sequence[Host], size: int) -> Iterator[Sequence[Host]]:
    return (hosts[first : first + size] for first in range(0, len(hosts), max(1, size)))


class _Work:
    """``ended`` and ``printed`` by host; ``lost``: hosts that failed in another way."""

    def __init__(self, session: Session, connections: Connections, order: Order) -> None:
        self._session = session
        self._order = order
        self.blocks = Blocks(lambda host, stream, line: session.emit(ev.Output(host, stream, line)))
        self.ended: dict[str, ev.CommandEnded] = {}
        self.printed: dict[str, Printed] = {}
        self.lost: dict[str, FleetError] = {}

    def run(self, name: str, transport: HandTransport) -> None:
        cancel = self._session.interrupt.asked
        if cancel.is_set():
            return
        printing = Printing()

        def line(stream: str, text: str) -> None:
            if self._order.group:
                printing.take(stream, self._session.masked(text))
            else:
                self.blocks.take(name, stream, text)

        timeout = self._order.timeout
        try:
            result = transport.run(self._order.script, timeout=timeout, on_line=line, cancel=cancel)
        except FleetError as error:
            self.lost[name] = error
            self.blocks.end(name, lambda: None)
            return
        end = _ended(name, result, timeout)
        self.ended[name] = end
        if self._order.group:
            self.printed[name] = printing.ended(end.ending, end.ok)
        self.blocks.end(name, lambda: self._tell(end))

    def _tell(self, end: ev.CommandEnded) -> None:
        if not self._order.group or self._session.options.json:
            self._session.emit(end)


def _ended(name: str, result: Result, timeout: float) -> ev.CommandEnded:
    status = -1 if result.rc is None else result.rc
    return ev.CommandEnded(name, result.ok, result.ending(timeout), status, result.seconds)
