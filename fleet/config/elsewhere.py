"""All hosts and roles of an environment as far as others must know them, those left out of a run too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.config.problems import FileProblems, Problems
from fleet.config.roles.glimpse import glimpse
from fleet.config.roles.source import RoleSource
from fleet.config.roles.variables import HostVariables
from fleet.model.hosts import Inventory
from fleet.model.services import Service


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """``balancing``: roles that have hosts → whether one of their services may be a balancer; of a role whose
    files cannot be read nobody knows, and what is said of that role is not doubted for it."""

    project: str
    inventory: Inventory
    variables: HostVariables
    problems: Problems
    sources: Mapping[str, RoleSource]
    balancing: Mapping[str, bool]

    def services(self, words: tuple[str, ...], source: RoleSource, host: str) -> list[Service]:
        """What ``host`` runs of one role; ``words`` as for :func:`glimpse`."""
        return glimpse(
            words,
            self.project,
            self.inventory.env,
            source,
            self.variables.in_role(self.inventory.hosts[host], source),
            FileProblems(self.problems, source.document, host),
            self.balancing,
        )

    def address(self, host: str) -> str:
        """At which others find it."""
        return self.variables.rendered(self.inventory.hosts[host]).address
