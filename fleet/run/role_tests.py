"""The tests of roles: as many processes at once as this machine can work for, and what a failure says."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from fleet.plan.tree import Gate
from fleet.report import events as ev
from fleet.run.suite import Suite, SuiteFailed, Tried, run_suite
from fleet.transport.base import Transport

SHOWN = 3
"""Failures that are told whole; the file holds the others."""


class RoleTests:
    """``suite(role, host)`` says what is to be run."""

    def __init__(self, suite: Callable[[str, str], Suite]) -> None:
        self._suite = suite
        self._places = threading.BoundedSemaphore(2 * (os.cpu_count() or 1))

    def run(self, role: str, transport: Transport, cancel: threading.Event) -> Tried:
        """On the host of ``transport``. Raises as :func:`fleet.run.suite.run_suite`."""
        with self._places:
            return run_suite(self._suite(role, transport.host), transport, cancel)

    def gate(
        self,
        gate: Gate,
        transport: Transport,
        emit: ev.Emit,
        cancel: threading.Event,
        keep: Callable[[str, str], str],
    ) -> None:
        """Raises SuiteFailed, and what :meth:`run` does."""
        role = gate.service.role
        emit(ev.Waiting(gate.host, gate.id, f"the tests of {role}"))
        try:
            tried = self.run(role, transport, cancel)
        except SuiteFailed as error:
            error.step = gate.id
            raise
        for result in tried.results:
            emit(result)
        if tried.failed:
            raise _failed(gate, tried, keep)


def _failed(gate: Gate, tried: Tried, keep: Callable[[str, str], str]) -> SuiteFailed:
    role = gate.service.role
    bundle = keep(f"failures/{gate.host}.{role}.tests", tried.output)
    shown = [f"{one.at} {one.test}: {one.why}" for one in tried.failed[:SHOWN]]
    error = SuiteFailed(
        f"{counted(tried)}: {', '.join(one.test for one in tried.failed)}",
        why="\n".join(shown),
        hint=f"all that pytest said is in {bundle}",
        host=gate.host,
        step=gate.id,
    )
    error.bundle = bundle
    return error


def counted(tried: Tried) -> str:
    """``1 of 4 tests failed``, ``4 tests passed``."""
    total = len(tried.results)
    tests = f"{total} {'test' if total == 1 else 'tests'}"
    skipped = sum(one.outcome == "skipped" for one in tried.results)
    if tried.failed:
        return f"{len(tried.failed)} of {tests} failed"
    return f"{total - skipped} of {tests} passed, {skipped} skipped" if skipped else f"{tests} passed"
