"""A recorded release as something to go to: its state, on the hosts that the inventory has today.

What a release is comes from its record; which hosts there are, and which role they carry, from the inventory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fleet.model.balancing import BalancerHost
from fleet.model.desired import Desired, HostState, Role
from fleet.model.gates import ControllerCheck
from fleet.model.hosts import Inventory
from fleet.model.images import ImageRef
from fleet.model.releases import Record
from fleet.model.services import Service
from fleet.plan.recorded import by_role, together
from fleet.plan.tree import Finding
from fleet.plan.trusted import trusted
from fleet.plan.unaware import unaware

Members = Mapping[str, tuple[str, ...]]
"""Role → its hosts, in inventory order."""


@dataclass(frozen=True, slots=True)
class Wish:
    """``desired`` is planned as any other; ``findings`` are warnings, to be told with the plan."""

    desired: Desired
    findings: tuple[Finding, ...] = ()


def joined(record: Record, today: Inventory) -> dict[str, tuple[str, ...]]:
    """Hosts that carry recorded roles today which they have nothing of in the record, each with those
    roles. Their states are to be rendered from the record's sources, for :func:`wish`."""
    known = {state.host: state.roles for state in record.desired.hosts}
    members = _members(record, today)
    found = {
        host: tuple(role for role in members if host in members[role] and role not in known.get(host, ()))
        for host in today.hosts
    }
    return {host: roles for host, roles in found.items() if roles}


def wish(
    record: Record,
    today: Inventory,
    added: Mapping[str, HostState],
    chosen: Collection[str],
    checks: Collection[ControllerCheck] = (),
) -> Wish:
    """Bring the ``chosen`` hosts to the release. Its jobs do not run: this is no step forward.

    ``added``: states of the hosts that have :func:`joined`; their images become those of the record, by
    digest. ``checks``: commands that gates may run on the controller; others of the record are left out.
    What stands on the hosts since then goes; see :func:`spared` for what must not.
    """
    members, new = _members(record, today), joined(record, today)
    known = {state.host: state for state in record.desired.hosts}
    states = []
    for host in (name for name in today.hosts if name in chosen and (name in known or name in new)):
        ours = [role for role, hosts in members.items() if host in hosts]
        more = by_role(added.get(host, HostState(host)), new.get(host, ()))
        states.append(together(by_role(known.get(host, HostState(host)), ours), _pinned(more, record)))
    desired = replace(
        record.desired,
        version=record.head.version,
        hosts=tuple(_without_commands(state, checks) for state in states),
        roles=tuple(
            replace(role, hosts=members[role.name]) for role in record.desired.roles if members[role.name]
        ),
        balancers=_balancers(record, members, states),
        selected=(),
        remove_orphans=True,
        undo=(),
    )
    findings = (
        *_left(record, today, members, chosen),
        *_came(record, desired, new),
        *_unchecked(record, states, desired),
        *unaware(record.head.number, desired, today, new),
    )
    return Wish(desired, findings)


def _members(record: Record, today: Inventory) -> dict[str, tuple[str, ...]]:
    """By recorded role: today's hosts of that group, or when the group has none left, those of the record
    that still exist: then the role itself has changed, and not where it runs."""
    return {role.name: tuple(_hosts(role, record, today)) for role in record.desired.roles}


def _hosts(role: Role, record: Record, today: Inventory) -> Iterator[str]:
    group = today.groups.get(role.name)
    if group and group.members:
        hosts = set(group.members)
    else:
        hosts = {state.host for state in record.desired.hosts if role.name in state.roles}
    return (name for name in today.hosts if name in hosts)


def _pinned(state: HostState, record: Record) -> HostState:
    digests: dict[tuple[str, str], str] = {}
    for service in (one for known in record.desired.hosts for one in known.services):
        written, _, digest = service.container.image.partition("@")
        if digest:
            digests.setdefault((service.role, written), digest)

    def pinned(service: Service) -> Service:
        ref = ImageRef.parse(service.container.image)
        digest = ref.digest or digests.get((service.role, str(ref)), "")
        image = str(replace(ref, digest=digest)) if digest else service.container.image
        return replace(service, container=replace(service.container, image=image))

    return replace(state, services=tuple(map(pinned, state.services)))


def _balancers(record: Record, members: Members, states: Iterable[HostState]) -> tuple[BalancerHost, ...]:
    """The record's on hosts that carry the role today, and those on hosts that came to it."""
    kept = [one for one in record.desired.balancers if one.host in members.get(one.role, ())]
    came = [
        BalancerHost(state.host, service.role, service.key, service.balancer)
        for state in states
        for service in state.services
        if service.balancer
    ]
    return tuple({(one.host, one.service): one for one in (*kept, *came)}.values())


def _without_commands(state: HostState, checks: Collection[ControllerCheck]) -> HostState:
    # A way back is on trial nowhere, and asks nothing of the controller or of an address in the record.
    services = tuple(replace(one, gate=trusted(one.gate, checks), watch=None) for one in state.services)
    return replace(state, services=services, jobs=())


def _left(record: Record, today: Inventory, members: Members, chosen: Collection[str]) -> Iterator[Finding]:
    number = record.head.number
    for state in record.desired.hosts:
        if state.host not in today.hosts:
            what = f"was in release {number} and is not in the inventory any more"
            yield Finding(False, what, host=state.host)
            continue
        for role in state.roles if state.host in chosen else ():
            if state.host not in members[role]:
                what = f"had role {role} in release {number} and is not in that group any more"
                yield Finding(False, what, "put it back into the group to have the role there", state.host)
    for role, hosts in members.items():
        group = today.groups.get(role)
        if hosts and not (group and group.members):
            what = f"role {role} has no hosts in the inventory any more; it goes to those of release {number}"
            yield Finding(False, what)


def _came(record: Record, desired: Desired, new: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    number = record.head.number
    were = {role.name: role.hosts for role in record.desired.roles}
    for state in desired.hosts:
        for role in new.get(state.host, ()):
            how = "is not in" if state.host in were[role] else "was added since"
            if role in state.roles:
                yield Finding(
                    False, f"{how} release {number}; it gets {desired.version}, too", host=state.host
                )
            else:
                what = f"{how} release {number}, which has no files of role {role}; it stays without"
                yield Finding(False, what, host=state.host)


def _unchecked(record: Record, states: list[HostState], desired: Desired) -> Iterator[Finding]:
    for before, after in zip(states, desired.hosts, strict=True):
        for old, new in zip(before.services, after.services, strict=True):
            if old.gate != new.gate:
                what = f"{old.key}: a check on the controller of release {record.head.number} is left out"
                hint = "no role has it today, and what a record alone says is not run on this machine"
                yield Finding(False, what, hint, before.host)
