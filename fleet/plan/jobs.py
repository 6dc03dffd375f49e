"""Once-per-release jobs: which are due, and on which host."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleet.model.desired import Desired, HostState
from fleet.model.found import Container, Facts
from fleet.model.jobs import Job, Undo, down_digest, job_digest
from fleet.model.services import Service
from fleet.ops.containers import Recipe
from fleet.ops.job import RunJob, one_off
from fleet.plan import images
from fleet.plan.tree import Finding, Kept, Phase, Step, Turn


class Left(enum.Enum):
    """What an interrupted run has left of a job that is due: its container, by how it was found."""

    NOTHING = "nothing"
    RUNNING = "running"
    ENDED_WELL = "ended well"
    FAILED = "failed, or never begun"
    ANOTHER = "of another image or command"


class Move(enum.Enum):
    RUN = "run it, with what is left of it removed before"
    TAKE_UP = "wait for its end"


TABLE: Mapping[Left, Move] = {
    Left.NOTHING: Move.RUN,
    Left.RUNNING: Move.TAKE_UP,
    Left.ENDED_WELL: Move.TAKE_UP,
    Left.FAILED: Move.RUN,
    Left.ANOTHER: Move.RUN,
}


def left(container: Container | None, digest: str) -> Left:
    if container is None:
        return Left.NOTHING
    if container.spec_digest != digest:
        return Left.ANOTHER
    if runs(container):
        return Left.RUNNING
    ended_well = container.state == "exited" and container.exit_code == 0
    return Left.ENDED_WELL if ended_well else Left.FAILED


@dataclass(frozen=True, slots=True)
class Due:
    """A job that is to run, or with ``op.undo`` to be undone, on ``host``. ``first``: before all rollouts
    of its role, else after them."""

    host: str
    op: RunJob
    first: bool
    on_failure: str

    @property
    def role(self) -> str:
        return self.op.job.role

    @property
    def written(self) -> str:
        """The image as the operator wrote it."""
        return self.op.recipe.spec.image

    def phase(self, writes: tuple[Step, ...] = ()) -> Phase:
        title = f"{'undo ' if self.op.undo else ''}job {self.op.job.key}"
        turn = Turn(self.host, (*writes, Step(self.host, self.op)))
        return Phase(title, (turn,), on_failure=self.on_failure)


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be said about jobs; ``due`` in the order of being done."""

    due: tuple[Due, ...]
    kept: tuple[Kept, ...]
    findings: tuple[Finding, ...]


def jobs(desired: Desired, facts: Facts) -> Work:
    places: dict[str, list[tuple[HostState, Job]]] = {}
    for state in desired.hosts:
        for job in state.jobs:
            places.setdefault(job.key, []).append((state, job))
    found = [
        *(_undo(desired, facts, one) for one in _standing(desired.undo, facts)),
        *(_forth(desired, facts, key, where) for key, where in places.items()),
    ]
    due = tuple(one for one in found if isinstance(one, Due))
    said = (one for one in found if isinstance(one, Finding))
    elsewhere = (finding for one in due for finding in _elsewhere(desired, facts, one))
    return Work(due, tuple(one for one in found if isinstance(one, Kept)), (*said, *elsewhere))


def _forth(desired: Desired, facts: Facts, key: str, where: list[tuple[HostState, Job]]) -> Due | Kept | None:
    """On the first host that has the job, or on the one where a run that was cut off began it. None: the
    image is not known, which is an error elsewhere."""
    if where[0][1].at == "after" and any(one.startswith(f"{where[0][1].role}.") for one in desired.trial):
        return Kept(where[0][0].host, f"job {key}", "runs when the new version is promoted")
    options = [
        due
        for state, job in where
        for service in state.services
        if service.key == f"{job.role}.{job.service}" and (due := _due(desired, facts, state, job, service))
    ]
    one = next((due for due in options if due.op.found), next(iter(options), None))
    last = facts.jobs.get(key)
    if one and last and not last.undone and last.digest == one.op.digest:
        return Kept(one.host, f"job {key}", "ran in this release")
    return one


def _due(desired: Desired, facts: Facts, state: HostState, job: Job, service: Service) -> Due | None:
    image = images.reference(service, facts, facts.hosts[state.host])
    if image is None:
        return None
    digest = job_digest(job, image)
    release = service.release or desired.version
    made = one_off(desired.project, desired.env, job, service, job.command or ())
    recipe = Recipe(desired.project, desired.env, release, made, image, digest, job=job.name)
    op = RunJob(job, recipe, digest, _taken_up(facts, state.host, job, digest))
    # What follows needs the job, so there is no going on without it.
    action = "rollback" if service.update.failure_action == "rollback" else "pause"
    return Due(state.host, op, job.at == "before", action)


def _standing(undo: tuple[Undo, ...], facts: Facts) -> Iterator[Undo]:
    """``undo`` without what the ledger says is undone by now: with a job's newest run first, that is all
    up to the one that it names."""
    for key in dict.fromkeys(one.job.key for one in undo):
        ours = [one for one in undo if one.job.key == key and one.host in facts.hosts]
        last = facts.jobs.get(key)
        digests = [_digest(one, facts) for one in ours]
        done = digests.index(last.digest) + 1 if last and last.undone and last.digest in digests else 0
        yield from ours[done:]


def _undo(desired: Desired, facts: Facts, one: Undo) -> Due | Finding:
    job = one.job
    if not job.down:
        ran = f"job {job.key} ran in release {one.number} ({one.version})"
        return Finding(False, f"{ran} and has no `down`: what it did stays")
    image = _image(one, facts)
    mark = down_digest(job, image)
    made = one_off(desired.project, desired.env, job, one.service, job.down)
    recipe = Recipe(desired.project, desired.env, one.version, made, image, mark, job=job.name)
    op = RunJob(job, recipe, job_digest(job, image), _taken_up(facts, one.host, job, mark), undo=True)
    # The reverse of going forth: what was done before the rollouts is undone after them.
    return Due(one.host, op, job.at == "after", "pause")


def _digest(one: Undo, facts: Facts) -> str:
    return job_digest(one.job, _image(one, facts))


def _image(one: Undo, facts: Facts) -> str:
    return images.reference(one.service, facts, facts.hosts[one.host]) or one.service.container.image


def _taken_up(facts: Facts, host: str, job: Job, mark: str) -> str:
    """Id of the container to wait for; empty: there is none."""
    ours = (one for one in facts.hosts[host].of_jobs if (one.role, one.job) == (job.role, job.name))
    return next((one.id for one in ours if TABLE[left(one, mark)] is Move.TAKE_UP), "")


def _elsewhere(desired: Desired, facts: Facts, due: Due) -> Iterator[Finding]:
    """A host outside of the run may have begun the job: it must not run twice."""
    run = {state.host for state in desired.hosts}
    for name in facts.hosts.keys() - run:
        if _taken_up(facts, name, due.op.job, due.op.recipe.digest):
            what = f"job {due.op.job.key} was begun by an interrupted run, and this run has not its host"
            yield Finding(True, what, f"deploy with {name} among the hosts", name)


def runs(one: Container) -> bool:
    return one.state in {"running", "paused"}
