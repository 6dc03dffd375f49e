"""One role on one host while its services are built."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.config.problems import FileProblems
from fleet.config.roles.compose import ComposeFile
from fleet.config.roles.source import RoleSource
from fleet.config.suggest import suggest
from fleet.config.yaml import Path
from fleet.model.hosts import Host
from fleet.render import Variables


@dataclass(frozen=True, slots=True)
class Scope:
    project: str
    env: str
    source: RoleSource
    host: Host
    variables: Variables
    problems: FileProblems
    file: ComposeFile

    @property
    def role(self) -> str:
        return self.source.name

    @property
    def prefix(self) -> str:
        """The name of the Compose project that a role is."""
        return f"{self.project}-{self.env}-{self.role}"

    def container_name(self, service: str) -> str:
        return self.file.services[service].container_name or f"{self.prefix}-{service}-1"

    def secret_dir(self, service: str) -> str:
        return f"/run/fleet/{self.project}/{self.env}/{self.role}/{service}"

    def network_name(self, key: str) -> str:
        network = self.file.networks.get(key)
        if network is None:
            return f"{self.prefix}_{key}"
        return network.name or (key if network.external else f"{self.prefix}_{key}")

    def volume_name(self, key: str) -> str:
        volume = self.file.volumes.get(key)
        if volume is None:
            return f"{self.prefix}_{key}"
        return volume.name or (key if volume.external else f"{self.prefix}_{key}")

    def undeclared(self, kind: str, name: str, path: Path, known: list[str]) -> None:
        """``name`` refers to nothing in the top-level section ``kind``."""
        hint = f"declare it in the top-level '{kind}'"
        what = f"there is no {kind.removesuffix('s')} {name!r}{suggest(name, known)}"
        self.problems.add(what, path, hint=hint)
