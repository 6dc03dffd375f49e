"""One role on one host while its services are built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.config.problems import FileProblems
from fleet.config.roles.compose import ComposeFile, NetworkModel, VolumeModel
from fleet.config.roles.source import RoleSource
from fleet.config.suggest import suggest
from fleet.config.yaml import Path
from fleet.model.hosts import Host
from fleet.model.services import Pairs
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
        return self._full_name(key, self.file.networks.get(key))

    def volume_name(self, key: str) -> str:
        return self._full_name(key, self.file.volumes.get(key))

    def _full_name(self, key: str, declared: NetworkModel | VolumeModel | None) -> str:
        if declared and (declared.name or declared.external):
            return declared.name or key
        return f"{self.prefix}_{key}"

    def check_external(self, kind: str, key: str, declared: NetworkModel | VolumeModel) -> None:
        if declared.external and declared.model_fields_set - {"external", "name"}:
            what = f"{kind.removesuffix('s')} {key!r} is external: nothing but 'name' can be said of it"
            self.problems.add(what, (kind, key), key=True)

    def undeclared(self, kind: str, name: str, path: Path, known: list[str]) -> None:
        """``name`` refers to nothing in the top-level section ``kind``."""
        hint = f"declare it in the top-level '{kind}'"
        what = f"there is no {kind.removesuffix('s')} {name!r}{suggest(name, known)}"
        self.problems.add(what, path, hint=hint)


def pairs(mapping: Mapping[str, str]) -> Pairs:
    """The one normal form of a mapping in the model."""
    return tuple(sorted(mapping.items()))
