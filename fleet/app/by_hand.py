"""Hosts in and out of traffic by hand, and backends behind a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleet.app.books import Books
from fleet.app.change import Confirm
from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import require_ledger
from fleet.app.session import Session
from fleet.errors import Exit, FleetError, UsageError
from fleet.model.balancing import Server
from fleet.model.desired import Desired
from fleet.model.releases import drained
from fleet.model.servers import servers
from fleet.plan.tree import Admit, Drain
from fleet.report import events as ev
from fleet.report.names import fold
from fleet.run.balancers import Balancers
from fleet.run.page import page
from fleet.run.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Place:
    """A server of a host, and the service that it stands for."""

    host: str
    service: str
    server: Server
    timeout: float


def drain(session: Session, confirm: Confirm, why: str) -> Exit:
    """No requests to the hosts of the session until they are made ready again, whatever is deployed."""
    with Connections(session) as connections, _custody(session, connections, "drain") as custody:
        desired, balancers = _open(session, connections, custody)
        places = list(_places(desired))
        if not places:
            raise UsageError(f"no balancer sends requests to {_hosts(session)}")
        known = [one for one in places if balancers.knowing(one.server)]
        if not session.options.allow_downtime:
            _answering(balancers, places)
            _not_the_last(balancers, known)
        if not session.options.yes and not confirm(f"Take {_hosts(session)} out of traffic?"):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED
        out = {**drained(custody.history.releases), **dict.fromkeys(_names(session), why)}
        _remember(session, connections, custody, out)
        for one in known:
            Traffic(balancers).drain(Drain(one.host, one.service, one.server, one.timeout))
        for host, backend in dict.fromkeys((one.host, one.server.backend) for one in known):
            session.emit(ev.Note(f"{host}: no requests from {backend} any more"))
        session.emit(
            ev.Note(f"{_hosts(session)} stays out of traffic until: inv ready {session.options.limit}")
        )
        return Exit.OK


def ready(session: Session, confirm: Confirm) -> Exit:
    """The hosts of the session get requests again, where they are healthy."""
    with Connections(session) as connections, _custody(session, connections, "ready") as custody:
        desired, balancers = _open(session, connections, custody)
        if not session.options.yes and not confirm(f"Send requests to {_hosts(session)} again?"):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED
        kept = drained(custody.history.releases)
        out = {host: why for host, why in kept.items() if host not in _names(session)}
        if out != kept:
            _remember(session, connections, custody, out)
        sick: list[str] = []
        for host in _names(session):
            views = [(one, balancers.knowing(one.server)) for one in _places(desired) if one.host == host]
            up = [(one, seen) for one, seen in views if seen and all(view.up for _, view in seen)]
            for one, seen in up:
                weight = min(view.weight for _, view in seen)
                Traffic(balancers).admit(Admit(one.host, one.service, one.server, weight))
            for backend in dict.fromkeys(one.server.backend for one, _ in up):
                session.emit(ev.Note(f"{host}: gets requests of {backend} again"))
            if views and not up:
                checks = {f"{lb.host} finds {view.check}" for _, seen in views for lb, view in seen}
                sick.append(f"{host}: {', '.join(sorted(checks)) or 'no balancer knows it'}")
        if sick:
            raise FleetError(
                "no balancer finds it healthy, so it gets no requests yet",
                why="\n".join(sick),
                hint=f"bring it up: inv converge --env {session.options.env} --limit {session.options.limit}",
            )
        return Exit.OK


def maintenance(session: Session, confirm: Confirm, backend: str, *, on: bool) -> Exit:
    """A page instead of the backend, on every balancer that has it; or the backend again."""
    with Connections(session) as connections, _custody(session, connections, "maintenance") as custody:
        desired, balancers = _open(session, connections, custody)
        known = {
            one.load_balancer.backend
            for state in session.desired().hosts
            for one in state.services
            if one.load_balancer
        }
        if not backend and len(known) == 1:
            (backend,) = known
        if backend not in known:
            names = ", ".join(sorted(known)) or "none"
            raise UsageError(f"which backend? {backend or 'none'} is given, known here: {names}")
        roles = {
            one.load_balancer.role
            for state in desired.hosts
            for one in state.services
            if one.load_balancer and one.load_balancer.backend == backend
        }
        question = f"Answer all requests of {backend} by a page?" if on else f"Serve {backend} again?"
        if not session.options.yes and not confirm(question):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED
        told = [host for role in roles for host in page(balancers, role, backend, on=on)]
        if not told:
            raise FleetError("no balancer answers: nothing was changed", hint="inv status shows them")
        text = "answered by a page: inv maintenance off ends it" if on else "served again"
        session.emit(ev.Note(f"{backend} is {text} (on {fold(told)})"))
        return Exit.OK


def _custody(session: Session, connections: Connections, doing: str) -> Custody:
    return Custody(session, connections, f"{doing} {session.options.limit}".strip())


def _open(session: Session, connections: Connections, custody: Custody) -> tuple[Desired, Balancers]:
    """Only the ledger's host and the balancers need to answer: a host that is taken out may be sick."""
    desired = session.desired()
    roles = {one.load_balancer.role for state in desired.hosts for one in state.services if one.load_balancer}
    ours = [one for one in desired.balancers if one.role in roles]
    connections.open([session.ledger])
    require_ledger(session, connections)
    custody.open()
    custody.secure()
    connections.open(session.everyone[one.host] for one in ours if one.host in session.everyone)
    connections.clocks()
    transports = connections.fenced(custody.tenure, session.place)
    insist = session.options.allow_downtime
    return desired, Balancers(ours, transports, session.emit, session.interrupt.now, insist=insist)


def _places(desired: Desired) -> Iterator[Place]:
    for state in desired.hosts:
        for one in state.services:
            member = one.load_balancer
            for server in servers(one, state.host):
                yield Place(state.host, one.key, server, member.drain_timeout if member else 0)


def _answering(balancers: Balancers, places: list[Place]) -> None:
    """Raises FleetError: nobody can be told, and whoever comes back goes on as before."""
    for role in {one.server.role for one in places}:
        if not balancers.views(role):
            raise FleetError(
                "no balancer answers: nothing was changed",
                hint="bring one up first, or only have it remembered: --allow-downtime",
            )


def _not_the_last(balancers: Balancers, places: list[Place]) -> None:
    """Raises FleetError: a backend would be left without a server."""
    taken = {str(one.server) for one in places}
    for role in {one.server.role for one in places}:
        for host, view in balancers.views(role).items():
            for backend in {one.server.backend for one in places}:
                ours = (name for name in view.servers if name.startswith(f"{backend}/"))
                serving = {name for name in ours if view.servers[name].serves}
                if serving and not serving - taken:
                    raise FleetError(
                        f"{host} would have no server left for backend {backend}; nothing was changed",
                        why=f"what serves now: {', '.join(sorted(serving))}",
                        hint="bring another host up first, or insist: --allow-downtime",
                    )


def _remember(session: Session, connections: Connections, custody: Custody, out: Mapping[str, str]) -> None:
    """The ledger knows before the balancers are told: a run that comes meanwhile respects it."""
    releases = custody.history.releases
    if not releases:
        raise UsageError(f"nothing was released to {session.options.env} yet")
    # The newest, whatever became of it: of what is remembered the last word counts.
    books = Books(session, connections, custody, custody.store.record(releases[-1].number))
    books.tell(books.entry(None, drained=out))


def _names(session: Session) -> tuple[str, ...]:
    return tuple(host.name for host in session.hosts)


def _hosts(session: Session) -> str:
    return fold(_names(session))
