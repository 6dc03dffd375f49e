"""The status, again and again, until the operator has seen enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime

from fleet.app.connections import Connections
from fleet.app.session import Session
from fleet.app.status import Row, Seen, look
from fleet.errors import Exit
from fleet.model.desired import Desired
from fleet.report.names import fold
from fleet.report.plan_text import Line
from fleet.report.watched import Picture, Standing, Watched
from fleet.run.interrupt import on_signals

PAUSE = 2.0
"""Seconds between two looks; each costs a host one script."""
TICK = 0.1
WELL = {"healthy", "running"}


def watch(session: Session, screen: Watched) -> Exit:
    """Until ^C, which is no failure. A host that was lost is connected to again and again."""
    desired = session.desired()
    interrupt = session.interrupt.asked
    # Not ended with "with": a look that hangs must not keep the operator waiting.
    pool = ThreadPoolExecutor(1, "look")
    with on_signals(session.interrupt, lambda _: None), screen, Connections(session) as connections:
        try:
            while not interrupt.is_set():
                looking = pool.submit(_look, session, connections, desired)
                while not interrupt.is_set() and not wait([looking], TICK).done:
                    pass
                if looking.done():
                    screen.show(_picture(session, looking.result(), connections))
                    interrupt.wait(PAUSE)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return Exit.OK


def _look(session: Session, connections: Connections, desired: Desired) -> Seen:
    connections.again(connections.errors)
    connections.open(dict.fromkeys([*session.hosts, session.ledger]))
    return look(session, connections, desired)


def _picture(session: Session, seen: Seen, connections: Connections) -> Picture:
    gone: dict[str, list[str]] = {}
    for name, error in connections.errors.items():
        gone.setdefault(error.what, []).append(name)
    lines = [*seen.lines, *(Line(f"{fold(names)}: {cause}", "error") for cause, names in gone.items())]
    masked = (Line(session.masked(line.text), line.style) for line in lines)
    return Picture(f"{datetime.now():%H:%M:%S}", tuple(standings(seen.rows)), tuple(masked))


def standings(rows: Iterable[Row]) -> Iterator[Standing]:
    """What is not well comes first: it must not be what does not fit on the screen."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for row in rows:
        groups.setdefault((row.service, row.version, row.health, row.drift), []).append(row.host)
    found = [Standing(*key, tuple(hosts)) for key, hosts in groups.items()]
    yield from sorted(found, key=lambda one: (one.health in WELL and one.drift == "none", one.service))
