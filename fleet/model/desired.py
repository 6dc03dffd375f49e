"""The state that an environment shall be in: the first of the planner's two inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.errors import Position
from fleet.model.balancing import BalancerHost
from fleet.model.jobs import Job, Undo
from fleet.model.services import Pairs, Service
from fleet.model.tasks import Handler, Task
from fleet.model.volume_care import NO_CARE, VolumeCare
from fleet.model.volumes import NOTHING_SAID, Moving

NO_VERSION = "unknown"
"""What templates get as the version where none was given and none is needed."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network to create; external ones are only looked for."""

    name: str
    role: str
    driver: str = "bridge"
    options: Pairs = ()
    internal: bool = False
    attachable: bool = False
    enable_ipv6: bool = False
    subnets: Pairs = ()
    """(subnet, gateway) pairs; a gateway may be empty."""
    labels: Pairs = ()
    external: bool = False
    ip_ranges: Pairs = ()
    """(subnet, the part of it that containers get addresses from) pairs."""
    aux_addresses: tuple[tuple[str, str, str], ...] = ()
    """(subnet, name, address) of addresses that no container gets."""
    ipam_driver: str = "default"
    ipam_options: Pairs = ()


@dataclass(frozen=True, slots=True)
class Volume:
    """A named volume to create; external ones are only looked for. Or a directory of the host, called by its
    path, to which data is to go.

    ``origin``: where its data comes from while it is not there yet: another volume's name as the role has
    called it or in full, a directory's path, or ``SERVICE:/path`` for what is anonymous there.
    """

    name: str
    role: str
    driver: str = "local"
    options: Pairs = ()
    labels: Pairs = ()
    external: bool = False
    care: VolumeCare = NO_CARE
    origin: str = ""

    @property
    def of_host(self) -> bool:
        """Its data is the host's own: there is one truth of it, and that has a place. What other drivers
        keep, and what lies on a file server, several hosts may see."""
        elsewhere = dict(self.options).get("type", "") in SHARED
        return not self.external and self.driver == "local" and not elsewhere


SHARED = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "tmpfs"})
"""File systems of the driver ``local`` whose data is not on the host's disks."""


@dataclass(frozen=True, slots=True)
class Role:
    """``hosts`` are all hosts of the role in the environment, also those outside of ``--limit``."""

    name: str
    hosts: tuple[str, ...]
    needs: tuple[str, ...] = ()
    min_healthy: int | str = 0
    services: tuple[str, ...] = ()
    at: Position | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class HostState:
    """What one host shall run; services in the order of their files. ``tasks`` come before them."""

    host: str
    services: tuple[Service, ...] = ()
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()
    jobs: tuple[Job, ...] = ()
    tasks: tuple[Task, ...] = ()
    handlers: tuple[Handler, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """Those that it has services or tasks of."""
        services, tasks = (one.role for one in self.services), (one.role for one in self.tasks)
        return tuple(dict.fromkeys((*services, *tasks, *(one.role for one in self.handlers))))


@dataclass(frozen=True, slots=True)
class Desired:
    """``hosts`` are those of the run, in inventory order; ``roles`` every role that has a host, a
    needed role before its users. ``selected``: roles the run is limited to; empty means all."""

    project: str
    env: str
    version: str
    state_dir: str
    roles: tuple[Role, ...]
    hosts: tuple[HostState, ...]
    pull_parallel: int = 8
    selected: tuple[str, ...] = ()
    remove_orphans: bool = False
    """Remove our containers that no role of their host wants any more."""
    balancers: tuple[BalancerHost, ...] = ()
    """Every balancer of the environment, also those outside of ``--limit``."""
    trial: Mapping[str, int] = field(default_factory=dict)
    """``role.service`` → percent of the requests at which its new version stays beside the old one, to be
    promoted or aborted. One that is not in it takes over at once."""
    watched: bool = False
    """The shares that new versions on trial are given were watched to their end."""
    allow_downtime: bool = False
    """A backend may be left without a server for a while."""
    undo: tuple[Undo, ...] = ()
    """Jobs of later releases that a rollback undoes, the newest first."""
    tested: tuple[str, ...] = ()
    """Roles whose tests are a part of their gates: of the run, never of a release."""
    moving: Moving = NOTHING_SAID
    """How volumes get to other hosts: of the run, never of a release."""
