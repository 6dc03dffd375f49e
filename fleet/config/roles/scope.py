"""One role on one host, and one service of it, while they are built: names, and where mistakes stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from fleet.config.problems import FileProblems
from fleet.config.roles.compose import ComposeFile, NetworkModel, ServiceModel, VolumeModel
from fleet.config.roles.peer import Peers
from fleet.config.roles.source import RoleSource
from fleet.config.settings import STATE_DIR
from fleet.errors import ConfigError, Position
from fleet.model.services import Pairs
from fleet.render import Variables
from fleet.suggest import suggest

Part = str | int
Section = Literal["networks", "volumes", "configs", "secrets"]


@dataclass(frozen=True, slots=True)
class RoleScope:
    project: str
    env: str
    source: RoleSource
    variables: Variables
    problems: FileProblems
    file: ComposeFile
    balancing: Mapping[str, bool]
    """Roles that have hosts here → whether one of its services may be a balancer."""
    peers: Peers = lambda role: ()

    @property
    def role(self) -> str:
        return self.source.name

    def network_name(self, key: str) -> str:
        return self._full_name(key, self.file.networks.get(key))

    def volume_name(self, key: str) -> str:
        return self._full_name(key, self.file.volumes.get(key))

    def _full_name(self, key: str, declared: NetworkModel | VolumeModel | None) -> str:
        if declared and (declared.name or declared.external):
            return declared.name or key
        return f"{self.project}-{self.env}-{self.role}_{key}"

    def check_external(self, kind: str, key: str, declared: NetworkModel | VolumeModel) -> None:
        if declared.external and declared.model_fields_set - {"external", "name"}:
            what = f"{kind.removesuffix('s')} {key!r} is external: nothing but 'name' can be said of it"
            self.problems.add(what, (kind, key), key=True)


@dataclass(frozen=True, slots=True)
class ServiceScope:
    role: RoleScope
    name: str
    model: ServiceModel
    instance: int = 1

    def instances(self) -> Iterator[ServiceScope]:
        return (replace(self, instance=number + 1) for number in range(self.model.deploy.replicas))

    @property
    def full_name(self) -> str:
        """What this instance is called as a service of its own."""
        return self.name if self.instance == 1 else f"{self.name}-{self.instance}"

    @property
    def container_name(self) -> str:
        role = self.role
        name = f"{role.project}-{role.env}-{role.role}-{self.name}-{self.instance}"
        return self.model.container_name or name

    @property
    def at(self) -> Position:
        """Where the service begins in the file."""
        return self.role.source.document.key_at(("services", self.name))

    @property
    def secret_dir(self) -> str:
        return f"/run/fleet/{self.role.project}/{self.role.env}/{self.role.role}/{self.full_name}"

    def config_dir(self, name: str) -> str:
        """Of one of the role's ``configs``, where it lasts: an engine that starts again mounts it again."""
        role = self.role
        state = str(role.variables.get("fleet_state_dir", STATE_DIR)).rstrip("/")
        return f"{state}/configs/{role.project}/{role.env}/{role.role}/{self.full_name}/{name}"

    def wrong(self, what: str, *path: Part, hint: str = "", key: bool = False) -> None:
        """A mistake at ``path`` below the service."""
        self.role.problems.add(what, ("services", self.name, *path), hint=hint, key=key)

    def take(self, error: ConfigError, *path: Part) -> None:
        self.role.problems.take(error, ("services", self.name, *path))

    def overrides(self, key: str, index: int) -> bool:
        """Whether the item of a list is laid over those of a service that this one extends."""
        document = self.role.source.document
        first, own = (document.origin(("services", self.name, key, at)) for at in (0, index))
        return (first[0], first[1][:2]) != (own[0], own[1][:2])

    def item(self, key: str, name: str) -> tuple[Part, Part]:
        """Where ``name`` stands in the list or mapping of names at ``key``."""
        path = self.role.source.item(("services", self.name, key), name)
        return key, path[-1]

    def undeclared(self, kind: Section, name: str, *path: Part) -> None:
        """``name`` refers to nothing in the top-level section ``kind``."""
        what = f"there is no {kind.removesuffix('s')} {name!r}{suggest(name, getattr(self.role.file, kind))}"
        self.wrong(what, *path, hint=f"declare it in the top-level '{kind}'")


def pairs(mapping: Mapping[str, str]) -> Pairs:
    """The one normal form of a mapping in the model."""
    return tuple(sorted(mapping.items()))
