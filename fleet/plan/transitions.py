"""Which checks stand around a container's start and its stop."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fleet.model.found import Container
from fleet.model.services import Service
from fleet.ops.containers import Remove
from fleet.ops.transitions import Await
from fleet.plan.tree import Node, Step


def before_start(host: str, service: Service) -> Iterator[Node]:
    if service.pre_start:
        yield Step(host, Await(service.key, "pre-start", service.pre_start))


def before_stop(host: str, one: Container, proven: Collection[str]) -> Iterator[Node]:
    """As the container was deployed with. One that is not well has nothing to finish, and must not keep the
    way back from its host."""
    well = one.running and one.health != "unhealthy" and one.id in proven
    if well and one.definition and one.definition.pre_stop:
        yield Step(host, Await(one.definition.key, "pre-stop", one.definition.pre_stop, one.name))


def removal(host: str, one: Container, why: str, proven: Collection[str]) -> Iterator[Node]:
    """The container goes, and nothing takes its place at once."""
    made = one.definition
    grace = made.container.stop_grace_period if made else 10
    yield from before_stop(host, one, proven)
    yield Step(host, Remove(one.name, one.id, f"{one.role}.{one.service}", grace, why))
    if made and made.stopped:
        yield Step(host, Await(made.key, "stopped", made.stopped))
