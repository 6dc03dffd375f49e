"""What a record from the ledger may ask of this controller.

It lies on a host, and a host must not choose what is read or run here: so secrets are resolved that the
project's files refer to, and checks are run that today's roles have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Set
from dataclasses import replace

from fleet.app.session import Session
from fleet.app.trust import untrusted
from fleet.errors import ConfigError, FleetError
from fleet.model.desired import Desired
from fleet.model.gates import ControllerCheck
from fleet.model.refs import all_refs
from fleet.model.releases import Record
from fleet.plan.trusted import controller_checks, trusted
from fleet.report import events as ev
from fleet.secret import SecretRef


def todays_checks(session: Session) -> Set[ControllerCheck]:
    """Commands that today's roles let gates run on the controller. A checkout that is broken allows none."""
    with contextlib.suppress(FleetError):
        return controller_checks(session.desired())
    return frozenset()


def unlock_record(session: Session, record: Record, desired: Desired) -> None:
    """Resolve the secrets that ``desired``, made of a record, refers to. Raises ConfigError for those that
    the project's files do not have, now or at the recorded commit."""
    strange = {
        ref
        for role, refs in _by_role(desired).items()
        for ref in untrusted(session.options.root, session.options.env, record.head.commit, refs, role)
    }
    if strange:
        number, commit = record.head.number, record.head.commit[:12]
        names = "\n".join(sorted(str(ref) for ref in strange))
        where = f"git fetch, so that commit {commit} is here" if commit else "add them to the roles again"
        raise ConfigError(
            f"release {number} refers to secrets that the project's files do not know",
            why=names,
            hint=f"{where}: what a ledger alone says is neither read nor run on this machine",
        )
    session.unlock(all_refs(desired))


def _by_role(desired: Desired) -> dict[str, set[SecretRef]]:
    """A role gets no secret that only another one asks for."""
    found: dict[str, set[SecretRef]] = {}
    for state in desired.hosts:
        for service in state.services:
            found.setdefault(service.role, set()).update(all_refs(service))
    for one in desired.undo:
        found.setdefault(one.job.role, set()).update(all_refs(one.service))
    # Nothing else of a state may hold a secret; if it does, any role may have asked for it.
    found[""] = all_refs(desired) - set().union(*found.values())
    return found


def admitted(session: Session, record: Record) -> Desired:
    """The record's state with its secrets resolved, and without commands that nobody here has written.
    Raises ConfigError."""
    unlock_record(session, record, record.desired)
    known, asked = todays_checks(session), controller_checks(record.desired)
    for check in sorted(asked - known, key=str):
        text = f"a check of release {record.head.number} that no role has today is left out"
        session.emit(ev.Note(f"{text}: {' '.join(check.command)}", "warning"))
    states = tuple(
        replace(state, services=tuple(replace(one, gate=trusted(one.gate, known)) for one in state.services))
        for state in record.desired.hosts
    )
    return replace(record.desired, hosts=states)


def unlock_earlier(session: Session, record: Record) -> Desired | None:
    """The release before, if a failed run can go back to it; else why not, before anything begins."""
    try:
        return admitted(session, record)
    except FleetError as error:
        version = f"{record.head.version} (release {record.head.number})"
        text = f"should this fail, it cannot go back to {version} by its record: {error.what}"
        hint = [f"→ {error.hint}"] if error.hint else []
        session.emit(ev.Note("\n    ".join([text, *error.why.splitlines(), *hint]), "warning"))
        return None
