"""Who sends requests to a service, whether it is a balancer itself, and how a new version takes over."""

from __future__ import annotations

import pathlib

from fleet.config.roles.scope import ServiceScope
from fleet.config.roles.source import is_role
from fleet.config.roles.traffic_keys import CanaryModel, MeasureModel
from fleet.model import watch as measures
from fleet.model.balancing import Balancer, Membership
from fleet.model.servers import reached
from fleet.model.services import Mount, Port
from fleet.model.strategy import ROLLING, Share, Strategy
from fleet.model.virtual import VirtualAddress
from fleet.suggest import suggest

BLUE_GREEN = Strategy("blue-green", (Share(50),))


def membership(service: ServiceScope, ports: tuple[Port, ...]) -> Membership | None:
    model = service.model.x_fleet.load_balancer
    if model is None:
        return None
    _check_role(service, model.role)
    if service.model.network_mode != "host" and not any(reached(model.port, ports)):
        what = f"load_balancer: 'ports' does not publish {model.port} at a fixed port of the host's address"
        hint = f'write ports: ["{model.port}:{model.port}"]: balancers on other hosts ask there'
        service.wrong(what, "x-fleet", "load_balancer", "port", hint=hint)
    return Membership(model.role, model.backend, model.port, model.drain_timeout, model.slow_start)


def _check_role(service: ServiceScope, role: str) -> None:
    source, balancing = service.role.source, service.role.balancing
    if balancing.get(role):
        return
    place = ("x-fleet", "load_balancer", "role")
    roles = source.directory.parent
    if role in balancing:
        what = f"load_balancer: no service of role {role!r} is a balancer"
        service.wrong(what, *place, hint="its service says x-fleet: {balancer: {kind: haproxy, socket: …}}")
    elif is_role(roles.parent, role):
        what = f"load_balancer: role {role!r} has no hosts in this environment"
        service.wrong(what, *place, hint=f"give the group {role!r} hosts in the inventory")
    else:
        known = [path.parent.name for path in pathlib.Path(roles).glob("*/compose.yml")]
        service.wrong(f"load_balancer: there is no role {role!r}{suggest(role, known)}", *place)


def balancer(service: ServiceScope) -> Balancer | None:
    model = service.model.x_fleet.balancer
    if model is None:
        return None
    return Balancer(model.kind, model.socket, model.master, model.state, model.maintenance)


def check_balancer(service: ServiceScope, mounts: tuple[Mount, ...]) -> None:
    model = service.model.x_fleet.balancer
    if model is None:
        return
    for key in ("socket", "master", "state", "maintenance"):
        path = getattr(model, key)
        if path and not any(
            mount.type == "bind" and path.startswith(f"{mount.source.rstrip('/')}/") for mount in mounts
        ):
            what = f"balancer: {path!r} is not below a directory that this service mounts from its host"
            directory = pathlib.PurePosixPath(path).parent
            hint = f'mount it: volumes: ["{directory}:/path/in/container"]'
            service.wrong(what, "x-fleet", "balancer", key, hint=hint)


def virtual_address(service: ServiceScope) -> VirtualAddress | None:
    model = service.model.x_fleet.virtual_address
    if model and service.model.network_mode != "host":
        what = "virtual_address: the address is the host's, so the service needs network_mode: host"
        service.wrong(what, "x-fleet", "virtual_address", key=True)
    return VirtualAddress(model.address) if model else None


def strategy(service: ServiceScope) -> Strategy:
    model = service.model.x_fleet.strategy
    if isinstance(model, CanaryModel):
        return Strategy("canary", tuple(Share(one.weight, one.seconds or 0) for one in model.canary))
    return BLUE_GREEN if model == "blue-green" else ROLLING


def watch(service: ServiceScope) -> measures.WatchSpec | None:
    model = service.model.x_fleet.watch
    if model is None:
        return None
    if not strategy(service).tried:
        what = "watch: nothing is watched with strategy: rolling"
        hint = "compare by strategy: blue-green or canary; x-fleet.gate says when an updated host is healthy"
        service.wrong(what, "x-fleet", "watch", hint=hint, key=True)
    return measures.WatchSpec(
        model.window,
        model.requests,
        model.errors,
        model.slower,
        model.on_failure,
        tuple(_measure(name, one) for name, one in sorted(model.measures.items())),
    )


def _measure(name: str, model: MeasureModel) -> measures.Measure:
    if model.http:
        return measures.HttpValue(name, model.http.url, model.http.path, model.least, model.most)
    if model.prometheus:
        url, query = model.prometheus.url, model.prometheus.query
        return measures.PrometheusValue(name, url, query, model.least, model.most)
    if model.log:
        return measures.LogRate(name, model.log, model.most or 0)
    return measures.WatchCommand(name, model.command)
