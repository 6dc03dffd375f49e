"""Run one command on many hosts, side by side, each line under its host's name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from fleet.app.connections import Connections
from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import Exit, FleetError
from fleet.report import events as ev
from fleet.report.names import fold
from fleet.run.interrupt import on_signals
from fleet.transport.base import Result, Transport


def execute(session: Session, command: str, timeout: float) -> Exit:
    """``command`` is a line of shell, run as the user that ``ansible_become`` says; ``timeout`` in seconds.
    Hosts that cannot be reached fail alone."""
    with Connections(session) as connections:
        began = time.monotonic()
        connections.open(session.hosts)
        with on_signals(session.interrupt, lambda text: session.emit(ev.Note(text, "warning"))):
            ended = _everywhere(session, connections.transports, command, timeout)
        failed: dict[str, str] = {name: error.what for name, error in connections.errors.items()}
        errors = dict(connections.errors)
        for name, result in ended.items():
            if isinstance(result, FleetError):
                failed[name] = result.what
                errors[name] = result
            elif not result.ok:
                failed[name] = result.ending(timeout)
        if errors:
            session.report.error(session.masked(told(errors)))
    session.emit(_finish(session, failed, time.monotonic() - began))
    if session.interrupt.asked.is_set():
        return Exit.INTERRUPTED
    if failed and set(failed) == set(connections.errors):
        return Exit.UNREACHABLE
    return Exit.FAILED if failed else Exit.OK


def _everywhere(
    session: Session, transports: Mapping[str, Transport], command: str, timeout: float
) -> dict[str, Result | FleetError]:
    def one(item: tuple[str, Transport]) -> Result | FleetError:
        name, transport = item

        def line(stream: str, text: str) -> None:
            session.emit(ev.Output(name, stream, text))

        if session.interrupt.asked.is_set():
            return FleetError("not begun: interrupted", host=name)
        try:
            return transport.run(command, timeout=timeout, on_line=line, cancel=session.interrupt.asked)
        except FleetError as error:
            return error

    with ThreadPoolExecutor(max(1, min(session.parallel, len(transports)))) as pool:
        return dict(zip(transports, pool.map(one, transports.items()), strict=True))


def _finish(session: Session, failed: Mapping[str, str], seconds: float) -> ev.RunFinished:
    total = len(session.hosts)
    if not failed:
        return ev.RunFinished(f"done on {total} {'host' if total == 1 else 'hosts'}", True, seconds)
    causes: dict[str, list[str]] = {}
    for name, cause in failed.items():
        causes.setdefault(cause, []).append(name)
    told = tuple(f"{fold(names)}: {cause}" for cause, names in causes.items())
    return ev.RunFinished(f"failed on {len(failed)} of {total} hosts", False, seconds, told)
