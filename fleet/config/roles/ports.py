"""The ports that one instance of a service publishes."""

from __future__ import annotations

from fleet.config.roles.compose_parts import LongPort
from fleet.config.roles.scope import ServiceScope
from fleet.config.roles.short_syntax import PortRange
from fleet.model.services import Port


def ports(service: ServiceScope) -> tuple[Port, ...]:
    found: set[Port] = set()
    taken: set[tuple[int, str, str]] = set()
    for index, item in enumerate(service.model.ports):
        for written in (item.port,) if isinstance(item, LongPort) else item:
            port = _own(service, index, written)
            key = (port.published, port.protocol, port.host_ip)
            if port.published and key in taken and port not in found:
                service.wrong(f"host port {port.published} is published twice", "ports", index)
            taken.add(key)
            found.add(port)
    return tuple(sorted(found, key=lambda p: (p.target, p.protocol, p.published, p.host_ip)))


def _own(service: ServiceScope, index: int, written: Port | PortRange) -> Port:
    count = service.model.deploy.replicas
    if isinstance(written, PortRange):
        many = written.last - written.first + 1
        if many < count:
            what = f"{count} replicas need {count} host ports, and {written.first}-{written.last} are {many}"
            service.wrong(what, "ports", index, hint=_range(written.first, written.target, count))
        return written.of(service.instance)
    if written.published and count > 1:
        what = f"only one of {count} replicas can have host port {written.published}"
        service.wrong(what, "ports", index, hint=_range(written.published, written.target, count))
    return written


def _range(first: int, target: int, count: int) -> str:
    return f'give each its own: "{first}-{first + count - 1}:{target}"'
