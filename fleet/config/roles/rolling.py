"""How a service is updated: batches, order, port pairs, the gate."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.config.roles.compose import ServiceModel, UpdateConfig
from fleet.config.roles.scope import Scope
from fleet.config.roles.xfleet import CheckModel
from fleet.config.yaml import Path
from fleet.model import gates
from fleet.model.services import Batches, Port, PortPair, UpdatePolicy

DEFAULT_MONITOR = 5.0


def update_policy(config: UpdateConfig, batches: Sequence[int | str] = ()) -> UpdatePolicy:
    sizes = batches or (config.parallelism or "100%",)
    return UpdatePolicy(
        Batches(tuple(sizes)), config.delay, config.failure_action, config.max_failure_ratio, config.order
    )


def port_pairs(
    scope: Scope, service: ServiceModel, ports: tuple[Port, ...], path: Path
) -> tuple[PortPair, ...]:
    pairs = []
    place = (*path, "x-fleet", "port_pair")
    for target, (first, second) in sorted(service.x_fleet.port_pair.items()):
        pairs.append(PortPair(target, first, second))
        published = {port.published for port in ports if port.target == target}
        if first == second:
            scope.problems.add(f"port_pair: both host ports of {target} are {first}", (*place, target))
        elif first not in published:
            what = f"port_pair: 'ports' does not publish {target} at {first}"
            hint = f'write ports: ["{first}:{target}"]; the pair\'s second port is used while both run'
            scope.problems.add(what, (*place, target), hint=hint)
        elif second in {port.published for port in ports}:
            scope.problems.add(f"port_pair: {second} is published already", (*place, target))
    if "start-first" in (service.deploy.update_config.order, service.deploy.rollback_config.order):
        _check_start_first(scope, service, ports, pairs, path)
    return tuple(pairs)


def _check_start_first(
    scope: Scope, service: ServiceModel, ports: tuple[Port, ...], pairs: list[PortPair], path: Path
) -> None:
    wanted = "update_config" if service.deploy.update_config.order == "start-first" else "rollback_config"
    place = (*path, "deploy", wanted, "order")
    free = {(pair.target, pair.first) for pair in pairs}
    for port in ports:
        if port.published and (port.target, port.published) not in free:
            what = f"order: start-first needs a second host port for {port.published}:{port.target}"
            hint = f"x-fleet: {{port_pair: {{{port.target}: [{port.published}, {port.published + 1}]}}}}"
            scope.problems.add(what, place, hint=hint)
    if any(
        network and (network.ipv4_address or network.ipv6_address) for network in service.networks.values()
    ):
        what = "order: start-first and a fixed address exclude each other: both containers run at once"
        scope.problems.add(what, place)


def gate(scope: Scope, service: ServiceModel, path: Path) -> gates.GateSpec:
    model = service.x_fleet.gate
    place = (*path, "x-fleet", "gate")
    checked = bool(service.healthcheck and not service.healthcheck.disable and service.healthcheck.test)
    default = gates.DockerCheck() if checked else gates.RunningCheck()
    healthy_for = model.healthy_for
    if healthy_for is None:
        monitor = service.deploy.update_config.monitor
        healthy_for = DEFAULT_MONITOR if monitor is None else monitor
    if healthy_for >= model.deadline:
        what = f"the gate can never pass: healthy_for is {healthy_for:g}s, the deadline {model.deadline:g}s"
        scope.problems.add(what, place, hint="raise x-fleet.gate.deadline, or lower healthy_for (or monitor)")
    disabled = service.healthcheck is not None and service.healthcheck.disable
    if disabled and "docker" in model.checks:
        at = model.checks.index("docker")
        scope.problems.add("the check 'docker' needs a healthcheck; it is disabled", (*place, "checks", at))
    checks = tuple(_check(check) for check in model.checks) or (default,)
    return gates.GateSpec(checks, model.deadline, model.interval, model.rise, model.fall, healthy_for)


def _check(check: str | CheckModel) -> gates.Check:
    if isinstance(check, str):
        return gates.DockerCheck() if check == "docker" else gates.RunningCheck()
    if check.any:
        return gates.AnyOf(tuple(_check(item) for item in check.any))
    if check.http:
        return gates.HttpCheck(check.http.port, check.http.path, check.http.status, check.http.match)
    if check.tcp:
        return gates.TcpCheck(check.tcp.port)
    if check.exec:
        return gates.ExecCheck(check.exec)
    return gates.ControllerCheck(check.controller) if check.controller else gates.LogCheck(check.log)
