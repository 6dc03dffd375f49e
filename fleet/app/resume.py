"""Going on with a release: where its run stopped, or on hosts that were left behind."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from fleet.app.announce import Announcer, announcing
from fleet.app.change import Change, Confirm, gathered
from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.deploy import tried
from fleet.app.reach import reach, require_ledger
from fleet.app.records import between
from fleet.app.refs import admitted, unlock_record
from fleet.app.session import Session
from fleet.app.wanted import Wanted, with_policy
from fleet.errors import Exit, UsageError
from fleet.model.desired import Desired
from fleet.model.refs import all_refs
from fleet.model.releases import Outcome, Record, Release, current, left_behind
from fleet.plan.caveats import spared
from fleet.plan.tree import Finding
from fleet.plan.undo import undo
from fleet.report import events as ev

UNFINISHED = (Outcome.RUNNING, Outcome.FAILED)


def resume(session: Session, confirm: Confirm, *, only_failed: bool = False) -> Exit:
    """Go on with the last release, as it was recorded. ``only_failed``: on the hosts that failed."""
    with Connections(session) as connections, _custody(session, connections, "go on") as custody:
        announcer = announcing(session, custody, "deploy")
        connections.open([session.ledger])
        release = _unfinished(session, custody, connections)
        failed = release.last.failed if release.last else ()
        if only_failed and not failed:
            raise UsageError(
                f"no host failed in release {release.number} ({release.head.version})",
                hint=f"inv deploy --env {session.options.env} --resume goes on with it on all hosts",
            )
        record = custody.store.record(release.number)
        _set_out(session, record, failed if only_failed else record.head.hosts)
        return _carry_on(
            session, connections, custody, announcer, record, release, confirm, record.head.roles
        )


def converge(session: Session, confirm: Confirm) -> Exit:
    """Bring every host to the current release: those that a run left behind, and those that drifted."""
    with Connections(session) as connections, _custody(session, connections, "converge") as custody:
        announcer = announcing(session, custody, "converge")
        connections.open([session.ledger])
        _look(session, custody, connections)
        releases = custody.history.releases
        release = current(releases)
        if release is None:
            env = session.options.env
            raise UsageError(f"nothing was released to {env} yet", hint=f"inv deploy --env {env}")
        _not_on_trial(session, release)
        if release.outcome in UNFINISHED:
            resume = f"inv deploy --env {session.options.env} --resume"
            raise UsageError(
                f"release {release.number} ({release.head.version}) is unfinished",
                hint=f"{resume} goes on with it, inv rollback goes back",
            )
        record = custody.store.record(release.number)
        behind = left_behind(releases)
        if behind:
            session.emit(ev.Note(f"left behind so far: {', '.join(behind)}"))
        _set_out(session, record, [state.host for state in record.desired.hosts])
        return _carry_on(session, connections, custody, announcer, record, release, confirm, ())


def _custody(session: Session, connections: Connections, doing: str) -> Custody:
    return Custody(session, connections, doing, change=not session.options.check)


def _look(session: Session, custody: Custody, connections: Connections) -> None:
    require_ledger(session, connections)
    custody.open()
    custody.secure()


def _unfinished(session: Session, custody: Custody, connections: Connections) -> Release:
    """The newest release, when there is something to go on with. Raises UsageError, Locked."""
    _look(session, custody, connections)
    env = session.options.env
    releases = custody.history.releases
    if not releases:
        raise UsageError(f"nothing was released to {env} yet", hint=f"inv deploy --env {env}")
    last = current(releases) or releases[-1]
    _not_on_trial(session, last)
    if last.outcome not in UNFINISHED or last.unbegun:
        raise UsageError(
            f"nothing to go on with: release {last.number} ({last.head.version}) is {last.outcome.value}",
            hint=f"inv converge --env {env} brings up hosts that were left behind",
        )
    return last


def _not_on_trial(session: Session, release: Release) -> None:
    """Also when its promotion has failed: which of the two versions is wanted is not for us to say."""
    if release.tried:
        env = session.options.env
        raise UsageError(
            f"release {release.number} ({release.head.version}) is on trial in {env}",
            hint=f"inv promote --env {env} goes on with it, inv abort --env {env} takes it back",
        )


def _set_out(session: Session, record: Record, hosts: Collection[str]) -> None:
    """The session's hosts become those of the release, as far as the inventory still has them."""
    session.options = replace(session.options, version=record.head.version)
    session.hosts = tuple(host for host in session.hosts if host.name in hosts)
    if not session.hosts:
        raise UsageError(f"none of the hosts of release {record.head.number} is in the inventory any more")


def _carry_on(
    session: Session,
    connections: Connections,
    custody: Custody,
    announcer: Announcer,
    record: Record,
    release: Release,
    confirm: Confirm,
    roles: tuple[str, ...],
) -> Exit:
    registries = session.registries()
    session.unlock(all_refs(registries))
    recorded = admitted(session, record, {*record.head.hosts, *(host.name for host in session.hosts)}, roles)
    began = time.monotonic()
    chosen = {host.name for host in session.hosts}
    skipped = reach(session, connections)
    whole = _of(recorded, [host.name for host in session.hosts], roles)
    later: tuple[Record, ...] = ()
    if record.head.of:
        # A rollback also takes away: what later releases brought, and what their jobs did.
        later = tuple(between(session, custody, record.head.of, record.head.number))
        undoing = undo(later, custody.history.releases, [host.name for host in session.hosts])
        whole = replace(whole, remove_orphans=True, undo=() if record.head.limited else undoing)
        unlock_record(session, record, whole)
    # A good release has none before it that a repair could go back to.
    policy = "pause" if release.outcome is Outcome.GOOD else session.options.on_failure
    desired = replace(
        with_policy(whole, policy), allow_downtime=session.options.allow_downtime, moving=session.moving
    )
    if record.head.command == "deploy" and release.outcome is not Outcome.GOOD:
        desired = tried(desired)
    rest = _of(recorded, set(record.head.hosts) - chosen, roles).hosts
    rest = tuple(state for state in rest if state.host in session.everyone)
    connections.witness([*session.witnesses(desired), *(session.everyone[one.host] for one in rest)])
    every = replace(desired, hosts=(*desired.hosts, *rest))
    facts = gathered(session, connections, custody, every, registries, asked=True)
    session.emit(ev.Gathered(len(facts.hosts), time.monotonic() - began))
    notes = (*skipped, *_gone(record, session))
    wanted = Wanted(
        desired,
        whole,
        "converge" if release.outcome is Outcome.GOOD else record.head.command,
        goes_on=release,
        notes=notes,
        skipped=tuple(finding.host for finding in skipped),
        rest=rest,
        spared=spared(record, later, facts) if record.head.of else frozenset(),
    )
    change = Change(session, connections, custody, registries, announcer, wanted, facts)
    change.show()
    change.refuse()
    return change.go(confirm)


def _of(desired: Desired, hosts: Collection[str], roles: tuple[str, ...]) -> Desired:
    states = tuple(
        replace(state, services=tuple(one for one in state.services if not roles or one.role in roles))
        for state in desired.hosts
        if state.host in hosts
    )
    return replace(desired, hosts=states, selected=roles)


def _gone(record: Record, session: Session) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            False, f"{state.host} was in release {record.head.number} and is not in the inventory any more"
        )
        for state in record.desired.hosts
        if state.host not in session.everyone
    )
