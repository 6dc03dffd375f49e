"""A container that has stopped for its data's sake runs again: requests come to it once it is well."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.model.desired import Desired
from fleet.model.found import Container, Facts
from fleet.model.slots import slot_of
from fleet.plan.traffic import lane
from fleet.plan.tree import Gate, Node


def well(desired: Desired, facts: Facts, host: str, one: Container) -> Iterator[Node]:
    if one.definition and not one.job:
        slot = slot_of(one.definition, one.name) or 1
        here = lane(desired, facts, one.definition, host)
        server = here.server(slot)
        yield Gate(host, one.definition, one.name, desired.state_dir, fresh=False, server=server)
        yield from here.admit(slot)
