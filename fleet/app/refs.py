"""What a record from the ledger may ask of this controller.

It lies on a host, and a host must not choose what is read or run here: so secrets are resolved that the
project's files give to that host, and checks are run that today's roles have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Set
from dataclasses import replace

from fleet.app.session import Session
from fleet.app.trust import untrusted, uses
from fleet.errors import ConfigError, FleetError
from fleet.model.desired import Desired
from fleet.model.gates import ControllerCheck
from fleet.model.releases import Record
from fleet.model.services import Service
from fleet.model.watch import Measure
from fleet.plan.recorded import by_role
from fleet.plan.trusted import controller_checks, trusted
from fleet.report import events as ev


def todays_checks(session: Session) -> Set[ControllerCheck]:
    """Commands that today's roles let gates run on the controller. A checkout that is broken allows none."""
    with contextlib.suppress(FleetError):
        return controller_checks(session.desired())
    return frozenset()


def unlock_record(session: Session, record: Record, desired: Desired) -> None:
    """Resolve the secrets that ``desired``, made of a record, takes. Raises ConfigError for those that the
    project's files do not give to that host, now or at a recorded commit."""
    asked, head = set(uses(desired)), record.head
    strange = untrusted(session.inventory, (head.commit, *head.commits), asked)
    if strange:
        commit = head.commit[:12]
        names = "\n".join(sorted(str(ref) for ref in strange))
        where = f"git fetch, so that commit {commit} is here" if commit else "add them to the roles again"
        raise ConfigError(
            f"release {head.number} refers to secrets that the project's files do not know",
            why=names,
            hint=f"{where}: what a ledger alone says is neither read nor run on this machine",
        )
    session.unlock(use.ref for use in asked)


def admitted(
    session: Session, record: Record, hosts: Collection[str] | None = None, roles: Collection[str] = ()
) -> Desired:
    """The record's state with its secrets resolved, and without commands that nobody here has written.
    ``hosts`` and ``roles`` (None, empty: all) are those that the run touches: of others no secret is read.
    Raises ConfigError."""
    unlock_record(session, record, _part(record.desired, hosts, roles))
    known, asked = todays_checks(session), controller_checks(record.desired)
    for check in sorted(asked - known, key=str):
        text = f"a check of release {record.head.number} that no role has today is left out"
        session.emit(ev.Note(f"{text}: {' '.join(check.command)}", "warning"))
    measures = todays_measures(session)
    states = tuple(
        replace(state, services=tuple(_trusted(one, known, measures) for one in state.services))
        for state in record.desired.hosts
    )
    return replace(record.desired, hosts=states)


def todays_measures(session: Session) -> Set[Measure]:
    """What today's roles let the controller measure: a measure runs a command here, or asks a server."""
    with contextlib.suppress(FleetError):
        services = [one for state in session.desired().hosts for one in state.services]
        return frozenset(measure for one in services if one.watch for measure in one.watch.measures)
    return frozenset()


def _trusted(one: Service, checks: Collection[ControllerCheck], measures: Collection[Measure]) -> Service:
    watch = one.watch
    if watch:
        watch = replace(watch, measures=tuple(known for known in watch.measures if known in measures))
    return replace(one, gate=trusted(one.gate, checks), watch=watch)


def unlock_earlier(
    session: Session, record: Record, hosts: Collection[str] | None = None, roles: Collection[str] = ()
) -> Desired | None:
    """The release before, if a failed run on ``hosts`` and ``roles`` can go back to it; else why not, before
    anything begins."""
    try:
        return admitted(session, record, hosts, roles)
    except FleetError as error:
        version = f"{record.head.version} (release {record.head.number})"
        text = f"should this fail, it cannot go back to {version} by its record: {error.what}"
        hint = [f"→ {error.hint}"] if error.hint else []
        session.emit(ev.Note("\n    ".join([text, *error.why.splitlines(), *hint]), "warning"))
        return None


def _part(desired: Desired, hosts: Collection[str] | None, roles: Collection[str]) -> Desired:
    states = (state for state in desired.hosts if hosts is None or state.host in hosts)
    return replace(desired, hosts=tuple(by_role(state, roles) if roles else state for state in states))
