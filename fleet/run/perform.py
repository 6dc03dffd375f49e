"""Carry out one step: its operation's effects, one after the other, over the host's connection."""

from __future__ import annotations

import re
import threading

from fleet.errors import Drift, Fenced, FleetError, Interrupted, RemoteFailed
from fleet.health.transition import UNMET
from fleet.ops.config import INVALID, RELOAD
from fleet.ops.containers import Replace
from fleet.ops.effects import Api, Effect, Shell
from fleet.ops.tasks.change import TASK_FAILED, ChangeHost, RunHandler
from fleet.ops.transitions import Await
from fleet.plan.tree import Step
from fleet.report import events as ev
from fleet.run.patience import patiently, telling
from fleet.transport.base import ConnectionLost, Result, Transport

DRIFT = 75


def perform(
    step: Step, transport: Transport, emit: ev.Emit, cancel: threading.Event, *, show: bool = False
) -> None:
    """Raises what the failing effect raises, with host and step named. ``show``: tell each command."""
    if cancel.is_set():
        raise Interrupted("interrupted before it began", host=step.host, step=step.id)
    # Once begun, an operation is finished: cut between stop and start, a host would be without its service.
    try:
        for effect in step.op.effects():
            if show:
                emit(ev.Command(step.host, shown(effect)))
            carry_out(effect, step, transport, emit, cancel)
    except FleetError as error:
        error.host, error.step = step.host, step.id
        if isinstance(step.op, (ChangeHost, RunHandler)) and not isinstance(error, (Drift, Fenced)):
            error.why = "\n".join(filter(None, [step.op.told, error.why]))
        if isinstance(step.op, Await) and isinstance(error, RemoteFailed):
            error.what, error.hint = f"{step.op.key}: {step.op.state} failed", step.op.remedy
        if isinstance(step.op, Replace) and not isinstance(error, (Drift, Fenced, ConnectionLost)):
            _put_back(step, step.op, transport, emit, error)
        raise


def _put_back(step: Step, op: Replace, transport: Transport, emit: ev.Emit, error: FleetError) -> None:
    """The new container was refused: the old one goes on, and the error says so."""
    try:
        for effect in op.undo():
            carry_out(effect, step, transport, emit, threading.Event())
    except FleetError as second:
        error.why = "\n".join(
            filter(None, [error.why, f"and the old container cannot be put back: {second.what}"])
        )
    else:
        again = "its data has gone elsewhere" if op.final else "the container from before runs again"
        error.hint = "; ".join(filter(None, [again, error.hint]))


def shown(effect: Effect) -> str:
    """The effect as text; a secret in it shows as its reference."""
    if isinstance(effect, Shell):
        return f"sh -s <<'END'\n{effect.script}END"
    return f"docker api: {effect.call}"


def carry_out(
    effect: Effect, step: Step, transport: Transport, emit: ev.Emit, cancel: threading.Event
) -> None:
    """One effect of the step's operation."""
    timeout = step.op.timeout

    def progress(done: int, total: int) -> None:
        emit(ev.Progress(step.host, step.id, done, total))

    if isinstance(effect, Api):
        call = effect.call
        patiently(
            lambda: transport.docker(call, timeout=timeout, on_progress=progress, cancel=cancel),
            telling(step.host, emit),
            cancel,
        )
        return
    result = transport.run(effect.script, timeout=timeout, cancel=cancel)
    if not result.ok:
        raise failure(step.op.describe(), result, timeout)


# What our own scripts mean by their exit status, and what to do about it.
REFUSED = {
    INVALID: (
        "its own check refuses the new files",
        "correct the template; the files on the host are untouched",
    ),
    TASK_FAILED: ("failed", "mend it, then run again: no service was touched, what was done before it stays"),
    UNMET: ("what is to be seen after the stop was not", ""),
    RELOAD: ("the reload failed", "look at the container's log; the files from before are in place again"),
}


def failure(what: str, result: Result, timeout: float) -> FleetError:
    """A script that did not end with exit status 0, as the error that tells it best."""
    output = (result.err or result.out).decode("utf-8", "replace").strip()
    tail = "\n".join(output.splitlines()[-20:])
    if result.rc == DRIFT:
        return Drift(tail or "the host was changed since the plan was made", hint="make a new plan")
    if result.stopped:
        return Interrupted(f"{what}: stopped")
    # The second is all that the shell's own printf says of it.
    if re.search(r"No space left on device|printf: I/O error", output):
        hint = "make room on the host (df -h), then run again"
        return RemoteFailed(f"{what}: the disk is full", why=tail, hint=hint)
    ended, hint = REFUSED.get(result.rc or 0, (result.ending(timeout), ""))
    return RemoteFailed(f"{what}: {ended}", why=tail, hint=hint)
