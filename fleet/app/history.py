"""The history of an environment: all of it, one release of it, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import require_ledger
from fleet.app.session import Session
from fleet.errors import Exit
from fleet.model import codec
from fleet.model.releases import Release, current
from fleet.plan.choose import find
from fleet.plan.compare import compare
from fleet.report import events as ev
from fleet.report.plan_text import Line
from fleet.report.release_text import show_lines
from fleet.report.releases_text import compare_lines, outcome_text, releases_table
from fleet.run import owner


def table(session: Session) -> Exit:
    """Newest first."""
    with _ledger(session) as custody:
        releases, running = custody.history.releases, _running(custody)
    if session.options.json:
        for release in releases:
            session.report.record(_record(release, running))
    elif releases:
        session.report.table(*releases_table(releases, datetime.now(UTC), running))
    else:
        env = session.options.env
        host = session.ledger.name
        session.show(
            Line(f"{host} knows no release of {env}: none was made, or another host keeps the ledger")
        )
    return Exit.OK


def show(session: Session, named: str) -> Exit:
    """``named``: a version or a number. Raises UsageError."""
    with _ledger(session) as custody:
        release = find(custody.history.releases, named)
        record, running = custody.store.record(release.number), _running(custody)
    if session.options.json:
        session.report.record(_record(release, running) | {"desired": codec.dump(record.desired)})
    else:
        _lines(session, show_lines(record, release, running))
    return Exit.OK


def diff(session: Session, old: str, new: str) -> Exit:
    """Each a version or a number. Raises UsageError."""
    with _ledger(session) as custody:
        before, after = (
            custody.store.record(find(custody.history.releases, one).number) for one in (old, new)
        )
    changes = compare(before, after)
    if session.options.json:
        for change in changes:
            session.report.record({"event": "Difference", **asdict(change)})
    else:
        _lines(session, compare_lines(before, after, changes))
    return Exit.OK


def newest(session: Session) -> Release | None:
    """What the environment is at. Raises Unreachable, LedgerError."""
    with _ledger(session) as custody:
        return current(custody.history.releases)


@contextmanager
def _ledger(session: Session) -> Iterator[Custody]:
    """Its host alone is connected to, and only read."""
    with Connections(session) as connections, Custody(session, connections, "", change=False) as custody:
        connections.open([session.ledger])
        require_ledger(session, connections)
        custody.open()
        for text in custody.history.damaged:
            session.emit(ev.Note(f"the ledger is damaged: {text}", "warning"))
        yield custody


def _running(custody: Custody) -> str:
    holder = custody.holder
    return holder.claim.run if holder and not owner.gone(holder.claim.process) else ""


def _lines(session: Session, lines: Iterable[Line]) -> None:
    for line in lines:
        session.show(line)


def _record(release: Release, running: str) -> dict[str, Any]:
    entries = [codec.dump(entry) for entry in release.entries]
    outcome = outcome_text(release, running)
    return {"event": "Release", **asdict(release.head), "outcome": outcome, "entries": entries}
