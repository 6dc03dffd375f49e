"""Records of several releases, read from the ledger one by one."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.app.custody import Custody
from fleet.app.session import Session
from fleet.errors import LedgerError
from fleet.model.releases import Record
from fleet.report import events as ev


def between(session: Session, custody: Custody, after: int, before: int | None = None) -> Iterator[Record]:
    """Those of releases after ``after`` and, when given, before ``before``; the newest first. One that
    cannot be read is told: what it brought to the hosts, and its jobs, are left alone."""
    for one in reversed(custody.history.releases):
        if one.number > after and (before is None or one.number < before):
            try:
                yield custody.store.record(one.number)
            except LedgerError as error:
                session.emit(ev.Note(f"{error.what}: {error.why}; what it brought stays", "warning"))
