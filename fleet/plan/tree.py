"""The plan: stages in sequence, hosts side by side within a stage, steps in sequence on a host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleet.model.services import Service, UpdatePolicy
from fleet.ops.op import Op


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on one host. The id is stable and reads well: ``web-1/container:web.app``."""

    host: str
    op: Op

    @property
    def id(self) -> str:
        return f"{self.host}/{self.op.target}"


@dataclass(frozen=True, slots=True)
class Gate:
    """Wait until the container is healthy by its service's gate. ``fresh``: it has just been made,
    so that any restart counts."""

    host: str
    service: Service
    container: str
    state_dir: str
    fresh: bool = True

    @property
    def id(self) -> str:
        return f"{self.host}/gate:{self.service.key}"


@dataclass(frozen=True, slots=True)
class Turn:
    """What happens on one host within a stage. ``disrupts``: the service is away for a while."""

    host: str
    steps: tuple[Step | Gate, ...]
    disrupts: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """Hosts independently of each other, ``limit`` at once; a failure ends the run after the phase, and
    with ``on_failure`` ``rollback`` takes it back. ``harmless``: nothing that runs is touched, so there is
    nothing to go back from."""

    title: str
    turns: tuple[Turn, ...]
    limit: int = 32
    harmless: bool = False
    on_failure: str = "pause"


@dataclass(frozen=True, slots=True)
class Rollout:
    """One service, batch by batch. ``total``: hosts of the role in the run; ``healthy``: those of the
    whole role that were healthy when the plan was made; ``min_healthy``: how many always must be."""

    service: str
    role: str
    batches: tuple[tuple[Turn, ...], ...]
    policy: UpdatePolicy
    total: int
    healthy: frozenset[str] = frozenset()
    min_healthy: int = 0

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(turn for batch in self.batches for turn in batch)


Stage = Phase | Rollout


@dataclass(frozen=True, slots=True)
class Finding:
    """What the linter has to say; an error forbids to run the plan."""

    error: bool
    what: str
    hint: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A service that needs no change, and why not."""

    host: str
    service: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    project: str
    env: str
    version: str
    stages: tuple[Stage, ...] = ()
    kept: tuple[Kept, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def steps(self) -> Iterator[Step]:
        return (
            step
            for stage in self.stages
            for turn in stage.turns
            for step in turn.steps
            if isinstance(step, Step)
        )

    @property
    def empty(self) -> bool:
        return not self.stages

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.error)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that something happens on, in the order of the plan."""
        return tuple(dict.fromkeys(turn.host for stage in self.stages for turn in stage.turns))
