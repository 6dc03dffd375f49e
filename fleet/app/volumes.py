"""Volumes of an environment: which there are and where, and what is done to them by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.deploy import deploy
from fleet.app.reach import require_ledger
from fleet.app.remembered import remembered
from fleet.app.removing import Removing, There, carry_out
from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import Exit, FleetError, UsageError
from fleet.model.found import Facts, Unknown
from fleet.model.releases import current
from fleet.ops.containers import Remove
from fleet.ops.drop_volume import DropVolume
from fleet.plan.tree import Step
from fleet.plan.volume_cases import short
from fleet.plan.volume_confirm import confirm as removal
from fleet.plan.volume_rows import Row, rows
from fleet.report import events as ev
from fleet.report.plan_text import plan_lines
from fleet.suggest import suggest

Confirm = Callable[[str], bool]
COLUMNS = ("volume", "role", "host", "state", "generation", "last writer", "drift")
SIZES = "docker system df -v --format '{{range .Volumes}}{{println \"size\" .Name .Size}}{{end}}'"
SIZES_SECONDS = 600


def volumes(session: Session, *, sizes: bool) -> Exit:
    """Works on whatever answers. ``sizes``: also how large they are, which the engines have to count. Exit 69
    when a host does not answer."""
    desired = session.desired()
    with Connections(session) as connections, Custody(session, connections, "", change=False) as custody:
        connections.open(dict.fromkeys([*session.hosts, session.ledger]))
        require_ledger(session, connections)
        custody.open()
        facts = remembered(connections.facts(desired, registries=None), custody.history.releases)
        counted = _sizes(session, connections) if sizes else {}
    found = rows(desired, facts)
    if session.options.json:
        for row in found:
            size = {"size": counted.get((row.host, row.volume), "")} if sizes else {}
            session.report.record({"event": "Volume", **asdict(row), **size})
    else:
        columns = (*COLUMNS[:3], "size", *COLUMNS[3:]) if sizes else COLUMNS
        session.report.table(columns, [_cells(row, counted, sizes=sizes) for row in found])
    if connections.errors:
        session.report.error(session.masked(told(connections.errors)))
    return Exit.UNREACHABLE if connections.errors else Exit.OK


def confirm_move(session: Session, confirm: Confirm, name: str) -> Exit:
    """What was moved away is removed where it came from. Raises FleetError when that cannot be."""
    desired = session.desired()
    with (
        Connections(session) as connections,
        Custody(session, connections, f"volumes confirm {name}") as custody,
    ):
        connections.open(dict.fromkeys([*session.hosts, session.ledger]))
        require_ledger(session, connections)
        connections.require_all()
        custody.open()
        custody.secure()
        facts = connections.facts(desired, registries=None)
        connections.require_all()
        plan = removal(desired, facts, name)
        lines = [*plan_lines(plan)]
        for line in lines:
            session.show(line)
        if plan.errors:
            raise FleetError(
                f"nothing was removed: {plan.errors[0].what}",
                hint=plan.errors[0].hint,
                host=plan.errors[0].host,
            )
        question = f"Remove this data from {session.options.env}, for good?"
        if not session.options.yes and not confirm(question):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED

        def look() -> There:
            found = connections.facts(desired, registries=None)
            return lambda step: _there(step, found)

        what = Removing("volumes", plan, lines, look, _removed)
        return carry_out(session, connections, custody, what)


def move(session: Session, confirm: Confirm, name: str, to: str) -> Exit:
    """A deploy of the role alone, at the version that the environment has. Where a role runs is what the
    inventory says; raises UsageError when it says something else."""
    desired = session.desired()
    known = {short(desired, one): one for state in desired.hosts for one in state.volumes if one.of_host}
    known |= {one.name: one for one in known.values()}
    if name not in known:
        raise UsageError(
            f"no role has a volume {name}{suggest(name, known)}", hint=f"known: {', '.join(known) or 'none'}"
        )
    volume = known[name]
    wanting = [state.host for state in desired.hosts if volume.name in {one.name for one in state.volumes}]
    if to not in wanting:
        raise UsageError(
            f"role {volume.role} does not run on {to}, so its volume has no use there",
            why=f"it runs on {', '.join(wanting)}",
            hint=f"put {to} into group {volume.role} of hosts.yml in place of the host that it leaves; "
            f"inv deploy then moves it, too",
        )
    with Connections(session) as connections, Custody(session, connections, "", change=False) as custody:
        connections.open([session.ledger])
        require_ledger(session, connections)
        custody.open()
        release = current(custody.history.releases)
    if release is None:
        raise UsageError(f"nothing was released to {session.options.env} yet, so there is nothing to move")
    options = replace(session.options, version=release.head.version, roles=(volume.role,))
    return deploy(Session.open(options, session.report, session.keyring), confirm)


def _cells(row: Row, sizes_of: Mapping[tuple[str, str], str], *, sizes: bool) -> tuple[str, ...]:
    size = (sizes_of.get((row.host, row.volume), "-"),) if sizes else ()
    return (row.name, row.role, row.host, *size, row.state, row.generation, row.writer, row.drift)


def _sizes(session: Session, connections: Connections) -> dict[tuple[str, str], str]:
    """By host and full name; a host that does not tell is not in it."""
    names = {host.name for host in session.hosts}
    asked = {name: one for name, one in connections.transports.items() if name in names}

    def one(host: str) -> dict[tuple[str, str], str]:
        try:
            answer = asked[host].run(SIZES, timeout=SIZES_SECONDS)
        except FleetError as error:
            connections.errors[host] = error
            return {}
        lines = (line.split() for line in answer.out.decode("utf-8", "replace").splitlines())
        return {(host, line[1]): line[2] for line in lines if line[:1] == ["size"] and len(line) == 3}

    with ThreadPoolExecutor(max(1, min(session.parallel, len(asked)))) as pool:
        return {key: size for found in pool.map(one, asked) for key, size in found.items()}


def _removed(gone: Collection[Step]) -> str:
    hosts = dict.fromkeys(step.host for step in gone if isinstance(step.op, DropVolume))
    return f"removed from {', '.join(hosts)}" if hosts else "no volume was removed"


def _there(step: Step, facts: Facts) -> bool | None:
    """Is what the step removes still there? None: nobody knows."""
    host = facts.hosts.get(step.host)
    if host is None:
        return None
    match step.op:
        case DropVolume(volume=volume):
            return volume in host.volumes if isinstance(host.volumes, Mapping) else None
        case Remove(id=id):
            found = host.containers
            return None if isinstance(found, Unknown) else any(one.id == id for one in found)
    return None
