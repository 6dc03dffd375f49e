"""What differs between two containers, in the words of the Compose file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from fleet.model.services import (
    BlockIo,
    ContainerSpec,
    Device,
    DeviceRequest,
    Healthcheck,
    Logging,
    NetworkAttachment,
    Ulimit,
)


class Change(NamedTuple):
    """``old`` or ``new`` is empty where there is nothing on that side. Secrets are shown as references."""

    field: str
    old: str
    new: str


# Fields whose name in a Compose file is another, and those compared name by name.
_COMPOSE_NAMES = {
    "name": "container_name",
    "mounts": "volumes",
    "device_requests": "deploy.resources.reservations.devices",
}
_BY_KEY = ("environment", "labels", "sysctls", "tmpfs")
_BY_ITEM = ("ports", "mounts", "networks", "ulimits", "devices")


def difference(old: ContainerSpec, new: ContainerSpec) -> tuple[Change, ...]:
    """Every field that differs, in the order of :class:`ContainerSpec`; those made of many by their parts."""
    return tuple(
        change
        for field in dataclasses.fields(ContainerSpec)
        for change in _field(field.name, getattr(old, field.name), getattr(new, field.name))
    )


def _field(name: str, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    label = _COMPOSE_NAMES.get(name, name)
    if name in _BY_KEY:
        yield from _by_key(label, dict(old), dict(new))
    elif name in _BY_ITEM:
        gone, come = [i for i in old if i not in new], [i for i in new if i not in old]
        yield Change(label, _shown(tuple(gone)), _shown(tuple(come)))
    else:
        yield Change(label, _shown(old), _shown(new))


def _by_key(label: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before != after:
            yield Change(f"{label}.{key}", _value(before), _value(after))


def _value(value: Any) -> str:
    """An empty value is not the absent one."""
    return "''" if value == "" else _shown(value)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(_shown(item) for item in value) if value else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return _SHOWN.get(type(value), str)(value)


def _healthcheck(check: Healthcheck) -> str:
    times = {"interval": check.interval, "timeout": check.timeout, "start_period": check.start_period}
    shown = [f"{name}={seconds:g}s" for name, seconds in times.items() if seconds]
    retries = [f"retries={check.retries}"] if check.retries else []
    return " ".join([*(_shown(word) for word in check.test), *shown, *retries])


def _network(attached: NetworkAttachment) -> str:
    fixed = (
        attached.ipv4_address,
        attached.ipv6_address,
        attached.mac_address,
        *attached.link_local_ips,
    )
    more = [*attached.aliases, *(address for address in fixed if address)]
    return f"{attached.name}({','.join(more)})"


def _logging(logging: Logging) -> str:
    return " ".join([logging.driver, *(f"{key}={value}" for key, value in logging.options)])


def _ulimit(limit: Ulimit) -> str:
    return f"{limit.name}={limit.soft}:{limit.hard}"


def _device(device: Device) -> str:
    return f"{device.source}:{device.target}:{device.permissions}"


def _block_io(limits: BlockIo) -> str:
    weight = [f"weight={limits.weight}"] if limits.weight else []
    rates = [(rate.kind, rate.path, rate.rate) for rate in limits.rates]
    single = [*(("weight_device", *one) for one in limits.weights), *rates]
    return " ".join([*weight, *(f"{kind}={path}:{value}" for kind, path, value in single)])


def _device_request(request: DeviceRequest) -> str:
    count = {-1: ("all",), 0: ()}.get(request.count, (str(request.count),))
    options = (f"{key}={value}" for key, value in request.options)
    words = (request.driver, ",".join(request.capabilities), *count, *request.device_ids, *options)
    return " ".join(filter(None, words))


_SHOWN: dict[type, Callable[[Any], str]] = {
    Healthcheck: _healthcheck,
    NetworkAttachment: _network,
    Logging: _logging,
    Ulimit: _ulimit,
    Device: _device,
    BlockIo: _block_io,
    DeviceRequest: _device_request,
}
