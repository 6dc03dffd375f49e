"""What two services of one host cannot both have."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.errors import ConfigError
from fleet.model.desired import HostState
from fleet.model.services import Service
from fleet.model.slots import in_slot


def conflicts(state: HostState) -> Iterator[ConfigError]:
    """Host ports and container names that several services claim, second slots included."""
    ports: dict[tuple[int, str], list[tuple[str, Service]]] = {}
    names: dict[str, Service] = {}
    for service in state.services:
        slots = (1, 2) if service.port_pair else (1,)
        claimed = {port for slot in slots for port in in_slot(service, slot).ports if port.published}
        for port in sorted(claimed, key=str):
            for address, other in ports.get((port.published, port.protocol), []):
                if other is not service and ("" in (address, port.host_ip) or address == port.host_ip):
                    what = f"host port {port.published}/{port.protocol} is published by {other.key} too"
                    yield ConfigError(what, at=service.at, hint="choose another host port")
            ports.setdefault((port.published, port.protocol), []).append((port.host_ip, service))
        first = names.setdefault(service.container.name, service)
        if first is not service:
            what = f"the container name {service.container.name!r} is that of {first.key} too"
            yield ConfigError(what, at=service.at)
