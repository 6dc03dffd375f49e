"""What was found on the hosts: the second of the planner's two inputs.

Ignorance is a value here: :class:`Unknown` says why a thing could not be read, and the planner
never takes it for absence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.model.balancing import BalancerView
from fleet.model.found_tasks import FoundPath, FoundUser
from fleet.model.releases import JobRun
from fleet.model.services import Service
from fleet.model.snapshots import Snapshot
from fleet.model.volumes import FoundVolume, Home


@dataclass(frozen=True, slots=True)
class Unknown:
    reason: str


@dataclass(frozen=True, slots=True)
class Engine:
    """The host's Docker Engine; free bytes below its data directory."""

    version: str
    root_dir: str = ""
    free_bytes: int = -1


@dataclass(frozen=True, slots=True)
class Container:
    """A container that bears this project's and environment's labels."""

    id: str
    name: str
    role: str
    service: str
    release: str
    spec_digest: str
    image: str
    """``name@digest`` that it was created from."""
    state: str
    """created, running, paused, restarting, removing, exited or dead."""
    health: str = ""
    """starting, healthy, unhealthy, or empty without a health check."""
    started_at: str = ""
    exit_code: int = 0
    restart_count: int = 0
    definition: Service | None = None
    """The service it was made from, kept in a label; None when that cannot be read."""
    anonymous: tuple[tuple[str, str], ...] = ()
    """Anonymous volumes and where they are mounted; a replacement takes them over, as Compose does."""
    altered: tuple[str, ...] = ()
    """What was changed by hand since it was made, as ``field: wanted → found``."""
    job: str = ""
    """Name of the job that it is the one-off container of; empty: it is a service's."""

    @property
    def running(self) -> bool:
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class Image:
    """A local image; ``digests`` are ``name@sha256:…`` as the registries know it."""

    id: str
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in a directory that Fleet writes. ``content`` is None when it may not be shown."""

    name: str
    mode: str
    sha256: str
    owner: str = "0:0"
    """``uid:gid``."""
    ours: bool = True
    """Written by Fleet; false for a file that was there before."""
    content: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FoundDir:
    """``intact``: what Fleet wrote there, if anything, is still unchanged. ``pending``: it was written,
    and the container was not told yet."""

    path: str
    exists: bool
    intact: bool = True
    files: tuple[FoundFile, ...] = ()
    pending: bool = False


@dataclass(frozen=True, slots=True)
class HostRelease:
    """The release that a host was last part of, by its own copy of the record. ``ledger`` is the host that
    keeps the ledger. ``damaged``: why the copy cannot be read; then only ``number`` is known, if that."""

    number: int
    version: str = ""
    ledger: str = ""
    outcome: str = ""
    damaged: str = ""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One host as its probe saw it."""

    host: str
    engine: Engine | Unknown
    containers: tuple[Container, ...] | Unknown = ()
    images: Mapping[str, Image] | Unknown = field(default_factory=dict)
    """By reference as asked for; one that is not on the host is not in it."""
    networks: tuple[str, ...] | Unknown = ()
    volumes: Mapping[str, FoundVolume] | Unknown = field(default_factory=dict)
    """By full name, whoever made them."""
    snapshots: Mapping[str, tuple[Snapshot, ...]] | Unknown = field(default_factory=dict)
    """Full name of a volume → those of it that count, the oldest first."""
    dirs: Mapping[str, FoundDir] | Unknown = field(default_factory=dict)
    ports: Mapping[int, str] | Unknown = field(default_factory=dict)
    """TCP ports somebody listens on, and who: ``container NAME`` or ``a process on the host``."""
    sealed: Mapping[str, Mapping[str, str]] | Unknown = field(default_factory=dict)
    """Secret directory → file name → fingerprint of the content that lies there."""
    proven: tuple[str, ...] | Unknown = ()
    """Ids of containers that have passed their gate."""
    foreign_names: tuple[str, ...] | Unknown = ()
    """Names of containers that are not ours."""
    key: bytes | Unknown = field(default=b"", repr=False)
    """The host's own key for fingerprints of secrets."""
    clock: int | Unknown = 0
    """Seconds since 1970 as the host counts them."""
    addresses: tuple[str, ...] | Unknown = ()
    """IPv4 addresses it answers for, where a virtual one may be among them."""
    release: HostRelease | Unknown | None = None
    """The newest release that concerned it; None when there was none."""
    paths: Mapping[str, FoundPath] | Unknown = field(default_factory=dict)
    packages: Mapping[str, str] | Unknown = field(default_factory=dict)
    """Installed version by name; empty when it is not installed."""
    kernel: Mapping[str, str | None] | Unknown = field(default_factory=dict)
    """Running settings; None where the kernel knows none by that name."""
    users: Mapping[str, FoundUser | None] | Unknown = field(default_factory=dict)
    crontabs: Mapping[str, str] | Unknown = field(default_factory=dict)
    commands: Mapping[str, bool] | Unknown = field(default_factory=dict)
    """Key of a task's command → whether it is done."""
    notified: tuple[str, ...] | Unknown = ()
    """Marks of handlers that are still to run."""

    @property
    def of_services(self) -> tuple[Container, ...]:
        """Our containers without those of jobs; none when they could not be read."""
        return tuple(one for one in self._ours if not one.job)

    @property
    def of_jobs(self) -> tuple[Container, ...]:
        """One-off containers of jobs; none when they could not be read."""
        return tuple(one for one in self._ours if one.job)

    @property
    def _ours(self) -> tuple[Container, ...]:
        return () if isinstance(self.containers, Unknown) else self.containers


@dataclass(frozen=True, slots=True)
class Facts:
    """All hosts of the run; ``digests`` is what the registries say of the images asked about."""

    hosts: Mapping[str, HostFacts]
    digests: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Host → secret reference → fingerprint under the host's key."""
    jobs: Mapping[str, JobRun] = field(default_factory=dict)
    """``role.name`` → what the ledger last says of that job."""
    balancers: Mapping[str, BalancerView | Unknown] = field(default_factory=dict)
    """Host → what its balancer told of itself; a host whose balancer does not run is not in it."""
    drained: Mapping[str, str] = field(default_factory=dict)
    """Host that the operator keeps out of traffic → why, by the ledger."""
    homes: Mapping[str, tuple[Home, ...]] = field(default_factory=dict)
    """Named volume → where its data lives, by the ledger."""
    had: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Named volume → hosts that the last good release had it on, when the ledger knows of no homes yet."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Image named by digest that some host lacks → why its registry does not give it: ``is gone from …``."""
