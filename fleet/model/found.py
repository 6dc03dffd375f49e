"""What was found on the hosts: the second of the planner's two inputs.

Ignorance is a value here: :class:`Unknown` says why a thing could not be read, and the planner
never takes it for absence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.model.services import Service


@dataclass(frozen=True, slots=True)
class Unknown:
    reason: str


@dataclass(frozen=True, slots=True)
class Engine:
    """The host's Docker Engine. ``api_version`` as ``1.41``; free bytes below its data directory."""

    version: str
    api_version: str
    root_dir: str = ""
    free_bytes: int = -1


@dataclass(frozen=True, slots=True)
class Container:
    """A container that bears this project's and environment's labels."""

    id: str
    name: str
    image_id: str
    role: str
    service: str
    release: str
    spec_digest: str
    state: str
    """created, running, paused, restarting, removing, exited or dead."""
    health: str = ""
    """starting, healthy, unhealthy, or empty without a health check."""
    started_at: str = ""
    exit_code: int = 0
    restart_count: int = 0
    definition: Service | None = None
    """The service it was made from, kept in a label; None when that cannot be read."""
    altered: tuple[str, ...] = ()
    """What was changed by hand since it was made, as ``field: wanted → found``."""

    @property
    def running(self) -> bool:
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class Image:
    """A local image; ``digests`` are the registry digests under which this repository knows it."""

    id: str
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in a directory that Fleet writes. ``content`` is None when it may not be shown."""

    name: str
    mode: str
    sha256: str
    content: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FoundDir:
    path: str
    exists: bool
    files: tuple[FoundFile, ...] = ()


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One host as its probe saw it."""

    host: str
    engine: Engine | Unknown
    containers: tuple[Container, ...] | Unknown = ()
    images: Mapping[str, Image] | Unknown = field(default_factory=dict)
    """By reference as asked for; one that is not on the host is not in it."""
    networks: tuple[str, ...] | Unknown = ()
    volumes: tuple[str, ...] | Unknown = ()
    dirs: Mapping[str, FoundDir] | Unknown = field(default_factory=dict)
    foreign_ports: Mapping[int, str] | Unknown = field(default_factory=dict)
    """Published TCP ports held by something that is not ours, and by what."""
    key: bytes | Unknown = field(default=b"", repr=False)
    """The host's own key for fingerprints of secrets."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All hosts of the run; ``digests`` is what the registries say of the images asked about."""

    hosts: Mapping[str, HostFacts]
    digests: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Host → secret reference → fingerprint under the host's key."""
