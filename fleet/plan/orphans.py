"""Our containers that no role of their host wants any more.

They are removed only when that is asked for: a role that lost its directory, or a host its group, must
not cost the containers by surprise. Instances that are too many were asked for by a lower number.
"""

from __future__ import annotations

from collections.abc import Iterator

from fleet.model.desired import Desired, HostState
from fleet.model.found import Container, Facts, HostFacts
from fleet.model.services import ContainerSpec, Service
from fleet.plan.tree import Finding


def orphans(desired: Desired, state: HostState, host: HostFacts) -> Iterator[Container]:
    """Of unselected roles nobody knows."""
    wanted = {(service.role, service.name) for service in state.services}
    for one in host.of_services:
        selected = not desired.selected or one.role in desired.selected
        if selected and (one.role, one.service) not in wanted and not _of_any(one, state):
            yield one


def surplus(service: Service, state: HostState, host: HostFacts) -> tuple[Container, ...]:
    """Instances of ``service`` that are there and too many, when it is the first of them."""
    wanted = {(one.role, one.name) for one in state.services}
    return tuple(
        one
        for one in host.of_services
        if service.instance == 1 and is_instance(one, service) and (one.role, one.service) not in wanted
    )


def is_instance(one: Container, service: Service) -> bool:
    """Of those after the first, by what it was made from."""
    made = one.definition
    return made is not None and made.instance > 1 and (made.role, made.base) == (service.role, service.name)


def _of_any(one: Container, state: HostState) -> bool:
    return any(is_instance(one, service) for service in state.services)


def clash(orphan: Container, spec: ContainerSpec) -> bool:
    """Would the two want the same name or the same port?"""
    held = {port.published for port in orphan.definition.container.ports} if orphan.definition else set()
    return orphan.name == spec.name or any(port.published and port.published in held for port in spec.ports)


def left(desired: Desired, facts: Facts) -> Iterator[Finding]:
    """What stays, as warnings."""
    if desired.remove_orphans:
        return
    for state in desired.hosts:
        for one in orphans(desired, state, facts.hosts[state.host]):
            what = f"{one.role}.{one.service} runs here, and no role of this host has it"
            yield Finding(False, what, "inv deploy --remove-orphans removes it", state.host)
