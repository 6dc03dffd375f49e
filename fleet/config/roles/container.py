"""A validated service → the container it is, in one normal form."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from fleet.config.roles.compose import Healthcheck as HealthcheckModel
from fleet.config.roles.compose import LongPort, ServiceModel
from fleet.config.roles.environment import environment
from fleet.config.roles.mounts import mounts
from fleet.config.roles.networks import attachments
from fleet.config.roles.scope import Scope, pairs
from fleet.config.yaml import Path
from fleet.model.services import ContainerSpec, Device, Healthcheck, Logging, Port, Ulimit

N = TypeVar("N", int, float)


# Keys whose value in the file, once it is validated, is already the container's own.
_SAME = {field.name for field in dataclasses.fields(ContainerSpec)} & ServiceModel.model_fields.keys()


def container(scope: Scope, name: str, service: ServiceModel) -> ContainerSpec:
    path: Path = ("services", name)
    limits, reservations = service.deploy.resources.limits, service.deploy.resources.reservations
    same = {key: _hashable(getattr(service, key)) for key in _SAME}
    made = {
        "name": scope.container_name(name),
        "environment": environment(scope, service, path),
        "labels": _labels(scope, service, path),
        "ports": _ports(scope, service, path),
        "expose": tuple(sorted({port for ports in service.expose for port in ports})),
        "mounts": mounts(scope, name, service, path),
        "tmpfs": tuple(
            sorted({item.partition(":")[0]: item.partition(":")[2] for item in service.tmpfs}.items())
        ),
        "networks": attachments(scope, name, service, path),
        "healthcheck": _healthcheck(service.healthcheck),
        "logging": service.logging and Logging(service.logging.driver, pairs(service.logging.options)),
        "security_opt": tuple(sorted(set(service.security_opt))),
        "devices": tuple(Device(d.source, d.target or d.source, d.permissions) for d in service.devices),
        "ulimits": tuple(Ulimit(key, pair.soft, pair.hard) for key, pair in sorted(service.ulimits.items())),
        "mem_limit": _one(scope, path, "mem_limit", service.mem_limit, limits.memory),
        "mem_reservation": _one(scope, path, "mem_reservation", service.mem_reservation, reservations.memory),
        "cpus": _one(scope, path, "cpus", service.cpus, limits.cpus),
        "pids_limit": _one(scope, path, "pids_limit", service.pids_limit, limits.pids),
    }
    return ContainerSpec(**{**same, **made})


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return pairs(value)
    return tuple(value) if isinstance(value, list) else value


def _labels(scope: Scope, service: ServiceModel, path: Path) -> tuple[tuple[str, str], ...]:
    for name in service.labels:
        if name.startswith("fleet."):
            scope.problems.add(
                f"label {name!r}: those that begin with 'fleet.' are Fleet's own", (*path, "labels", name)
            )
    return pairs(service.labels)


def _ports(scope: Scope, service: ServiceModel, path: Path) -> tuple[Port, ...]:
    found: set[Port] = set()
    taken: set[tuple[int, str, str]] = set()
    for index, item in enumerate(service.ports):
        place = (*path, "ports", index)
        for port in (item.port,) if isinstance(item, LongPort) else item:
            key = (port.published, port.protocol, port.host_ip)
            if port.published and key in taken and port not in found:
                scope.problems.add(f"host port {port.published} is published twice", place)
            taken.add(key)
            found.add(port)
    return tuple(sorted(found, key=lambda p: (p.target, p.protocol, p.published, p.host_ip)))


def _healthcheck(model: HealthcheckModel | None) -> Healthcheck | None:
    if model is None:
        return None
    if model.disable:
        return Healthcheck(("NONE",))
    return Healthcheck(tuple(model.test), model.interval, model.timeout, model.retries, model.start_period)


def _one(scope: Scope, path: Path, key: str, plain: N, deployed: N) -> N:
    """Compose takes a limit from either place; two that differ are a mistake."""
    if plain and deployed and plain != deployed:
        scope.problems.add(f"{key} and deploy.resources say different things", (*path, key), hint="keep one")
    return deployed or plain
