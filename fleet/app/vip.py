"""Who has the virtual address, and moving it by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import require_ledger
from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import Exit, FleetError, UsageError
from fleet.model.desired import Desired
from fleet.ops.vip import Side
from fleet.report import events as ev
from fleet.run.balancers import Balancers
from fleet.run.vip import Move, holders, move, the_holder
from fleet.suggest import suggest

COLUMNS = ("address", "host", "holds")


@dataclass(frozen=True, slots=True)
class Shared:
    """``containers``: host → ucarp's container, in inventory order."""

    address: str
    containers: Mapping[str, str]

    def sides(self, hosts: Mapping[str, object]) -> dict[str, Side]:
        return {host: Side(self.address, one) for host, one in self.containers.items() if host in hosts}


def vip(session: Session, confirm: Callable[[str], bool], target: str) -> Exit:
    """``target``: the host to move the address to; empty: only show who has it. Raises UsageError."""
    desired = session.desired()
    found = addresses(desired)
    if not found:
        hint = "a service has one by x-fleet: {virtual_address: {address: …}}"
        raise UsageError(f"no service in {session.options.env} has a virtual address", hint=hint)
    if not target:
        return _show(session, found)
    ours = [one for one in found if target in one.containers]
    if len(ours) != 1:
        names = sorted({host for one in found for host in one.containers})
        if ours:
            raise UsageError(f"{target} takes turns in {len(ours)} addresses: which one is not known")
        raise UsageError(f"{target} has no part in a virtual address{suggest(target, names)}",
                         hint=f"one of {', '.join(names)}")  # fmt: skip
    return _move(session, confirm, desired, ours[0], target)


def addresses(desired: Desired) -> tuple[Shared, ...]:
    found: dict[str, dict[str, str]] = {}
    for state in desired.hosts:
        for one in state.services:
            if one.virtual_address:
                found.setdefault(one.virtual_address.address, {})[state.host] = one.container.name
    return tuple(Shared(address, containers) for address, containers in found.items())


def _show(session: Session, found: tuple[Shared, ...]) -> Exit:
    """Exit 1 when an address is not on exactly one host, 69 when a host does not answer."""
    wrong: list[FleetError] = []
    rows: list[tuple[str, str, str]] = []
    with Connections(session) as connections:
        connections.open(session.everyone[host] for one in found for host in one.containers)
        for shared in found:
            states = _states(shared, connections)
            rows += [(shared.address, host, state) for host, state in states.items()]
            try:
                the_holder(shared.address, [host for host, state in states.items() if state == "yes"])
            except FleetError as error:
                wrong.append(error)
    if session.options.json:
        for address, host, state in rows:
            held = {"yes": True, "no": False}.get(state)
            record = {"event": "VirtualAddress", "address": address, "host": host, "holds": held}
            session.report.record(record)
    else:
        session.report.table(COLUMNS, rows)
    if connections.errors:
        session.report.error(session.masked(told(connections.errors)))
    for one in wrong:
        session.report.error(session.masked(str(one)))
    if connections.errors:
        return Exit.UNREACHABLE
    return Exit.FAILED if wrong else Exit.OK


def _states(shared: Shared, connections: Connections) -> dict[str, str]:
    """Host → yes, no, or that it is not known; why is in the errors of ``connections``."""
    states = dict.fromkeys(shared.containers, "not known")
    for host, side in shared.sides(connections.transports).items():
        try:
            states[host] = "yes" if holders({host: side}, connections.transports) else "no"
        except FleetError as error:
            connections.errors[host] = error
    return states


def _move(
    session: Session, confirm: Callable[[str], bool], desired: Desired, shared: Shared, target: str
) -> Exit:
    """All hosts that might take the address have to answer: one that does not could take it meanwhile."""
    address, env = shared.address, session.options.env
    with (
        Connections(session) as connections,
        Custody(session, connections, f"vip --move {target}") as custody,
    ):
        connections.open([session.ledger])
        require_ledger(session, connections)
        custody.open()
        custody.secure()
        connections.open(session.everyone[host] for host in shared.containers)
        connections.require_all()
        connections.clocks()
        transports = connections.fenced(custody.tenure, session.place)
        source = the_holder(address, holders(shared.sides(transports), transports))
        if source == target:
            session.emit(ev.Note(f"{address} is on {target} already"))
            return Exit.OK
        if not session.options.yes and not confirm(f"Move {address} of {env} from {source} to {target}?"):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED
        balancers = Balancers(desired.balancers, transports, session.emit, session.interrupt.now)
        balancer = next((one for one in desired.balancers if one.host == source), None)
        moving = Move(address, source, target, shared.containers, balancer)
        with session.interruptible():
            move(moving, transports, balancers, session.emit, session.interrupt.now)
        session.emit(ev.Note(f"{address} is on {target}"))
    return Exit.OK
