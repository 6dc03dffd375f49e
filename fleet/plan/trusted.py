"""Which commands a gate may run on the controller: those of the project's own roles, and no host's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from fleet.health.judge import leaves
from fleet.model.desired import Desired
from fleet.model.gates import AnyOf, Check, ControllerCheck, GateSpec


def controller_checks(desired: Desired) -> set[ControllerCheck]:
    """Every check of its gates that runs on the controller."""
    return {
        check for state in desired.hosts for service in state.services for check in _commands(service.gate)
    }


def trusted(gate: GateSpec, known: Collection[ControllerCheck]) -> GateSpec:
    """``gate`` without the checks that would run what is not ``known`` here."""

    def keep(check: Check) -> bool:
        inner = check.checks if isinstance(check, AnyOf) else (check,)
        return all(not isinstance(one, ControllerCheck) or one in known for one in leaves(inner))

    return replace(gate, checks=tuple(check for check in gate.checks if keep(check)))


def _commands(gate: GateSpec) -> Iterator[ControllerCheck]:
    return (check for check in leaves(gate.checks) if isinstance(check, ControllerCheck))
