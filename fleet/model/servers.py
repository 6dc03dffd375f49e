"""The servers of a service in its balancers' backend: one for each slot or instance on each host.

With a port pair a host has two, named after the colours of its slots, so that the balancers' configuration
knows both at any time. Without one the host's name is enough; instances after the first have their number
behind it, so that none is called otherwise when there are more or fewer of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from fleet.model.balancing import COLOURS, Server
from fleet.model.services import Port, Service


def servers(service: Service, host: str) -> tuple[Server, ...]:
    """Slot 1 first; none when no balancer sends requests to the service."""
    member = service.load_balancer
    if member is None:
        return ()
    paired = any(pair.target == member.port for pair in service.port_pair)
    slots = tuple(COLOURS) if paired else (1,)
    if service.instance > 1:
        host = f"{host}-{service.instance}"
    return tuple(Server(member.role, member.backend, server_name(host, slot, paired)) for slot in slots)


def server_in(service: Service, host: str, slot: int) -> Server | None:
    """The server that stands for the container in ``slot``. Without a port pair both slots share one."""
    found = servers(service, host)
    return found[min(slot, len(found)) - 1] if found else None


def server_name(host: str, slot: int, paired: bool) -> str:
    return f"{host}-{COLOURS[slot]}" if paired else host


def port_of(service: Service, slot: int) -> int:
    """The port of the host at which balancers find the container in ``slot``; 0: they cannot."""
    member = service.load_balancer
    if member is None:
        return 0
    if service.container.network_mode == "host":
        return member.port
    pair = next((pair for pair in service.port_pair if pair.target == member.port), None)
    if pair:
        return pair.first if slot == 1 else pair.second
    return next(reached(member.port, service.container.ports), 0)


def reached(target: int, ports: tuple[Port, ...]) -> Iterator[int]:
    """The fixed ports by which others reach ``target`` of a container at its host's address."""
    for port in ports:
        local = port.host_ip.startswith("127.") or port.host_ip == "::1"
        if port.target == target and port.published and port.protocol == "tcp" and not local:
            yield port.published
