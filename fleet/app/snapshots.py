"""Snapshots of a volume, by hand: taken, listed, brought back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from fleet.app.books import Books
from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.performing import carry_out
from fleet.app.reach import require_ledger
from fleet.app.remembered import remembered
from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import Exit, FleetError
from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.model.refs import all_refs
from fleet.model.releases import homes
from fleet.model.snapshots import Kind
from fleet.plan.homes import homes as where
from fleet.plan.snapshots_kept import kept
from fleet.plan.tree import Plan
from fleet.plan.volume_by_name import Named, Registries
from fleet.plan.volume_by_name import restore as restoring
from fleet.plan.volume_by_name import snapshot as taking
from fleet.plan.volume_cases import short
from fleet.report import events as ev
from fleet.report.plan_text import plan_lines
from fleet.run.volumes.preflight import size

Confirm = Callable[[str], bool]
Planned = Callable[[Desired, Facts, str, Registries], Plan]
COLUMNS = ("snapshot", "volume", "host", "release", "taken", "size", "why")


def snapshot(session: Session, name: str, to: str = "") -> Exit:
    """Of the volume ``name``, on each host of the run that has it; ``to``: the host that keeps it. Raises
    FleetError."""

    def planned(desired: Desired, facts: Facts, name: str, registries: Registries) -> Plan:
        return taking(desired, facts, name, registries, to)

    with (
        Connections(session) as connections,
        Custody(session, connections, f"volumes snapshot {name}{f' --to {to}' if to else ''}") as custody,
    ):
        desired, _, plan = prepared(session, connections, custody, name, planned)
        return carry_out(session, connections, custody, desired, plan, "snapshot", lambda: "")


def restore(session: Session, confirm: Confirm, name: str, id_: str) -> Exit:
    """The volume ``name`` becomes what the snapshot ``id_`` of it holds. Raises FleetError."""
    with (
        Connections(session) as connections,
        Custody(session, connections, f"volumes restore {name} --snapshot {id_}") as custody,
    ):

        def planned(desired: Desired, facts: Facts, name: str, registries: Registries) -> Plan:
            return restoring(desired, facts, name, id_, registries)

        desired, facts, plan = prepared(session, connections, custody, name, planned)
        question = f"Replace the data of {name} in {session.options.env} by this snapshot?"
        if not session.options.yes and not confirm(question):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED

        def remember() -> str:
            _tell(session, connections, custody, desired)
            runs = any(host.of_services for host in facts.hosts.values())
            return "" if runs else "; inv deploy starts its services"

        return carry_out(session, connections, custody, desired, plan, "restore", remember)


def listed(session: Session, name: str) -> Exit:
    """Which snapshots there are, of the volume ``name`` or of all. Works on whatever answers; exit 69 when a
    host does not."""
    desired = session.desired()
    with Connections(session) as connections, Custody(session, connections, "", change=False) as custody:
        connections.open(dict.fromkeys([*session.hosts, session.ledger]))
        require_ledger(session, connections)
        custody.open()
        facts = connections.facts(desired, registries=None)
    if name:
        _none_missing(Named.of(desired, name))
    rows = []
    for host, seen in facts.hosts.items():
        if not isinstance(seen.snapshots, Mapping):
            session.emit(ev.Note(f"{host}: {seen.snapshots.reason}", "warning"))
            continue
        called = {one.name: short(desired, one) for state in desired.hosts for one in state.volumes}
        for volume in seen.snapshots:
            if volume not in called or name not in {"", volume, called[volume]}:
                continue
            for one in kept(facts, host, volume)[::-1]:
                taken = f"{datetime.fromtimestamp(one.at).astimezone():%Y-%m-%d %H:%M}"
                held = f"{size(one.bytes)}{', a dump' if one.kind is Kind.DUMP else ''}"
                rows.append((one.id, called[volume], host, one.version or "-", taken, held, one.why or "-"))
                if session.options.json:
                    session.report.record({"event": "Snapshot", "host": host, **asdict(one)})
    if not session.options.json:
        session.report.table(COLUMNS, rows)
    if connections.errors:
        session.report.error(session.masked(told(connections.errors)))
    return Exit.UNREACHABLE if connections.errors else Exit.OK


def prepared(
    session: Session, connections: Connections, custody: Custody, name: str, planned: Planned
) -> tuple[Desired, Facts, Plan]:
    """Shown. Raises FleetError when it cannot be carried out."""
    desired = session.desired()
    registries = session.registries()
    session.unlock(all_refs(registries))
    connections.open(dict.fromkeys([*session.hosts, session.ledger]))
    require_ledger(session, connections)
    connections.require_all()
    custody.open()
    custody.secure()
    connections.witness(session.witnesses(desired))
    facts = remembered(connections.facts(desired, registries=None), custody.history.releases)
    connections.require_all()
    hosts = [host for host, _ in Named.of(desired, name).places]
    facts = connections.with_helper(desired, facts, registries, hosts)
    plan = planned(desired, facts, name, registries)
    lines = [*plan_lines(plan)]
    for line in lines:
        session.show(line)
    if session.options.json:
        session.emit(ev.Planned(tuple(line.text for line in lines)))
    if plan.errors:
        first = plan.errors[0]
        raise FleetError(f"nothing was changed: {first.what}", hint=first.hint, host=first.host)
    return desired, facts, plan


def _tell(session: Session, connections: Connections, custody: Custody, desired: Desired) -> None:
    """The ledger hears which generation lives now."""
    releases = custody.history.releases
    before = homes(releases)
    now = where(before, desired, connections.facts(desired, registries=None))
    if releases and now != before:
        books = Books(session, connections, custody, custody.store.record(releases[-1].number))
        books.tell(books.entry(None, volumes=now))


def _none_missing(named: Named) -> None:
    for finding in named.missing():
        raise FleetError(finding.what, hint=finding.hint)
