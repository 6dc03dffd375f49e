"""Who runs what: version, health, drift and uptime of every service on every host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from fleet.app.connections import Connections
from fleet.app.custody import Custody, told
from fleet.app.session import Session
from fleet.app.state import version_of
from fleet.app.told import told as causes
from fleet.errors import Exit, FleetError
from fleet.model.balancing import WEIGHT, BalancerView, Membership
from fleet.model.desired import Desired, HostState
from fleet.model.found import Container, Facts, HostFacts, Unknown
from fleet.model.leases import Holder
from fleet.model.releases import Outcome, Release, current, drained, left_behind
from fleet.model.services import Service
from fleet.model.slots import slot_of
from fleet.plan.traffic import lane
from fleet.report.names import fold
from fleet.report.plan_text import Line
from fleet.run import owner

COLUMNS = ("service", "host", "version", "health", "up", "drift")


@dataclass(frozen=True, slots=True)
class Row:
    service: str
    host: str
    version: str
    health: str
    up: str
    drift: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the hosts. ``lines`` are about all of them."""

    rows: tuple[Row, ...]
    lines: tuple[Line, ...]


def status(session: Session) -> Exit:
    """Works on whatever answers; hosts that do not are told below the table. Exit 69 if there are any."""
    desired = session.desired()
    with Connections(session) as connections:
        connections.open(dict.fromkeys([*session.hosts, session.ledger]))
        seen = look(session, connections, desired)
    if session.options.json:
        for row in seen.rows:
            session.report.record({"event": "Status", **asdict(row)})
    else:
        session.report.table(COLUMNS, [tuple(asdict(row).values()) for row in seen.rows])
        for line in seen.lines:
            session.show(line)
    if connections.errors:
        session.report.error(session.masked(causes(connections.errors)))
    return Exit.UNREACHABLE if connections.errors else Exit.OK


def look(session: Session, connections: Connections, desired: Desired) -> Seen:
    """What the hosts that are connected run now. Those that fail meanwhile go to the connections' errors;
    the host of the ledger only when it is one of the run."""
    with Custody(session, connections, "", change=False) as custody:
        first = custody.first() if custody.host in connections.transports else None
        facts = connections.facts(desired, registries=None, first=first)
        releases, holder, trouble = _ledger(session, custody)
    if custody.host not in {host.name for host in session.hosts}:
        connections.errors.pop(custody.host, None)
    now = datetime.now(UTC)
    behind = left_behind(releases)
    facts = replace(facts, drained=drained(releases))
    rows = sorted(
        (row for state in desired.hosts if state.host in facts.hosts
         for row in host_rows(desired, state, facts, now, behind.get(state.host, 0))),
        key=lambda row: row.service,
    )  # fmt: skip
    versions = ", ".join(sorted({row.version for row in rows} - {"-"})) or "none"
    hosts = f"{len(facts.hosts)} {'host' if len(facts.hosts) == 1 else 'hosts'}"
    lines = [Line(f"{session.options.env}: {hosts}, versions: {versions}", "title")]
    lines += _about(session.options.env, releases, holder, now)
    if trouble:
        lines.append(Line(f"warning: the releases are not known: {trouble}", "warning"))
    return Seen(tuple(rows), tuple(lines))


def _ledger(session: Session, custody: Custody) -> tuple[tuple[Release, ...], Holder | None, str]:
    """The history and who works now; or why that is not known, which is no reason to show nothing."""
    try:
        return custody.history.releases, custody.holder, ""
    except FleetError as error:
        return (), None, f"{custody.host}: {error.what}"


def _about(env: str, releases: tuple[Release, ...], holder: Holder | None, now: datetime) -> Iterator[Line]:
    """The release that the environment is at, what is wrong with it, and who works now."""
    if holder and not owner.gone(holder.claim.process):
        yield Line(told(env, holder), "warning")
    release = current(releases)
    if release is None:
        return
    name = f"release {release.number} ({release.head.version})"
    running = release.outcome is Outcome.RUNNING
    on = f"inv deploy --env {env} --resume goes on with it"
    if release.tried:
        on = f"it is still on trial: inv promote --env {env} goes on with it, inv abort takes it back"
    if running and (not holder or owner.gone(holder.claim.process)):
        yield Line(f"{name} was cut off; {on}", "error")
    elif release.outcome is Outcome.FAILED:
        yield Line(f"{name} failed and is on a part of the hosts; {on}", "error")
    elif release.outcome is Outcome.TRIAL:
        text = f"{name} is on trial; inv promote --env {env} goes on with it, inv abort takes it back"
        yield Line(text, "warning")
    elif release.outcome is Outcome.GOOD:
        yield Line(f"{name}, by {release.head.who} {since(release.head.at, now)} ago", "faint")
    if out := drained(releases):
        yield Line(f"out of traffic by hand: {fold(out)}; inv ready HOST ends it", "warning")
    behind = left_behind(releases)
    if behind:
        text = f"left behind: {fold(behind)}; inv converge --env {env} brings them up"
        yield Line(text, "warning")


