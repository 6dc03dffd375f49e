"""The networks of a role and how its services are attached to them."""

from __future__ import annotations

from dataclasses import replace

from fleet.config.roles.compose import Attachment, NetworkModel, ServiceModel
from fleet.config.roles.scope import Scope, pairs
from fleet.config.yaml import Path
from fleet.model.desired import Network
from fleet.model.services import NetworkAttachment

DEFAULT = "default"


def attachments(scope: Scope, name: str, service: ServiceModel, path: Path) -> tuple[NetworkAttachment, ...]:
    """The first one is the container's main network: highest priority, then by name, as in Compose."""
    if service.network_mode is not None:
        _check_mode(scope, service, service.network_mode, path)
        return ()
    written = service.networks or {DEFAULT: None}
    found: list[tuple[float, str, NetworkAttachment]] = []
    for key, options in written.items():
        if key != DEFAULT and key not in scope.file.networks:
            place = scope.source.item((*path, "networks"), key)
            scope.undeclared("networks", key, place, list(scope.file.networks))
            continue
        model = options or Attachment()
        aliases = tuple(dict.fromkeys([name, *model.aliases]))
        attached = NetworkAttachment(
            scope.network_name(key), aliases, model.ipv4_address, model.ipv6_address, model.mac_address
        )
        found.append((-model.priority, key, attached))
    ordered = [attached for _, _, attached in sorted(found, key=lambda item: item[:2])]
    return _with_mac(scope, service, ordered, path)


def _with_mac(
    scope: Scope, service: ServiceModel, ordered: list[NetworkAttachment], path: Path
) -> tuple[NetworkAttachment, ...]:
    if any(attached.mac_address for attached in ordered[1:]):
        what = "a MAC address can be set on the main network only"
        scope.problems.add(what, (*path, "networks"), hint="the main one has the highest 'priority'")
    if not service.mac_address or not ordered:
        return tuple(ordered)
    first = ordered[0]
    if first.mac_address not in ("", service.mac_address):
        scope.problems.add("mac_address differs from that of the main network", (*path, "mac_address"))
    return (replace(first, mac_address=service.mac_address), *ordered[1:])


def _check_mode(scope: Scope, service: ServiceModel, mode: str, path: Path) -> None:
    place = (*path, "network_mode")
    if service.networks:
        scope.problems.add("network_mode and networks exclude each other", place, key=True)
    if service.ports and mode != "bridge":
        hint = "remove 'ports': the service listens on the host's own addresses" if mode == "host" else ""
        scope.problems.add(
            f"no port can be published with network_mode: {mode}", (*path, "ports"), hint=hint, key=True
        )


def networks(scope: Scope, used: set[str]) -> tuple[Network, ...]:
    """The role's networks among ``used`` (full names)."""
    found = []
    for key in dict.fromkeys([DEFAULT, *scope.file.networks]):
        name = scope.network_name(key)
        if name in used:
            model = scope.file.networks.get(key) or NetworkModel()
            scope.check_external("networks", key, model)
            found.append(_network(scope, name, model))
    return tuple(found)


def _network(scope: Scope, name: str, model: NetworkModel) -> Network:
    return Network(
        name,
        scope.role,
        driver=model.driver,
        options=pairs(model.driver_opts),
        internal=model.internal,
        attachable=model.attachable,
        enable_ipv6=model.enable_ipv6,
        subnets=tuple((subnet.subnet, subnet.gateway) for subnet in model.ipam.config),
        labels=pairs(model.labels),
        external=model.external,
    )
