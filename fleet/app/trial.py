"""The end of a trial: the new version is promoted, or aborted.

The ledger knows that there is one, the hosts how far it has come: so it may be another controller, and
another day.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from fleet.app.announce import announcing
from fleet.app.change import Change, Confirm, gathered
from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import reach, require_ledger
from fleet.app.records import between
from fleet.app.refs import admitted, unlock_record
from fleet.app.remembered import remembered
from fleet.app.session import Session
from fleet.app.wanted import Wanted, with_policy
from fleet.errors import Exit, UsageError
from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.model.refs import all_refs
from fleet.model.releases import Outcome, Record, Release, current
from fleet.plan.caveats import spared
from fleet.plan.recorded import by_role
from fleet.plan.tree import Trial
from fleet.plan.trial import next_stop
from fleet.plan.undo import undo
from fleet.report import events as ev


def promote(session: Session, confirm: Confirm) -> Exit:
    """The new version gets its next share, or takes over; what stood beside it goes then."""
    with Connections(session) as connections, _custody(session, connections, "promote") as custody:
        announcer = announcing(session, custody, "promote")
        release = _on_trial(session, connections, custody)
        record = custody.store.record(release.number)
        _set_out(session, record)
        registries = session.registries()
        session.unlock(all_refs(registries))
        skipped = reach(session, connections)
        hosts = [host.name for host in session.hosts]
        whole = _of(admitted(session, record, hosts, record.head.roles), hosts, record.head.roles)
        connections.witness(session.witnesses(whole))
        facts = _facts(session, connections, custody, whole)
        # The ledger says so: it was on trial before.
        desired = replace(
            whole,
            trial=_stops(whole, facts),
            watched=True,
            allow_downtime=session.options.allow_downtime,
            moving=session.moving,
        )
        wanted = Wanted(
            with_policy(desired, session.options.on_failure),
            whole,
            command="promote",
            goes_on=release,
            notes=skipped,
            skipped=tuple(finding.host for finding in skipped),
        )
        change = Change(session, connections, custody, registries, announcer, wanted, facts)
        change.show()
        change.refuse()
        code = change.go(confirm)
    return promoted(session, change) if code is Exit.OK else code


def promoted(session: Session, change: Change) -> Exit:
    """What went on trial goes on by itself with ``--promote auto``, and when its last share was for a time: a
    watch has found it good."""
    if session.options.check or not change.plan.trial:
        return Exit.OK
    if not session.options.auto_promote and not _by_itself(change.wanted.desired, change.plan.trial):
        return Exit.OK
    stages = [stage for stage in change.plan.stages if isinstance(stage, Trial)]
    if session.options.auto_promote and not any(stage.watch for stage in stages):
        session.emit(ev.Note("not promoted: nothing on trial has a watch (x-fleet.watch)", "error"))
        return Exit.FAILED
    if not stages:
        return Exit.OK
    if change.undecided:
        session.emit(ev.Note("not promoted: there was too little traffic to say", "error"))
        return Exit.FAILED
    again = Session.open(replace(session.options, limit="", roles=()), session.report, session.keyring)
    return promote(again, lambda question: True)


def _by_itself(desired: Desired, keys: Collection[str]) -> bool:
    """Every service on trial has stopped at a share that is for a time."""
    services = [one for state in desired.hosts for one in state.services if one.key in keys]
    return all(
        any(share.seconds and share.weight == desired.trial.get(one.key) for share in one.strategy.shares)
        for one in services
    )


def abort(session: Session, confirm: Confirm) -> Exit:
    """What stood there before the trial gets all requests again, and the new version goes."""
    with Connections(session) as connections, _custody(session, connections, "abort") as custody:
        announcer = announcing(session, custody, "abort")
        release = _on_trial(session, connections, custody, unfinished=True)
        before = [one for one in custody.history.releases if one.number < release.number]
        good = [one for one in before if one.outcome is Outcome.GOOD]
        if not good:
            raise UsageError(f"there is no good release before {release.number} ({release.head.version})")
        tried, record = (custody.store.record(one.number) for one in (release, good[-1]))
        _set_out(session, tried)
        registries = session.registries()
        session.unlock(all_refs(registries))
        skipped = reach(session, connections)
        hosts, roles = [host.name for host in session.hosts], tried.head.roles
        later = tuple(between(session, custody, record.head.number))
        back = replace(
            _of(admitted(session, record, hosts, roles), hosts, roles),
            version=record.head.version,
            remove_orphans=True,
            balancers=tried.desired.balancers,
            undo=undo(later, custody.history.releases, hosts),
            allow_downtime=session.options.allow_downtime,
            moving=session.moving,
        )
        unlock_record(session, record, back)
        connections.witness(session.witnesses(back))
        facts = _facts(session, connections, custody, back)
        wanted = Wanted(
            with_policy(back, "pause"),
            back,
            command="abort",
            goes_on=release,
            notes=skipped,
            skipped=tuple(finding.host for finding in skipped),
            spared=spared(record, later, facts),
            ends=Outcome.ROLLED_BACK,
        )
        change = Change(session, connections, custody, registries, announcer, wanted, facts)
        change.show()
        change.refuse()
        return change.go(confirm)


def _custody(session: Session, connections: Connections, doing: str) -> Custody:
    return Custody(session, connections, doing, change=not session.options.check)


def _on_trial(
    session: Session, connections: Connections, custody: Custody, *, unfinished: bool = False
) -> Release:
    """``unfinished``: also one that was cut off, or failed, on its way there. Raises UsageError when there is
    nothing to promote or abort, LedgerError, Locked."""
    connections.open([session.ledger])
    require_ledger(session, connections)
    custody.open()
    custody.secure()
    release = current(custody.history.releases)
    env = session.options.env
    if release is None:
        raise UsageError(f"nothing was released to {env} yet", hint=f"inv deploy --env {env}")
    begun = any(entry.outcome is Outcome.TRIAL for entry in release.entries)
    if not begun and unfinished and release.outcome in {Outcome.RUNNING, Outcome.FAILED}:
        states = custody.store.record(release.number).desired.hosts
        begun = any(one.strategy.tried for state in states for one in state.services)
    if release.outcome is Outcome.TRIAL or (begun and release.outcome is not Outcome.GOOD):
        return release
    name = f"release {release.number} ({release.head.version}) is {release.outcome.value}"
    if release.outcome in {Outcome.RUNNING, Outcome.FAILED}:
        hint = f"inv deploy --env {env} --resume goes on with it, inv rollback goes back"
    else:
        hint = "a deploy ends on trial when a service has x-fleet.strategy blue-green or canary"
    raise UsageError(f"nothing is on trial in {env}: {name}", hint=hint)


def _set_out(session: Session, record: Record) -> None:
    session.options = replace(session.options, version=record.head.version)
    session.hosts = tuple(host for host in session.hosts if host.name in record.head.hosts)


def _of(desired: Desired, hosts: list[str], roles: tuple[str, ...]) -> Desired:
    states = (state for state in desired.hosts if state.host in hosts)
    ours = tuple(by_role(state, roles) if roles else state for state in states)
    return replace(desired, hosts=ours, selected=roles)


def _facts(session: Session, connections: Connections, custody: Custody, desired: Desired) -> Facts:
    began = time.monotonic()
    facts = gathered(session, connections, custody, desired, session.registries(), asked=True)
    session.emit(ev.Gathered(len(facts.hosts), time.monotonic() - began))
    return remembered(facts, custody.history.releases)


def _stops(desired: Desired, facts: Facts) -> dict[str, int]:
    """Services that have a further share before they take over."""
    keys = dict.fromkeys(one.key for state in desired.hosts for one in state.services if one.strategy.tried)
    found = {key: next_stop(desired, facts, key) for key in keys}
    return {key: stop for key, stop in found.items() if stop}