def host_rows(
    desired: Desired, state: HostState, every: Facts, now: datetime, behind: int = 0
) -> Iterator[Row]:
    """The wanted services, missing ones too, and ours that nobody wants. ``behind``: the number of the
    release that left the host out."""
    facts = every.hosts[state.host]
    if isinstance(facts.engine, Unknown) or isinstance(facts.containers, Unknown):
        problem = facts.engine if isinstance(facts.engine, Unknown) else facts.containers
        reason = problem.reason if isinstance(problem, Unknown) else ""
        yield Row("-", state.host, "-", "unknown", "-", reason)
        return
    wanted = {(service.role, service.name): service for service in state.services}
    seen = set()
    for one in facts.of_services:
        if desired.selected and one.role not in desired.selected:
            continue
        seen.add((one.role, one.service))
        drift = [f"behind since release {behind}"] if behind else []
        service = wanted.get((one.role, one.service))
        drift += _drift(one, service, facts)
        drift += _requests(desired, every, service or one.definition, one, state.host)
        if (one.role, one.service) not in wanted:
            drift.append("not wanted")
        yield Row(
            f"{one.role}.{one.service}",
            state.host,
            version_of(one),
            health_of(one),
            since(one.started_at, now) if one.running else "-",
            ", ".join(drift) or "none",
        )
    for role, name in wanted.keys() - seen:
        yield Row(f"{role}.{name}", state.host, "-", "absent", "-", "not deployed")


def _requests(
    desired: Desired, facts: Facts, service: Service | None, one: Container, host: str
) -> Iterator[str]:
    """How its balancers treat it, when that is not as usual."""
    slot = slot_of(service, one.name) if service else 0
    if service is None or not slot or service.load_balancer is None:
        return
    yield from _paged(desired, facts, service.load_balancer)
    here = lane(desired, facts, service, host)
    if here.kept_out:
        yield f"out of traffic ({here.kept_out})"
    elif here.server(slot) and here.weight(slot) != WEIGHT:
        weight = here.weight(slot)
        yield f"{weight} % of its requests" if weight else "gets no requests"


def _paged(desired: Desired, facts: Facts, member: Membership) -> Iterator[str]:
    ours = (one.host for one in desired.balancers if one.role == member.role)
    views = {name: view for name in ours if isinstance(view := facts.balancers.get(name), BalancerView)}
    if paged := [name for name, view in views.items() if member.backend in view.paged]:
        yield "answered by a page" if len(paged) == len(views) else f"answered by a page on {fold(paged)}"


def health_of(one: Container) -> str:
    if not one.running:
        return f"{one.state} ({one.exit_code})"
    return one.health or "running"


def _drift(one: Container, service: Service | None, facts: HostFacts) -> Iterator[str]:
    yield from one.altered
    if service and service.configs:
        yield from _config_drift(service, facts)
    if service and service.secrets:
        if isinstance(facts.sealed, Unknown):
            yield f"not known: {facts.sealed.reason}"
        elif not facts.sealed.get(service.secret_dir):
            yield "secret files gone (after a reboot: deploy again)"
    if one.restart_count:
        yield f"{one.restart_count} restarts"


def _config_drift(service: Service, facts: HostFacts) -> Iterator[str]:
    if isinstance(facts.dirs, Unknown):
        yield f"not known: {facts.dirs.reason}"
        return
    for config in service.configs:
        found = facts.dirs.get(config.directory)
        if found and not found.intact:
            yield f"{config.directory} edited"


def since(started_at: str, now: datetime) -> str:
    """``2026-01-31T10:00:00.123456789Z`` → ``3d``, ``5h``, ``12m`` or ``8s``."""
    try:
        whole = started_at.partition(".")[0].removesuffix("Z").removesuffix("+00:00")
        start = datetime.fromisoformat(f"{whole}+00:00")
    except ValueError:
        return "-"
    seconds = max(0, int((now - start).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
