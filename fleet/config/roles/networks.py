"""The networks of a role and how its services are attached to them."""

from __future__ import annotations

from dataclasses import replace

from fleet.config.roles.compose import NetworkModel
from fleet.config.roles.compose_parts import Attachment
from fleet.config.roles.scope import RoleScope, ServiceScope, pairs
from fleet.model.desired import Network
from fleet.model.services import NetworkAttachment

DEFAULT = "default"


def attachments(service: ServiceScope) -> tuple[NetworkAttachment, ...]:
    """The first one is the container's main network: highest priority, then by name, as in Compose."""
    if service.model.network_mode is not None:
        _check_mode(service, service.model.network_mode)
        return ()
    found: list[tuple[float, str, NetworkAttachment]] = []
    for key, options in (service.model.networks or {DEFAULT: None}).items():
        if key != DEFAULT and key not in service.role.file.networks:
            service.undeclared("networks", key, *service.item("networks", key))
        model = options or Attachment()
        aliases = tuple(dict.fromkeys([service.name, *model.aliases]))
        attached = NetworkAttachment(
            service.role.network_name(key),
            aliases,
            model.ipv4_address,
            model.ipv6_address,
            model.mac_address,
            tuple(model.link_local_ips),
        )
        found.append((-model.priority, key, attached))
    main, *others = [attached for _, _, attached in sorted(found, key=lambda item: item[:2])]
    return (_with_mac(service, main, others), *others)


def _with_mac(
    service: ServiceScope, main: NetworkAttachment, others: list[NetworkAttachment]
) -> NetworkAttachment:
    if any(attached.mac_address for attached in others):
        what = "a MAC address can be set on the main network only"
        service.wrong(what, "networks", hint="the main one has the highest 'priority'")
    address = service.model.mac_address
    if address and main.mac_address not in ("", address):
        service.wrong("mac_address differs from that of the main network", "mac_address")
    return replace(main, mac_address=address or main.mac_address)


def _check_mode(service: ServiceScope, mode: str) -> None:
    if service.model.networks:
        service.wrong("network_mode and networks exclude each other", "network_mode", key=True)
    if service.model.ports and mode != "bridge":
        hint = "remove 'ports': the service listens on the host's own addresses" if mode == "host" else ""
        service.wrong(f"no port can be published with network_mode: {mode}", "ports", hint=hint, key=True)


def networks(scope: RoleScope, used: set[str]) -> tuple[Network, ...]:
    """The role's networks among ``used`` (full names)."""
    found = []
    for key in dict.fromkeys([DEFAULT, *scope.file.networks]):
        name = scope.network_name(key)
        if name in used:
            model = scope.file.networks.get(key) or NetworkModel()
            scope.check_external("networks", key, model)
            found.append(_network(scope, name, model))
    return tuple(found)


def _network(scope: RoleScope, name: str, model: NetworkModel) -> Network:
    return Network(
        name,
        scope.role,
        driver=model.driver,
        options=pairs(model.driver_opts),
        internal=model.internal,
        attachable=model.attachable,
        enable_ipv6=model.enable_ipv6,
        subnets=tuple((subnet.subnet, subnet.gateway) for subnet in model.ipam.config),
        ip_ranges=tuple((subnet.subnet, subnet.ip_range) for subnet in model.ipam.config if subnet.ip_range),
        aux_addresses=tuple(
            (subnet.subnet, name, address)
            for subnet in model.ipam.config
            for name, address in pairs(subnet.aux_addresses)
        ),
        ipam_driver=model.ipam.driver,
        ipam_options=pairs(model.ipam.options),
        labels=pairs(model.labels),
        external=model.external,
    )
