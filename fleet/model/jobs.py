"""Work that is done once per release: migrations and such."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.model.services import Service


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
