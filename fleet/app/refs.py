"""What a record from the ledger may ask of this controller: secrets that somebody here has written down."""

from __future__ import annotations

from fleet.app.session import Session
from fleet.app.trust import untrusted
from fleet.errors import ConfigError, FleetError
from fleet.model.desired import Desired
from fleet.model.refs import all_refs
from fleet.model.releases import Record
from fleet.report import events as ev


def unlock_record(session: Session, record: Record, desired: Desired | None = None) -> None:
    """Resolve the secrets that a record, or ``desired`` made of it, refers to. Raises ConfigError for
    references that the project's files do not have: a host, which keeps the record, must not choose what is
    read or run here."""
    refs = all_refs(desired or record.desired)
    strange = untrusted(session.options.root, session.options.env, record.head.commit, refs)
    if strange:
        number, commit = record.head.number, record.head.commit[:12]
        names = "\n".join(sorted(str(ref) for ref in strange))
        where = f"git fetch, so that commit {commit} is here" if commit else "add them to the roles again"
        raise ConfigError(
            f"release {number} refers to secrets that the project's files do not know",
            why=names,
            hint=f"{where}: what a ledger alone says is neither read nor run on this machine",
        )
    session.unlock(refs)


def unlock_earlier(session: Session, record: Record) -> Record | None:
    """The release before, if a failed run can go back to it; else why not, before anything begins."""
    try:
        unlock_record(session, record)
    except FleetError as error:
        version = f"{record.head.version} (release {record.head.number})"
        text = f"should this fail, it cannot go back to {version} by its record: {error.what}"
        session.emit(ev.Note("\n".join([text, *error.why.splitlines()]), "warning"))
        return None
    return record
