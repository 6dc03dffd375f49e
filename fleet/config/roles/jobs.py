"""``x-fleet.jobs``: what is run once per release."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.config.roles.scope import RoleScope
from fleet.model.jobs import Job
from fleet.suggest import suggest


def jobs(scope: RoleScope) -> tuple[Job, ...]:
    """In the order of the file."""
    return tuple(_jobs(scope))


def _jobs(scope: RoleScope) -> Iterator[Job]:
    services = scope.file.services
    for name, model in scope.file.x_fleet.jobs.items():
        if model.service not in services:
            what = f"there is no service {model.service!r}{suggest(model.service, services)}"
            scope.problems.add(what, ("x-fleet", "jobs", name, "service"))
        elif services[model.service].profiles:
            what = f"service {model.service!r} has profiles: not every host of the role has it"
            hint = "let the job run in a service without profiles"
            scope.problems.add(what, ("x-fleet", "jobs", name, "service"), hint=hint)
        yield Job(
            role=scope.role,
            name=name,
            service=model.service,
            command=model.command,
            entrypoint=model.entrypoint,
            at=model.at,
            timeout=model.timeout,
            down=model.down,
        )
