"""A validated service → the container it is, in one normal form."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from fleet.config.roles.compose import ServiceModel
from fleet.config.roles.compose_parts import BlockIoLimits, ReservedDevice
from fleet.config.roles.compose_parts import Healthcheck as HealthcheckModel
from fleet.config.roles.environment import environment
from fleet.config.roles.mounts import mounts
from fleet.config.roles.networks import attachments
from fleet.config.roles.ports import ports
from fleet.config.roles.scope import ServiceScope, pairs
from fleet.model.services import (
    BlockIo,
    ContainerSpec,
    Device,
    DeviceRate,
    DeviceRequest,
    Healthcheck,
    Logging,
    Pairs,
    Ulimit,
)

N = TypeVar("N", int, float)


# Keys whose value in the file, once it is validated, is already the container's own.
_SAME = {field.name for field in dataclasses.fields(ContainerSpec)} & ServiceModel.model_fields.keys()


def container(service: ServiceScope) -> ContainerSpec:
    model = service.model
    limits, reservations = model.deploy.resources.limits, model.deploy.resources.reservations
    same = {key: _hashable(getattr(model, key)) for key in _SAME}
    made = {
        "name": service.container_name,
        "environment": environment(service),
        "labels": _labels(service),
        "ports": ports(service),
        "expose": tuple(sorted({port for ports in model.expose for port in ports})),
        "mounts": mounts(service),
        "tmpfs": tuple(
            sorted({item.partition(":")[0]: item.partition(":")[2] for item in model.tmpfs}.items())
        ),
        "networks": attachments(service),
        "healthcheck": _healthcheck(model.healthcheck),
        "logging": model.logging and Logging(model.logging.driver, pairs(model.logging.options)),
        "security_opt": tuple(sorted(set(model.security_opt))),
        "devices": tuple(Device(d.source, d.target or d.source, d.permissions) for d in model.devices),
        "ulimits": tuple(Ulimit(key, pair.soft, pair.hard) for key, pair in sorted(model.ulimits.items())),
        "blkio_config": model.blkio_config and _block_io(model.blkio_config),
        "device_requests": tuple(_device_request(one) for one in reservations.devices),
        "mem_limit": _one(service, "mem_limit", model.mem_limit, limits.memory),
        "mem_reservation": _one(service, "mem_reservation", model.mem_reservation, reservations.memory),
        "cpus": _one(service, "cpus", model.cpus, limits.cpus),
        "pids_limit": _one(service, "pids_limit", model.pids_limit, limits.pids),
    }
    return ContainerSpec(**{**same, **made})


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return pairs(value)
    return tuple(value) if isinstance(value, list) else value


def _labels(service: ServiceScope) -> Pairs:
    for name in service.model.labels:
        if name.startswith("fleet."):
            service.wrong(f"label {name!r}: those that begin with 'fleet.' are Fleet's own", "labels", name)
    return pairs(service.model.labels)


def _block_io(model: BlockIoLimits) -> BlockIo:
    return BlockIo(
        model.weight or 0,
        tuple((one.path, one.weight) for one in model.weight_device),
        tuple(
            DeviceRate(kind, one.path, one.rate)
            for kind in ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops")
            for one in getattr(model, kind)
        ),
    )


def _device_request(model: ReservedDevice) -> DeviceRequest:
    # Which ones is not said: all.
    every = model.count is None and not model.device_ids
    return DeviceRequest(
        tuple(model.capabilities),
        model.driver,
        -1 if every else model.count or 0,
        tuple(model.device_ids),
        pairs(model.options),
    )


def _healthcheck(model: HealthcheckModel | None) -> Healthcheck | None:
    if model is None:
        return None
    if model.disable:
        return Healthcheck(("NONE",))
    return Healthcheck(tuple(model.test), model.interval, model.timeout, model.retries, model.start_period)


def _one(service: ServiceScope, key: str, plain: N, deployed: N) -> N:
    """Compose takes a limit from either place; two that differ are a mistake."""
    if plain and deployed and plain != deployed:
        service.wrong(f"{key} and deploy.resources say different things", key, hint="keep one")
    return deployed or plain
