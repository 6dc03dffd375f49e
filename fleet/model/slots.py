"""The two places a service can stand on one host, so that a new one can start beside the old.

Slot 1 is the service as written. Slot 2 has the next index in its name and the second port of each
pair. Digests and definitions are always those of slot 1: a move to the other slot is no change. Several
instances of a service have one slot each: the next index is that of the next instance.
"""

from __future__ import annotations

from dataclasses import replace

from fleet.model.services import ContainerSpec, Service


def in_slot(service: Service, slot: int) -> ContainerSpec:
    spec = service.container
    if slot == 1:
        return spec
    second = {(pair.target, pair.first): pair.second for pair in service.port_pair}
    ports = tuple(
        replace(port, published=second.get((port.target, port.published), port.published))
        for port in spec.ports
    )
    return replace(spec, name=f"{spec.name.removesuffix('-1')}-{slot}", ports=ports)


def slot_of(service: Service, name: str) -> int:
    """Which slot a container of this name stands in; 0: none, a leftover."""
    slots = (1,) if service.replicas > 1 else (1, 2)
    return next((slot for slot in slots if in_slot(service, slot).name == name), 0)
