"""Is everything as a deploy needs it, on this machine and on the hosts, and what is to be done if not?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from fleet.app.connections import Connections
from fleet.app.controller import controller
from fleet.app.session import Session
from fleet.config.settings import state_dir
from fleet.errors import Exit, FleetError
from fleet.health.examine import clocks, names, rooms
from fleet.model.desired import NO_VERSION, Desired, HostState
from fleet.model.examined import Diagnosis, Verdict
from fleet.model.found import Engine, HostFacts
from fleet.model.refs import all_refs
from fleet.ops.effects import RegistryAuth
from fleet.plan import examine as plan
from fleet.report.doctor_text import doctor_lines
from fleet.report.plan_text import Line
from fleet.run.examine import ask_registry, examine
from fleet.transport.base import Transport
from fleet.transport.known_hosts import HostKeyRefused


def doctor(session: Session) -> Exit:
    """Works on whatever answers: what one check finds is no reason to leave the others out."""
    wanted = _desired(session)
    found = list(controller(session, wanted))
    desired = wanted if isinstance(wanted, Desired) else _nothing(session)
    session.show(Line(f"looking at {len(session.hosts)} hosts", "faint"))
    with Connections(session) as connections:
        connections.open(session.hosts)
        found += _connected(session, connections)
        lost = dict(connections.errors)
        facts = connections.facts(desired, registries=None)
        found += _commands(connections, lost)
        found += _hosts(session, desired, connections.transports, facts.hosts)
    if session.options.json:
        for one in found:
            session.report.record({"event": "Diagnosis", **asdict(one), "text": session.masked(one.text)})
    for line in doctor_lines(session.options.env, len(session.hosts), found):
        session.show(line)
    if lost:
        return Exit.UNREACHABLE
    if isinstance(wanted, FleetError):
        return wanted.code
    return Exit.FAILED if any(one.verdict is Verdict.ERROR for one in found) else Exit.OK


def _desired(session: Session) -> Desired | FleetError:
    try:
        return session.desired()
    except FleetError as error:
        return error


def _nothing(session: Session) -> Desired:
    """Hosts that nothing is known to be wanted of can be looked at all the same."""
    states = tuple(HostState(host.name) for host in session.hosts)
    place = state_dir(session.everyone.values())
    options = session.options
    return Desired(session.project.name, options.env, options.version, place, (), states)


def _connected(session: Session, connections: Connections) -> Iterator[Diagnosis]:
    for host in session.hosts:
        error = connections.errors.get(host.name)
        if error is None:
            yield Diagnosis("ssh", host.name, Verdict.OK, "connected and logged in")
        else:
            check = "host keys" if isinstance(error, HostKeyRefused) else "ssh"
            yield _failed(check, host.name, error)


def _commands(connections: Connections, lost: Mapping[str, FleetError]) -> Iterator[Diagnosis]:
    """Hosts that let us in and then do not do what they are told."""
    for name in connections.transports:
        error = connections.errors.get(name)
        if error and name not in lost:
            yield _failed("commands", name, error)


def _failed(check: str, host: str, error: FleetError) -> Diagnosis:
    text = "\n".join(filter(None, [error.what, error.why]))
    return Diagnosis(check, host, Verdict.ERROR, text, error.hint)


def _hosts(
    session: Session, desired: Desired, transports: Mapping[str, Transport], facts: Mapping[str, HostFacts]
) -> list[Diagnosis]:
    login = _logins(session)
    skews: dict[str, float] = {}

    def one(state: HostState) -> list[Diagnosis]:
        transport, host = transports[state.host], facts[state.host]
        found = [*plan.engine(desired, state, host), *plan.ports(state, host)]
        asked = plan.names(state)
        try:
            seen, skews[state.host] = examine(transport, plan.directories(desired, state, host), asked)
        except FleetError as error:
            return [*found, _failed("commands", state.host, error)]
        images_in = host.engine.root_dir if isinstance(host.engine, Engine) else ""
        found += [*rooms(state.host, seen, images_in), *names(state.host, asked, seen)]
        if isinstance(host.engine, Engine):
            asks = plan.registries(state).items()
            found += [login(transport, registry, image) for registry, image in asks]
        return found

    states = [state for state in desired.hosts if state.host in facts]
    with ThreadPoolExecutor(max(1, min(session.parallel, len(states)))) as pool:
        found = [diagnosis for each in pool.map(one, states) for diagnosis in each]
    return [*found, *clocks({state.host: skews[state.host] for state in states if state.host in skews})]


def _logins(session: Session) -> Callable[..., Diagnosis]:
    """How to ask a registry; one whose password cannot be had is not asked: it would refuse."""
    logins = session.registries()

    exact = session.options.version != NO_VERSION

    def ask(transport: Transport, registry: str, image: str) -> Diagnosis:
        auth: RegistryAuth | None = logins.get(registry)
        if all_refs(auth) - set(session.keyring):
            text = f"{registry} was not asked: its password cannot be had"
            return Diagnosis("registry", transport.host, Verdict.WARNING, text)
        return ask_registry(transport, registry, image, auth, exact=exact)

    return ask
