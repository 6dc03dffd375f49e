"""Rollback: a release is brought back as it was recorded, by the planner and executor of every deploy."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fleet.app.announce import announcing
from fleet.app.change import Change, Confirm, gathered
from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import reach
from fleet.app.records import between
from fleet.app.refs import todays_checks, unlock_record
from fleet.app.session import Session
from fleet.app.wanted import Wanted, with_policy
from fleet.config.sources import render_added
from fleet.errors import Exit
from fleet.model.desired import HostState
from fleet.model.hosts import Host
from fleet.model.jobs import Undo
from fleet.model.refs import all_refs
from fleet.model.releases import Record, Release, current, homes
from fleet.plan.caveats import secrets_changed, spared, volumes_kept
from fleet.plan.choose import choose, doubts
from fleet.plan.offered import offered
from fleet.plan.tree import Finding
from fleet.plan.undo import undo, undone
from fleet.plan.wish import joined, wish
from fleet.report import events as ev


def rollback(session: Session, confirm: Confirm, to: str) -> Exit:
    """``to``: a version or the number of a release; empty: the last good one before this."""
    doing = f"rollback to {to}" if to else "rollback"
    changing = not session.options.check
    with (
        Connections(session) as connections,
        Custody(session, connections, doing, change=changing) as custody,
    ):
        announcer = announcing(session, custody, "rollback", to)
        every = session.hosts
        skipped = reach(session, connections)
        custody.open()
        custody.secure()
        releases = custody.history.releases
        release = choose(releases, to)
        record = custody.store.record(release.number)
        session.options = replace(session.options, version=record.head.version)
        about = (
            f"release {release.number} ({record.head.version}), by {record.head.who} on {record.head.at[:10]}"
        )
        session.emit(ev.Note(f"back to {about}"))
        later = tuple(between(session, custody, release.number))

        registries = session.registries()
        session.unlock(all_refs(registries))
        added = _added(session, record, every)
        going = wish(record, session.inventory, added, [host.name for host in every], todays_checks(session))
        chosen = [host.name for host in session.hosts]
        states = tuple(state for state in going.desired.hosts if state.host in chosen)
        states += _holding(releases, chosen, states)
        undoing = undo(later, releases, chosen)
        # Hosts that stay where they are still need what a job did.
        desired = replace(
            going.desired,
            hosts=states,
            undo=() if session.options.limit else undoing,
            allow_downtime=session.options.allow_downtime,
            moving=session.moving,
        )
        unlock_record(session, record, desired)

        began = time.monotonic()
        connections.witness(session.witnesses(desired))
        facts = gathered(session, connections, custody, desired, registries, asked=True)
        session.emit(ev.Gathered(len(facts.hosts), time.monotonic() - began))
        notes = (
            *skipped,
            *doubts(releases, to, release),
            *going.findings,
            *secrets_changed(record, facts),
            *undone(record, releases),
            *(_stays(one) for one in undoing if session.options.limit),
        )
        wanted = Wanted(
            with_policy(desired, session.options.on_failure),
            going.desired,
            command="rollback",
            of=release.number,
            origin=record.head,
            notes=notes,
            sources=record.sources,
            skipped=tuple(finding.host for finding in skipped),
            spared=spared(record, later, facts),
        )
        change = Change(session, connections, custody, registries, announcer, wanted, facts)
        change.add(volumes_kept(change.plan))
        change.show()
        change.refuse()
        code = change.go(confirm)
        if code is Exit.OK:
            left = current(releases)
            for text in offered(change.plan, desired, facts, left.head.version if left else ""):
                session.emit(ev.Note(text))
        return code


def _holding(
    releases: Iterable[Release], chosen: Iterable[str], states: Iterable[HostState]
) -> tuple[HostState, ...]:
    """Hosts that the release did not have, and that hold data which its hosts may want back."""
    known = {state.host for state in states}
    holding = {home.host for found in homes(releases).values() for home in found}
    return tuple(HostState(host) for host in chosen if host in holding - known)


def _stays(one: Undo) -> Finding:
    what = f"job {one.job.key} of release {one.number} ({one.version}) is not undone"
    return Finding(False, what, "only a part of the hosts goes back, and the others still need what it did")


def _added(session: Session, record: Record, hosts: Iterable[Host]) -> Mapping[str, HostState]:
    """States of hosts that were added since, rendered from the roles as they were."""
    new = joined(record, session.inventory)
    names = [host.name for host in hosts if host.name in new]
    if not names:
        return {}
    states = render_added(
        record.sources, session.project, session.inventory, [session.everyone[name] for name in names],
        record.head.version, record.head.number,
    )  # fmt: skip
    return {state.host: state for state in states}
