"""Carry out a job: its container is made, watched to its end, recorded, and only then removed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fleet.errors import FleetError, Interrupted, RemoteFailed
from fleet.model.releases import JobRun
from fleet.ops.effects import Effect
from fleet.ops.job import RunJob
from fleet.plan.tree import Step
from fleet.report import events as ev
from fleet.run.perform import carry_out, failure, shown
from fleet.transport.base import ApiFailed, Transport

TAIL_LINES = 20
TAIL_BYTES = 4096
READ_SECONDS = 30


class JobFailed(RemoteFailed):
    """The job ended badly, or not in time. ``bundle``: the file with its whole output."""

    bundle = ""


@dataclass(frozen=True, slots=True)
class End:
    """How the container ended, as the engine tells it; ``seconds`` from its start to its end."""

    status: int
    out_of_memory: bool
    seconds: float

    @classmethod
    def read(cls, text: str) -> End:
        """Raises ValueError."""
        status, killed, began, ended = text.split()
        return cls(int(status), killed == "true", (_time(ended) - _time(began)).total_seconds())

    def __str__(self) -> str:
        return f"exit status {self.status}{', out of memory' if self.out_of_memory else ''}"


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs one job. ``keep(name, text)`` stores its output and answers where; ``on_job`` records that
    it ended well, and raises when it cannot: then the container stays, for the next run to take up."""

    step: Step
    op: RunJob
    transport: Transport
    emit: ev.Emit
    cancel: threading.Event
    keep: Callable[[str, str], str]
    on_job: Callable[[JobRun], None]
    show: bool = False

    def run(self) -> None:
        """Raises JobFailed, Interrupted (the job goes on by itself), Drift, ConnectionLost."""
        try:
            if self.cancel.is_set():
                raise Interrupted("interrupted before it began")
            self._run()
        except FleetError as error:
            error.host, error.step = self.step.host, self.step.id
            raise

    def _run(self) -> None:
        self._begin()
        lines = self._followed()
        end = self._end()
        where = self._kept(lines)
        if end.status:
            self._all(self.op.clear())
            raise self._failed(str(end), lines, where)
        self.on_job(self.op.ran(self.step.host, end.seconds, _last(lines)))
        self._all(self.op.clear())

    def _begin(self) -> None:
        try:
            self._all(self.op.begin())
        except ApiFailed as error:
            # Refused, as an unknown command is. Without an answer it may run, and is left to be taken up.
            if error.status and not self.op.found:
                self._all(self.op.clear())
            raise

    def _followed(self) -> list[str]:
        """What the job printed, to its end."""
        lines: list[str] = []
        limit = self.op.job.timeout

        def told(stream: str, line: str) -> None:
            lines.append(line)
            self.emit(ev.Output(self.step.host, stream, line))

        effect = self.op.follow()
        self._tell(effect)
        result = self.transport.run(effect.script, timeout=limit, on_line=told, cancel=self.cancel)
        if result.timed_out:
            self._all((*self.op.stop(), *self.op.clear()))
            raise self._failed(result.ending(limit), lines, self._kept(lines))
        if result.stopped:
            what = f"nobody waits for job {self.op.job.key} any more, and it goes on"
            raise Interrupted(what, hint="the next deploy of this release waits for its end")
        if not result.ok:
            raise failure(f"wait for job {self.op.job.key}", result, limit)
        return lines

    def _end(self) -> End:
        effect = self.op.ended()
        self._tell(effect)
        result = self.transport.run(effect.script, timeout=READ_SECONDS)
        try:
            return End.read(result.out.decode("utf-8", "replace"))
        except ValueError:
            raise failure(f"see how job {self.op.job.key} ended", result, READ_SECONDS) from None

    def _kept(self, lines: list[str]) -> str:
        return self.keep(f"jobs/{self.op.job.key}", "".join(f"{line}\n" for line in lines))

    def _all(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            self._tell(effect)
            carry_out(effect, self.step, self.transport, self.emit, self.cancel)

    def _tell(self, effect: Effect) -> None:
        if self.show:
            self.emit(ev.Command(self.step.host, shown(effect)))

    def _failed(self, how: str, lines: list[str], where: str) -> JobFailed:
        again = "it was not recorded, and runs again with the next deploy"
        error = JobFailed(
            f"{'undoing ' if self.op.undo else ''}job {self.op.job.key} failed: {how}",
            why="\n".join(lines[-TAIL_LINES:]),
            hint=f"{again}; its whole output is in {where}",
        )
        error.bundle = where
        return error


def _last(lines: list[str]) -> str:
    """The last whole lines that fit."""
    text = "\n".join(lines).encode()
    if len(text) > TAIL_BYTES:
        text = text[-TAIL_BYTES:].partition(b"\n")[2]
    return text.decode("utf-8", "replace")


def _time(text: str) -> datetime:
    """``2026-01-31T10:00:00.123456789Z``: Python reads six digits at most."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")
