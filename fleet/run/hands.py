"""The executor's hands: steps and gates over real connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from fleet.errors import Unreachable
from fleet.model.releases import JobRun
from fleet.ops.job import RunJob
from fleet.plan.tree import Gate, Step
from fleet.report import events as ev
from fleet.run.gate import watch
from fleet.run.job import Runner
from fleet.run.perform import perform
from fleet.transport.base import Transport


class RemoteHands:
    """``keep(name, text)`` stores a file in the run's directory and answers where; ``on_job`` records that a
    job ended well, and raises when it cannot."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        emit: ev.Emit,
        cancel: threading.Event,
        keep: Callable[[str, str], str],
        *,
        on_job: Callable[[JobRun], None] = lambda run: None,
        show_commands: bool = False,
    ) -> None:
        self._transports = transports
        self._emit = emit
        self._cancel = cancel
        self._keep = keep
        self._on_job = on_job
        self._show = show_commands

    def perform(self, step: Step) -> None:
        transport = self._transport(step.host)
        if isinstance(step.op, RunJob):
            Runner(
                step, step.op, transport, self._emit, self._cancel, self._keep, self._on_job, self._show
            ).run()
        else:
            perform(step, transport, self._emit, self._cancel, show=self._show)

    def watch(self, gate: Gate) -> None:
        watch(gate, self._transport(gate.host), self._emit, self._cancel, self._keep)

    def _transport(self, host: str) -> Transport:
        try:
            return self._transports[host]
        except KeyError:
            raise Unreachable("there is no connection to it", host=host) from None
