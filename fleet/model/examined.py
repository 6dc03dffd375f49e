"""What a look at one host has found beside its facts, and what is to be thought of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.model.found import Unknown


@dataclass(frozen=True, slots=True)
class Room:
    """The file system that ``path`` is on. ``inodes`` is 0 where a file system does not count them."""

    path: str
    mount: str
    free_bytes: int
    size_bytes: int
    free_inodes: int = 0
    inodes: int = 0


@dataclass(frozen=True, slots=True)
class Examined:
    """``rooms`` in the order in which they were asked for, each file system once. ``unresolved``: names that
    the host does not know, and why."""

    clock: int | Unknown
    rooms: tuple[Room, ...] | Unknown = ()
    unresolved: Mapping[str, str] = field(default_factory=dict)


class Verdict(enum.StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one check says of one host; without a host: of this machine. ``remedy``: what to do about it."""

    check: str
    host: str
    verdict: Verdict
    text: str
    remedy: str = ""
