"""Who else there is: the services of a role on all its hosts, also of those that a run leaves out."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.config.problems import FileProblems, Problems
from fleet.config.roles.glimpse import EVERY, glimpse
from fleet.config.roles.peer import Peer
from fleet.config.roles.source import RoleSource
from fleet.config.roles.variables import HostVariables
from fleet.model.hosts import Inventory


class Peers:
    """Of each role once, when the first asks. Mistakes of the files are told by those who read them whole."""

    def __init__(
        self,
        project: str,
        inventory: Inventory,
        variables: HostVariables,
        problems: Problems,
        sources: Mapping[str, RoleSource],
    ) -> None:
        self._project = project
        self._inventory = inventory
        self._variables = variables
        self._problems = problems
        self._sources = sources
        self._found: dict[str, tuple[Peer, ...]] = {}

    def __call__(self, role: str) -> tuple[Peer, ...]:
        """In inventory order; none of a role that has no hosts here."""
        if role not in self._found:
            self._found[role] = self._seen(self._sources[role]) if role in self._sources else ()
        return self._found[role]

    def _seen(self, source: RoleSource) -> tuple[Peer, ...]:
        found: list[Peer] = []
        for name in self._inventory.groups[source.name].members:
            host = self._inventory.hosts[name]
            services = glimpse(
                EVERY,
                self._project,
                self._inventory.env,
                source,
                self._variables.in_role(host, source),
                FileProblems(self._problems, source.document, name),
                {},
            )
            address = self._variables.rendered(host).address
            found += (Peer(name, address, service) for service in services)
        return tuple(found)
