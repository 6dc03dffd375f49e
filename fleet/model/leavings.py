"""What releases have left on a host, and who else is there: all that pruning has to know."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model.found import Unknown

IDLE = frozenset({"created", "exited", "dead"})
"""States of a container in which no process of it is left."""


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A release's need of one thing on a host. ``kind``: image (``name@digest``), tag (``name:tag``) or
    dir (a configuration directory)."""

    release: int
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.release:06} {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Uses:
    """Of one environment of one project."""

    project: str
    env: str
    lines: tuple[Use, ...] | Unknown


@dataclass(frozen=True, slots=True)
class Occupant:
    """A container of whomever. The fields that come from Fleet's labels are empty for one that has none.

    ``image`` is the local id, ``written`` the reference that it was created with, ``grace`` the seconds
    that it gets to stop, ``mounts`` the places of the host that it sees.
    """

    id: str
    name: str
    state: str
    image: str
    written: str = ""
    project: str = ""
    env: str = ""
    role: str = ""
    service: str = ""
    job: str = ""
    release: str = ""
    grace: float = 10
    mounts: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        return self.state in IDLE


@dataclass(frozen=True, slots=True)
class StoredImage:
    """``names`` are its tags and its digests (``name@sha256:…``); ``size`` in bytes, with the layers that
    it shares with others."""

    id: str
    names: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class Leavings:
    """One host. ``directories``: those of this environment's uses in which files of Fleet lie. ``begun``:
    volumes of this environment for snapshots that were cut off."""

    host: str
    uses: tuple[Uses, ...] | Unknown = ()
    occupants: tuple[Occupant, ...] | Unknown = ()
    images: tuple[StoredImage, ...] | Unknown = ()
    directories: tuple[str, ...] | Unknown = ()
    begun: tuple[str, ...] | Unknown = ()
    clock: int | Unknown = 0
    """Seconds since 1970 as the host counts them."""
