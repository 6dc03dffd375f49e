"""``x-fleet.guest_environment``: who a container is and where its peers are, in maestro-ng's variables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleet.config.roles.peer import Peer, instance_name
from fleet.config.roles.scope import ServiceScope
from fleet.model.images import ImageRef


def guest_environment(service: ServiceScope) -> dict[str, str]:
    """Of the service itself, of those in ``depends_on``, and of all in the roles that its role needs."""
    if not service.model.x_fleet.guest_environment:
        return {}
    role, host = service.role, str(service.role.variables["inventory_hostname"])
    ours = role.peers(role.role)
    here = next((one.address for one in ours if one.host == host), host)
    found = {
        "MAESTRO_ENVIRONMENT_NAME": role.env,
        "SERVICE_NAME": service.name,
        "CONTAINER_NAME": instance_name(host, service.instance),
        "CONTAINER_HOST_ADDRESS": here,
        "DOCKER_IMAGE": service.model.image,
        "DOCKER_TAG": ImageRef.parse(service.model.image).tag,
    }
    wanted = {service.name, *service.model.depends_on}
    groups: dict[str, list[Peer]] = {}
    for one in ours:
        if one.service.base in wanted:
            groups.setdefault(one.service.base, []).append(one)
    for needed in role.file.x_fleet.needs:
        for one in role.peers(needed):
            groups.setdefault(one.service.base, []).append(one)
    for name, peers in groups.items():
        roles = sorted({one.service.role for one in peers})
        if len(roles) > 1:
            what = f"guest_environment: {' and '.join(roles)} have a service {name!r}, and one name for both"
            service.wrong(what, "x-fleet", "guest_environment", hint="call one of them otherwise", key=True)
        found |= _of(name, peers, internal=name == service.name)
    return found


def _of(name: str, peers: Sequence[Peer], *, internal: bool) -> dict[str, str]:
    """``internal``: the containers' own ports are told, too."""
    found = {f"{_upper(name)}_INSTANCES": ",".join(one.name for one in peers)}
    for one in peers:
        prefix = f"{_upper(name)}_{_upper(one.name)}"
        found[f"{prefix}_HOST"] = one.address
        paired = {pair.target for pair in one.service.port_pair}
        for port in one.service.container.ports:
            # Where the engine or a slot chooses the host's port nobody knows it.
            if port.published and port.target not in paired:
                found[f"{prefix}_{port.target}_PORT"] = str(port.published)
            if internal:
                found[f"{prefix}_{port.target}_INTERNAL_PORT"] = str(port.target)
    return found


def _upper(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII).upper()
