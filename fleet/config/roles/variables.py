"""What templates see: a host's variables over the role's defaults, and what Fleet itself knows."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from fleet.config.roles.source import RoleSource
from fleet.errors import Position
from fleet.model.hosts import Host, Inventory, is_template
from fleet.render import Lazy, Renderer, Variables


class HostVariables:
    """The variables of all hosts of one run; each is rendered when something asks for it."""

    def __init__(self, inventory: Inventory, version: str | None, behind: Collection[str] = ()) -> None:
        self._inventory = inventory
        self._renderer = Renderer()
        self._made: dict[str, Variables] = {}
        self._shared: dict[str, Any] = {
            "env": inventory.env,
            "behind": sorted(behind),
            "groups": {name: list(group.members) for name, group in inventory.groups.items()},
            "hostvars": Lazy(inventory.hosts, self.of, "hostvars"),
        }
        if version is not None:
            self._shared["version"] = version

    def share(self, name: str, value: Any) -> None:
        """One more name that every template knows; before the first one is rendered."""
        self._shared[name] = value

    def of(self, name: str) -> Variables:
        """The variables of a host outside of any role, as ``hostvars`` shows them."""
        if name not in self._made:
            host = self._inventory.hosts[name]
            raw = ChainMap(self._special(host), dict(host.vars))
            self._made[name] = self._renderer.variables(raw, place=host.at)
        return self._made[name]

    def in_role(self, host: Host, source: RoleSource) -> Variables:
        """The variables of a host within a role: defaults below, ``role`` above."""
        special = {**self._special(host), "role": source.name}
        raw = ChainMap(special, dict(host.vars), dict(source.defaults))

        def place(name: str) -> Position | None:
            return host.at(name) if name in host.vars else source.places.get(name)

        return source.renderer.variables(raw, place=place)

    def rendered(self, host: Host) -> Host:
        """The host with those variables rendered that Fleet itself reads: ``ansible_…``, ``fleet_…`` and
        ``x-fleet``. Raises ConfigError at the variable's place.
        """
        variables = self.of(host.name)
        read = {
            name: self._renderer.lookup(name, variables)
            for name in host.vars
            if name.startswith(("ansible_", "fleet_", "x-fleet")) and _has_template(host.vars[name])
        }
        return replace(host, vars={**host.vars, **read}) if read else host

    def _special(self, host: Host) -> dict[str, Any]:
        return {**self._shared, "inventory_hostname": host.name, "group_names": list(host.groups)}


def _has_template(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_template(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_template(item) for item in value)
    return is_template(value)
