"""Work that is done once per release: migrations and such."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fleet.model import codec
from fleet.model.services import Service

UPGRADE = "upgrade."
"""Before a volume's name: what the command is called that upgrades its data. No role's job has a dot in its
name."""


@dataclass(frozen=True, slots=True)
class Job:
    """A command in a one-off container of ``service``'s image, on one host of the role.

    ``at`` is ``before`` the role's first batch or ``after`` its last; ``timeout`` in seconds; ``down`` is
    what undoes it, when a rollback goes back behind it.
    """

    role: str
    name: str
    service: str
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    at: str = "before"
    timeout: float = 600
    down: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """``role.name``: what the job is called in a plan and in the ledger."""
        return f"{self.role}.{self.name}"


@dataclass(frozen=True, slots=True)
class Undo:
    """A job that a later release ran on ``host``, to be undone in that release's own image: ``service`` is
    as it was then. ``number`` and ``version`` are that release's."""

    host: str
    job: Job
    service: Service
    number: int
    version: str


def job_digest(job: Job, image: str) -> str:
    """16 hex digits that change when the job is to run again: with its image and its command, not with its
    environment. ``image`` is ``name@digest``, or the id of one that no registry knows."""
    return _digest(image, job.command, job.entrypoint)


def down_digest(job: Job, image: str) -> str:
    """The same of what undoes the job; never that of the job itself."""
    return _digest(image, "down", job.down, job.entrypoint)


def _digest(image: str, *said: object) -> str:
    parts = codec.dump((image.partition("@")[2] or image, *said))
    return hashlib.sha256(codec.canonical(parts).encode()).hexdigest()[:16]
