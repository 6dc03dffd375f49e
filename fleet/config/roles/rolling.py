"""How a service is updated: batches, order, port pairs, the gate."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.config.roles.compose_parts import UpdateConfig
from fleet.config.roles.scope import ServiceScope
from fleet.config.roles.traffic import strategy
from fleet.config.roles.xfleet import CheckModel
from fleet.model import gates
from fleet.model.services import Batches, Port, PortPair, UpdatePolicy

DEFAULT_MONITOR = 5.0


def update_policy(config: UpdateConfig, batches: Sequence[int | str] = ()) -> UpdatePolicy:
    sizes = batches or (config.parallelism or "100%",)
    return UpdatePolicy(
        Batches(tuple(sizes)), config.delay, config.failure_action, config.max_failure_ratio, config.order
    )


def port_pairs(service: ServiceScope, ports: tuple[Port, ...]) -> tuple[PortPair, ...]:
    if service.model.deploy.replicas > 1:
        return ()  # Whatever is wrong of it is said of the replicas.
    pairs = []
    for target, (first, second) in sorted(service.model.x_fleet.port_pair.items()):
        pairs.append(PortPair(target, first, second))
        place = ("x-fleet", "port_pair", target)
        if first == second:
            service.wrong(f"port_pair: both host ports of {target} are {first}", *place)
        elif not any(port.target == target and port.published == first for port in ports):
            what = f"port_pair: 'ports' does not publish {target} at {first}"
            hint = f'write ports: ["{first}:{target}"]; the pair\'s second port is used while both run'
            service.wrong(what, *place, hint=hint)
        elif any(port.published == second for port in ports):
            service.wrong(f"port_pair: {second} is published already", *place)
    if strategy(service).tried:
        kind = strategy(service).kind
        _check_both_at_once(service, ports, pairs, f"strategy: {kind}", ("x-fleet", "strategy"))
        return tuple(pairs)
    for config in ("update_config", "rollback_config"):
        if getattr(service.model.deploy, config).order == "start-first":
            _check_both_at_once(service, ports, pairs, "order: start-first", ("deploy", config, "order"))
            break
    return tuple(pairs)


def _check_both_at_once(
    service: ServiceScope, ports: tuple[Port, ...], pairs: list[PortPair], how: str, place: tuple[str, ...]
) -> None:
    free = {(pair.target, pair.first) for pair in pairs}
    for port in ports:
        if port.published and (port.target, port.published) not in free:
            what = f"{how} needs a second host port for {port.published}:{port.target}"
            hint = f"x-fleet: {{port_pair: {{{port.target}: [{port.published}, {port.published + 1}]}}}}"
            service.wrong(what, *place, hint=hint)
    attached = filter(None, service.model.networks.values())
    if any(network.ipv4_address or network.ipv6_address for network in attached):
        what = f"{how} and a fixed address exclude each other: both containers run at once"
        service.wrong(what, *place)
    member = service.model.x_fleet.load_balancer
    if member and service.model.network_mode == "host":
        what = f"{how} and network_mode: host exclude each other behind a balancer"
        hint = f"both containers would have port {member.port}: publish it by 'ports', with a port_pair"
        service.wrong(what, *place, hint=hint)


def gate(service: ServiceScope) -> gates.GateSpec:
    model, health = service.model.x_fleet.gate, service.model.healthcheck
    default = gates.DockerCheck() if health and health.test and not health.disable else gates.RunningCheck()
    healthy_for = model.healthy_for
    if healthy_for is None:
        monitor = service.model.deploy.update_config.monitor
        healthy_for = DEFAULT_MONITOR if monitor is None else monitor
    if healthy_for >= model.deadline:
        what = f"the gate can never pass: healthy_for is {healthy_for:g}s, the deadline {model.deadline:g}s"
        hint = "raise x-fleet.gate.deadline, or lower healthy_for (or monitor)"
        service.wrong(what, "x-fleet", "gate", hint=hint)
    if health and health.disable and "docker" in model.checks:
        place = ("x-fleet", "gate", "checks", model.checks.index("docker"))
        service.wrong("the check 'docker' needs a healthcheck; it is disabled", *place)
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
