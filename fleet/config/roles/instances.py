"""What several instances of a service on one host cannot share."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.config.roles.scope import Part, ServiceScope

Clash = tuple[str, tuple[Part, ...], str]
"""What there is but once, where that is said, and what to do."""


def check_instances(service: ServiceScope) -> None:
    """Of ports each instance tells by itself."""
    count = service.model.deploy.replicas
    if count == 1:
        return
    for what, place, hint in (*_single(service), *_updates(service)):
        service.wrong(f"{what}, and there are {count} replicas", *place, hint=hint, key=True)
    if service.instance > 1 and service.full_name in service.role.file.services:
        what = f"replica {service.instance} and the service {service.full_name!r} have one name"
        service.wrong(what, "deploy", "replicas", hint="call that service otherwise")


def _single(service: ServiceScope) -> Iterator[Clash]:
    model, extension = service.model, service.model.x_fleet
    if model.container_name:
        yield "container_name is the name of one container", ("container_name",), "leave it out"
    if model.mac_address:
        yield "mac_address is that of one container", ("mac_address",), "leave it out"
    for name, attached in model.networks.items():
        if attached and (attached.ipv4_address or attached.ipv6_address or attached.mac_address):
            yield "a fixed address is that of one container", ("networks", name), "leave the address out"
    if extension.config:
        hint = "put the files into 'configs': then each has its own"
        yield "the files of x-fleet.config are those of one container", ("x-fleet", "config"), hint
    if extension.balancer:
        yield "a host has one balancer", ("x-fleet", "balancer"), "leave replicas out"
    if extension.load_balancer and model.network_mode == "host":
        hint = "publish a range of ports by 'ports'"
        yield "with network_mode: host a host is one server", ("network_mode",), hint


def _updates(service: ServiceScope) -> Iterator[Clash]:
    """Two containers of one instance would need two names and two ports."""
    model, extension = service.model, service.model.x_fleet
    for key in ("update_config", "rollback_config"):
        if getattr(model.deploy, key).order == "start-first":
            hint = "with stop-first the others serve while one is replaced"
            yield "order: start-first is for one container", ("deploy", key, "order"), hint
    if extension.strategy != "rolling":
        hint = "with strategy: rolling they are replaced one after another"
        yield "a new version is tried beside one old container", ("x-fleet", "strategy"), hint
    if extension.port_pair:
        count = model.deploy.replicas
        hint = f'give each a port of a range: ports: ["8000-{7999 + count}:80"]'
        yield "port_pair is for one container", ("x-fleet", "port_pair"), hint
