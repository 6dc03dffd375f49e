"""Where the hosts are not as the last release left them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import require_ledger
from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import Exit
from fleet.model.desired import Desired, HostState
from fleet.model.releases import Record, current
from fleet.plan.compare import Change
from fleet.plan.drift import drift as difference
from fleet.plan.recorded import by_role
from fleet.report.plan_text import Line
from fleet.report.releases_text import change_lines, named


def drift(session: Session) -> Exit:
    """Works on whatever answers, but for the host of the ledger. Exit 69 when a host did not answer, 75 when
    one is not as it was left."""
    env = session.options.env
    with Connections(session) as connections, Custody(session, connections, "", change=False) as custody:
        connections.open(dict.fromkeys([*session.hosts, session.ledger]))
        require_ledger(session, connections)
        custody.open()
        release = current(custody.history.releases)
        if release is None:
            session.show(Line(f"nothing was deployed to {env} yet: there is nothing to differ from"))
            return Exit.OK
        record = custody.store.record(release.number)
        wanted = _wanted(session, record)
        facts = connections.facts(wanted, registries=None)
    changes = difference(wanted, record.marks, facts)
    for change in changes:
        session.report.record({"event": "Drift", **asdict(change)})
    for line in _lines(env, record, changes, len(facts.hosts)):
        session.show(line)
    if connections.errors:
        session.report.error(session.masked(told(connections.errors)))
        return Exit.UNREACHABLE
    return Exit.DRIFT if changes else Exit.OK


def _wanted(session: Session, record: Record) -> Desired:
    """What was deployed to the hosts of the run; what stands on a host that has no part in it was not."""
    known = {state.host: state for state in record.desired.hosts}
    states = [known.get(host.name, HostState(host.name)) for host in session.hosts]
    roles = session.options.roles
    if roles:
        states = [by_role(state, roles) for state in states]
    return replace(record.desired, hosts=tuple(states), selected=roles)


def _lines(env: str, record: Record, changes: Sequence[Change], hosts: int) -> Iterator[Line]:
    left = f"{named(record)} left {'it' if hosts == 1 else 'them'}"
    if not changes:
        yield Line(f"{env}: {hosts} {'host is' if hosts == 1 else 'hosts are'} as {left}", "add")
        return
    differ = {host for change in changes for host in change.hosts}
    are = "1 host is" if len(differ) == 1 else f"{len(differ)} hosts are"
    yield Line(f"{env}: {are} not as {named(record)} left {'it' if len(differ) == 1 else 'them'}", "title")
    yield from change_lines(changes)
    yield Line("")
    yield Line(f"inv converge --env {env} brings them back to it; add --check to look first")
