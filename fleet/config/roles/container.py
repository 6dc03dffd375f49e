"""A validated service → the container it is, in one normal form."""

from __future__ import annotations

from typing import TypeVar

from fleet.config.roles.compose import Healthcheck as HealthcheckModel
from fleet.config.roles.compose import LongPort, ServiceModel
from fleet.config.roles.environment import environment
from fleet.config.roles.mounts import mounts, tmpfs
from fleet.config.roles.networks import attachments
from fleet.config.roles.scope import Scope
from fleet.config.roles.shorts import port_range
from fleet.config.yaml import Path
from fleet.model.images import ImageRef
from fleet.model.services import ContainerSpec, Device, Healthcheck, Logging, Port, Ulimit
from fleet.secret import SealedText

N = TypeVar("N", int, float)


def container(scope: Scope, name: str, service: ServiceModel) -> ContainerSpec:
    path: Path = ("services", name)
    limits, reservations = service.deploy.resources.limits, service.deploy.resources.reservations
    _check_image(scope, service.image, path)
    return ContainerSpec(
        name=scope.container_name(name),
        image=service.image,
        hostname=service.hostname,
        domainname=service.domainname,
        command=service.command,
        entrypoint=service.entrypoint,
        environment=environment(scope, service, path),
        labels=_labels(scope, service, path),
        user=service.user,
        working_dir=service.working_dir,
        ports=_ports(scope, service, path),
        expose=tuple(sorted({port for ports in service.expose for port in ports})),
        mounts=mounts(scope, name, service, path),
        tmpfs=tmpfs(scope, service, path),
        networks=attachments(scope, name, service, path),
        network_mode=service.network_mode,
        healthcheck=_healthcheck(scope, service.healthcheck, (*path, "healthcheck")),
        restart=service.restart,
        stop_signal=service.stop_signal,
        stop_grace_period=service.stop_grace_period,
        logging=_logging(service),
        init=service.init,
        tty=service.tty,
        stdin_open=service.stdin_open,
        read_only=service.read_only,
        privileged=service.privileged,
        cap_add=_capabilities(service.cap_add),
        cap_drop=_capabilities(service.cap_drop),
        security_opt=_security(scope, service, path),
        group_add=tuple(sorted(set(service.group_add))),
        devices=tuple(Device(d.source, d.target or d.source, d.permissions) for d in service.devices),
        device_cgroup_rules=tuple(service.device_cgroup_rules),
        dns=tuple(service.dns),
        dns_search=tuple(service.dns_search),
        dns_opt=tuple(service.dns_opt),
        extra_hosts=tuple(service.extra_hosts),
        sysctls=tuple(sorted(service.sysctls.items())),
        ulimits=tuple(Ulimit(key, pair.soft, pair.hard) for key, pair in sorted(service.ulimits.items())),
        ipc=_namespace(scope, service.ipc, (*path, "ipc")),
        pid=_namespace(scope, service.pid, (*path, "pid")),
        uts=service.uts,
        userns_mode=service.userns_mode,
        cgroup_parent=service.cgroup_parent,
        runtime=service.runtime,
        shm_size=service.shm_size,
        mem_limit=_one(scope, path, "mem_limit", service.mem_limit, limits.memory),
        mem_reservation=_one(scope, path, "mem_reservation", service.mem_reservation, reservations.memory),
        memswap_limit=service.memswap_limit,
        mem_swappiness=service.mem_swappiness,
        oom_kill_disable=service.oom_kill_disable,
        oom_score_adj=service.oom_score_adj,
        cpus=_one(scope, path, "cpus", service.cpus, limits.cpus),
        cpu_shares=service.cpu_shares,
        cpu_period=service.cpu_period,
        cpu_quota=service.cpu_quota,
        cpuset=service.cpuset,
        pids_limit=_one(scope, path, "pids_limit", service.pids_limit, limits.pids),
    )


def _check_image(scope: Scope, image: str, path: Path) -> None:
    try:
        ImageRef.parse(image)
    except ValueError as error:
        scope.problems.add(f"image: {error}", (*path, "image"))


def _labels(scope: Scope, service: ServiceModel, path: Path) -> tuple[tuple[str, str], ...]:
    for name in service.labels:
        if name.startswith("fleet."):
            scope.problems.add(
                f"label {name!r}: those that begin with 'fleet.' are Fleet's own", (*path, "labels", name)
            )
    return tuple(sorted(service.labels.items()))


def _ports(scope: Scope, service: ServiceModel, path: Path) -> tuple[Port, ...]:
    found: set[Port] = set()
    taken: set[tuple[int, str, str]] = set()
    for index, item in enumerate(service.ports):
        place = (*path, "ports", index)
        for port in _long(scope, item, place) if isinstance(item, LongPort) else item:
            key = (port.published, port.protocol, port.host_ip)
            if port.published and key in taken and port not in found:
                scope.problems.add(f"host port {port.published} is published twice", place)
            taken.add(key)
            found.add(port)
    return tuple(sorted(found, key=lambda p: (p.target, p.protocol, p.published, p.host_ip)))


def _long(scope: Scope, item: LongPort, path: Path) -> tuple[Port, ...]:
    if not item.published:
        return (Port(item.target, 0, item.protocol, item.host_ip),)
    if item.published.isdigit():
        (published,) = port_range(item.published) if 0 < int(item.published) <= 65535 else (0,)
        if published:
            return (Port(item.target, published, item.protocol, item.host_ip),)
    what = f"published: {item.published!r} is not a port from 1 to 65535"
    hint = "write one entry per port" if "-" in item.published else ""
    scope.problems.add(what, (*path, "published"), hint=hint)
    return ()


def _healthcheck(scope: Scope, model: HealthcheckModel | None, path: Path) -> Healthcheck | None:
    if model is None:
        return None
    if model.disable:
        return Healthcheck(("NONE",))
    test = tuple(model.test)
    if test and (isinstance(test[0], SealedText) or test[0] not in ("NONE", "CMD", "CMD-SHELL")):
        hint = "as one text it is run by a shell; as a list it begins with CMD"
        scope.problems.add("test: a list begins with CMD, CMD-SHELL or NONE", (*path, "test"), hint=hint)
    return Healthcheck(test, model.interval, model.timeout, model.retries, model.start_period)


def _logging(service: ServiceModel) -> Logging | None:
    model = service.logging
    return Logging(model.driver, tuple(sorted(model.options.items()))) if model else None


def _capabilities(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted({name.upper().removeprefix("CAP_") for name in names}))


def _security(scope: Scope, service: ServiceModel, path: Path) -> tuple[str, ...]:
    for index, option in enumerate(service.security_opt):
        kind, _, value = option.replace(":", "=", 1).partition("=")
        if kind == "seccomp" and value != "unconfined":
            what = "security_opt: a seccomp profile of one's own is not carried out"
            scope.problems.add(what, (*path, "security_opt", index), hint="only seccomp=unconfined")
    return tuple(sorted(set(service.security_opt)))


def _namespace(scope: Scope, mode: str | None, path: Path) -> str | None:
    if mode and mode.startswith("service:"):
        scope.problems.add(f"{path[-1]}: 'service:…' is not carried out", path, hint="use container:<name>")
    return mode


def _one(scope: Scope, path: Path, key: str, plain: N, deployed: N) -> N:
    """Compose takes a limit from either place; two that differ are a mistake."""
    if plain and deployed and plain != deployed:
        scope.problems.add(f"{key} and deploy.resources say different things", (*path, key), hint="keep one")
    return deployed or plain
