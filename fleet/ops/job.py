"""Run a once-per-release job: a command in a one-off container of its service's image.

The container outlives whoever waits for it, and stays until somebody has recorded how it ended: so a run
that is cut off leaves a job that the next one takes up, and no job runs twice.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fleet import shell
from fleet.model.jobs import Job
from fleet.model.releases import JobRun
from fleet.model.services import Healthcheck, NetworkAttachment, Service
from fleet.ops.containers import Recipe
from fleet.ops.effects import (
    Api,
    Effect,
    ExpectContainer,
    RemoveContainer,
    Shell,
    StartContainer,
    StopContainer,
)

# The log's driver may keep nothing to read; that the job ended is known all the same.
FOLLOW = """\
docker logs --follow "$name" || :
docker wait "$name" >/dev/null
"""

ENDED = (
    "docker inspect --type container --format "
    "'{{.State.ExitCode}} {{.State.OOMKilled}} {{.State.StartedAt}} {{.State.FinishedAt}}' \"$name\"\n"
)


@dataclass(frozen=True, slots=True)
class RunJob:
    """``recipe`` is of the one-off container, ``digest`` what the ledger calls the job by. ``found``: id of
    the container in which an interrupted run began it, to be waited for. ``undo``: it runs ``job.down``."""

    job: Job
    recipe: Recipe
    digest: str
    found: str = ""
    undo: bool = False

    @property
    def name(self) -> str:
        """The container's."""
        return self.recipe.spec.name

    @property
    def grace(self) -> float:
        return self.recipe.spec.stop_grace_period

    @property
    def target(self) -> str:
        return f"job:{self.job.key}"

    @property
    def timeout(self) -> float:
        return 120

    def describe(self) -> str:
        if self.found:
            return f"wait for job {self.job.key}, which an interrupted run began"
        command = " ".join(shlex.join(self.recipe.spec.command or ()).split())
        return f"{'undo' if self.undo else 'run'} job {self.job.key}: {command}"

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        return (*self.begin(), self.follow(), self.ended(), *self.clear())

    def begin(self) -> tuple[Effect, ...]:
        if self.found:
            return (Api(ExpectContainer(self.name, self.found)),)
        return (
            Api(ExpectContainer(self.name)),
            Api(self.recipe.creation(self.name)),
            Api(StartContainer(self.name)),
        )

    def follow(self) -> Shell:
        """Prints all that the job prints, from its start to its end."""
        return self._script(FOLLOW)

    def ended(self) -> Shell:
        """Prints exit status, whether memory ran out, begin and end."""
        return self._script(ENDED)

    def stop(self) -> tuple[Effect, ...]:
        return (Api(StopContainer(self.name, self.grace)),)

    def clear(self) -> tuple[Effect, ...]:
        """To be done when somebody knows how it ended, and not before."""
        return (Api(RemoveContainer(self.name, volumes=True)),)

    def ran(self, host: str, seconds: float, output: str) -> JobRun:
        """What the ledger is to say when it ended well."""
        return JobRun(self.job.key, self.digest, host, seconds, output, undone=self.undo)

    def _script(self, text: str) -> Shell:
        return Shell(shell.lines([f"name={shell.words([self.name])}", text]))


def one_off(project: str, env: str, job: Job, service: Service, command: Iterable[str]) -> Service:
    """``service`` as the job's container is made from it.

    It is reached by nobody: no ports, no names of the service in its networks, no labels by which a proxy
    would find it. Nothing starts it again, and nothing watches its health.
    """
    spec = replace(
        service.container,
        name=f"{project}-{env}-{job.role}-{job.service}-job-{job.name}",
        command=tuple(command),
        entrypoint=service.container.entrypoint if job.entrypoint is None else job.entrypoint,
        ports=(),
        expose=(),
        networks=tuple(NetworkAttachment(one.name) for one in service.container.networks),
        healthcheck=Healthcheck(("NONE",)),
        restart="no",
        labels=(),
        tty=False,
        stdin_open=False,
    )
    return replace(service, container=spec, port_pair=(), configs=(), secrets=(), depends_on=())
