"""The state of an environment as a release records it: what a run deploys, laid over the release before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from fleet.model.balancing import BalancerHost
from fleet.model.desired import Desired, HostState, Role
from fleet.model.found import Facts
from fleet.model.images import ImageRef
from fleet.model.services import Service
from fleet.model.volumes import NOTHING_SAID
from fleet.plan import images


def recorded(desired: Desired, facts: Facts, earlier: Desired | None) -> Desired:
    """The whole environment from this release on, every image by digest as far as one is known.

    What is not of this run is as ``earlier``, the release before, has it: hosts that ``--limit`` left out,
    those of roles that only ``earlier`` knows, and with ``desired.selected`` the other roles of its own
    hosts. Hosts that carry no role any more are left out.
    """
    states = _carried_over(desired, earlier) if earlier else {}
    for state in desired.hosts:
        states[state.host] = _laid_over(_pinned(state, facts), states.get(state.host), desired.selected)
    return replace(
        desired,
        hosts=tuple(states.values()),
        roles=_roles(desired.roles, earlier.roles if earlier else (), states),
        selected=(),
        remove_orphans=False,
        balancers=_balancers(desired, earlier, states),
        undo=(),
        trial={},
        watched=False,
        allow_downtime=False,
        tested=(),
        moving=NOTHING_SAID,
    )


def by_role(state: HostState, roles: Collection[str], *, other: bool = False) -> HostState:
    """What of ``state`` belongs to ``roles``, or with ``other`` all that does not."""

    def ours(role: str) -> bool:
        return (role in roles) is not other

    return replace(
        state,
        services=tuple(one for one in state.services if ours(one.role)),
        networks=tuple(one for one in state.networks if ours(one.role)),
        volumes=tuple(one for one in state.volumes if ours(one.role)),
        jobs=tuple(one for one in state.jobs if ours(one.role)),
        tasks=tuple(one for one in state.tasks if ours(one.role)),
        handlers=tuple(one for one in state.handlers if ours(one.role)),
    )


def together(first: HostState, second: HostState) -> HostState:
    """Both, on the host of ``first``."""
    return replace(
        first,
        services=(*first.services, *second.services),
        networks=(*first.networks, *second.networks),
        volumes=(*first.volumes, *second.volumes),
        jobs=(*first.jobs, *second.jobs),
        tasks=(*first.tasks, *second.tasks),
        handlers=(*first.handlers, *second.handlers),
    )


def _carried_over(desired: Desired, earlier: Desired) -> dict[str, HostState]:
    """States by host; their services bear the name of the release that they came from."""
    today = {role.name for role in desired.roles}
    # A rollback does not know the roles that were added since, and leaves their hosts as they are.
    added = (role for role in earlier.roles if role.name not in today)
    carrying = {name for role in (*desired.roles, *added) for name in role.hosts}
    return {
        state.host: replace(
            state,
            services=tuple(replace(one, release=one.release or earlier.version) for one in state.services),
        )
        for state in earlier.hosts
        if state.host in carrying
    }


def _laid_over(state: HostState, before: HostState | None, selected: Collection[str]) -> HostState:
    if before is None or not selected:
        return state
    return together(by_role(before, selected, other=True), state)


def _roles(
    today: tuple[Role, ...], before: Iterable[Role], states: Mapping[str, HostState]
) -> tuple[Role, ...]:
    """Today's, then those that only the release before knows and something is still carried over of."""
    names = {role.name for role in today}
    hosts: dict[str, dict[str, None]] = {}
    for state in states.values():
        for role in state.roles:
            hosts.setdefault(role, {})[state.host] = None
    left = (role for role in before if role.name not in names and role.name in hosts)
    return (*today, *(replace(role, hosts=tuple(hosts[role.name])) for role in left))


def _balancers(
    desired: Desired, earlier: Desired | None, states: Mapping[str, HostState]
) -> tuple[BalancerHost, ...]:
    """Today's, and those of roles that only the release before knows: a rollback leaves them as they are."""
    today = {role.name for role in desired.roles}
    stands = {(host, service.key) for host, state in states.items() for service in state.services}
    left = (
        one
        for one in (earlier.balancers if earlier else ())
        if one.role not in today and (one.host, one.service) in stands
    )
    return tuple(dict.fromkeys((*desired.balancers, *left)))


def _pinned(state: HostState, facts: Facts) -> HostState:
    return replace(state, services=tuple(_with_digest(one, facts, state.host) for one in state.services))


def _with_digest(service: Service, facts: Facts, host: str) -> Service:
    """A host that was skipped tells nothing of its images: what the registry said counts for it, too."""
    written = service.container.image
    there = facts.hosts.get(host)
    found = images.reference(service, facts, there) if there else ""
    digest = (found or "").partition("@")[2] or facts.digests.get(written, "")
    if not digest:
        return service
    image = str(replace(ImageRef.parse(written), digest=digest))
    return replace(service, container=replace(service.container, image=image))
