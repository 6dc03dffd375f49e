"""What two services of one host cannot both have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fleet.errors import ConfigError
from fleet.model.desired import HostState
from fleet.model.services import Port, Service
from fleet.model.slots import in_slot


def conflicts(state: HostState) -> Iterator[ConfigError]:
    """Host ports and container names that several services claim, second slots included."""
    yield from in_traffic(state.host, state.services)
    ports: dict[tuple[int, str], list[tuple[str, Service]]] = {}
    names: dict[str, Service] = {}
    for service in state.services:
        slots = (1, 2) if service.port_pair else (1,)
        claimed = {port for slot in slots for port in in_slot(service, slot).ports if port.published}
        for port in sorted(claimed, key=str):
            for address, other in ports.get((port.published, port.protocol), []):
                both = "" in (address, port.host_ip) or address == port.host_ip
                if both and not _told(service, other, port):
                    what = f"host port {port.published}/{port.protocol} is published by {other.key} too"
                    yield ConfigError(what, at=service.at, hint="choose another host port")
            ports.setdefault((port.published, port.protocol), []).append((port.host_ip, service))
        first = names.setdefault(service.container.name, service)
        if not _siblings(first, service):
            what = f"the container name {service.container.name!r} is that of {first.key} too"
            yield ConfigError(what, at=service.at)


def _told(service: Service, other: Service, port: Port) -> bool:
    """It is no other service, or another instance with the same fixed port: that is said of the port."""
    return other is service or (_siblings(other, service) and port in other.container.ports)


def _siblings(one: Service, other: Service) -> bool:
    return (one.role, one.base) == (other.role, other.base)


def in_traffic(host: str, services: Iterable[Service]) -> Iterator[ConfigError]:
    """Several services of one host in one place of a backend, and what no balancer can call a server."""
    taken: dict[str, Service] = {}
    balancer: Service | None = None
    for service in services:
        if service.balancer and balancer and not _siblings(service, balancer):
            what = f"{balancer.key} is a balancer, too: a host has one"
            yield ConfigError(what, at=service.at, hint="put both configurations into one")
        balancer = service if service.balancer else balancer
        member = service.load_balancer
        if member is None:
            continue
        first = taken.setdefault(member.backend, service)
        if not _siblings(first, service):
            what = f"{first.key} of the same host is in backend {member.backend!r}, too"
            yield ConfigError(what, at=service.at, hint="give it a backend of its own")
        if not re.fullmatch(r"[A-Za-z0-9_.:-]+", host):
            what = f"{host!r} cannot be the name of a server in backend {member.backend!r}"
            yield ConfigError(what, at=service.at, hint="a balancer takes letters, digits and _.:- only")
