"""Which roles and services there are, and on which hosts, as far as the files say without being rendered."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass, replace

from fleet.config.roles.source import is_role, load_role
from fleet.errors import UsageError
from fleet.model.hosts import Inventory
from fleet.suggest import suggest


@dataclass(frozen=True, slots=True)
class Hosted:
    """A service of a role and the hosts of that role; without ``service`` all that the role runs."""

    role: str
    service: str
    hosts: tuple[str, ...]
    replicated: bool = False
    """It may run several times on a host."""

    def __str__(self) -> str:
        return f"{self.role}.{self.service}" if self.service else self.role


def find_service(root: pathlib.Path, inventory: Inventory, name: str) -> Hosted:
    """``web.app``, or ``app`` where only one role has it; ``web.app-2`` is the second of its replicas. Raises
    UsageError, ConfigError."""
    found = [one for one in _services(root, inventory) if name in {str(one), one.service}]
    base, _, number = name.rpartition("-")
    if not found and re.fullmatch(r"[2-9]|[1-9]\d+", number):
        found = [
            replace(one, service=f"{one.service}-{number}", replicated=False)
            for one in _services(root, inventory)
            if one.replicated and base in {str(one), one.service}
        ]
    if len(found) == 1:
        return found[0]
    if found:
        names = [str(one) for one in found]
        raise UsageError(f"several roles have a service {name}", hint=f"it is one of {', '.join(names)}")
    services = _services(root, inventory)
    near = suggest(name, [word for one in services for word in (str(one), one.service)])
    known = ", ".join(map(str, services)) or "none"
    raise UsageError(f"no service {name}{near}", hint=f"services with hosts here: {known}")


def find_services(root: pathlib.Path, inventory: Inventory, name: str) -> tuple[Hosted, ...]:
    """A service as :func:`find_service`, all services of the role ``name``, or without a name all of all
    roles."""
    roles = _roles(root, inventory)
    if not name:
        return roles
    return tuple(one for one in roles if one.role == name) or (find_service(root, inventory, name),)


def _roles(root: pathlib.Path, inventory: Inventory) -> tuple[Hosted, ...]:
    groups = inventory.groups.items()
    return tuple(Hosted(name, "", one.members) for name, one in groups if one.members and is_role(root, name))


def _services(root: pathlib.Path, inventory: Inventory) -> list[Hosted]:
    return [
        Hosted(role.role, service, role.hosts, source.replicated(service))
        for role in _roles(root, inventory)
        for source in (load_role(root, role.role),)
        for service in source.service_names
    ]
