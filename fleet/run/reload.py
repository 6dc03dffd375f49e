"""A balancer takes up new files: it is verified that it did, and what it was told at run time goes with it.

A signal reports nothing. A balancer that cannot read its new files goes on with the old ones, looks well, and
is gone at its next start; so its master process is asked, and the files from before are put back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from fleet.balancers.kinds import KINDS
from fleet.errors import Fenced, FleetError, Interrupted, RemoteFailed
from fleet.model.balancing import BalancerHost, Workers
from fleet.ops.config import WriteConfig
from fleet.plan.tree import Step
from fleet.report import events as ev
from fleet.run.balancers import ASK_SECONDS, TICK, Balancers
from fleet.run.bindable import bindable
from fleet.run.perform import carry_out
from fleet.transport.base import SocketGone, Transport

TAKEN_UP_SECONDS = 15
OLD_SECONDS = 60
"""What old processes get to end what they have begun; the balancer's own limit should be shorter."""


def reload(
    step: Step,
    op: WriteConfig,
    one: BalancerHost,
    balancers: Balancers,
    transport: Transport,
    emit: ev.Emit,
    cancel: threading.Event,
    write: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """``write`` carries the step out. Raises what it raises, and RemoteFailed when the balancer does not take
    the files up: then those from before are back."""
    before = _workers(one, transport)
    bindable(op, one, transport)
    balancers.save(one)
    write()
    try:
        now = _taken_up(one, before, transport, cancel, clock)
    except Fenced:
        raise
    except FleetError as error:
        error.why = "\n".join(filter(None, [error.why, _log(op, transport)]))
        _put_back(step, op, transport, emit, error)
        error.host, error.step = step.host, step.id
        raise
    for effect in op.confirm():
        carry_out(effect, step, transport, emit, cancel)
    _old_ones_end(step, one, now, transport, emit, cancel, clock)


def renew(
    one: BalancerHost,
    balancers: Balancers,
    transport: Transport,
    cancel: threading.Event,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """A new process with the same files; the old one ends each kept connection with its next answer. Raises
    RemoteFailed, Interrupted, Fenced."""
    before = _workers(one, transport)
    balancers.save(one)
    # It begins anew at once, and has no time for an answer.
    with suppress(SocketGone):
        transport.ask(one.balancer.master, KINDS[one.balancer.kind].renew, timeout=ASK_SECONDS)
    _taken_up(one, before, transport, cancel, clock)


def _workers(one: BalancerHost, transport: Transport) -> Workers:
    """Raises FleetError when the master does not answer, or makes no sense."""
    kind = KINDS[one.balancer.kind]
    answer = transport.ask(one.balancer.master, kind.processes, timeout=ASK_SECONDS)
    try:
        return kind.workers(answer)
    except ValueError as error:
        raise RemoteFailed("the balancer's master process makes no sense", why=str(error)) from error


def _taken_up(
    one: BalancerHost,
    before: Workers,
    transport: Transport,
    cancel: threading.Event,
    clock: Callable[[], float],
) -> Workers:
    deadline, why = clock() + TAKEN_UP_SECONDS, "its master process did not answer"
    while clock() < deadline:
        try:
            now = _workers(one, transport)
        except Fenced:
            raise
        except FleetError as error:
            # While it reloads, the master does not listen.
            why = error.what
        else:
            why = "its processes are the same as before"
            # A failure from before this reload says nothing of it.
            if now.failed and now.reloads != before.reloads:
                why = "it cannot work with them, and goes on with the files from before"
                break
            if now.current and now.current != before.current:
                return now
        if cancel.wait(TICK):
            raise Interrupted("interrupted before the balancer has taken the new files up")
    raise RemoteFailed(
        "the balancer did not take the new files up; those from before are back",
        why=why,
        hint="correct the template; an address that the host does not have is found at the start only",
    )


def _log(op: WriteConfig, transport: Transport) -> str:
    """Its last words. The connection may be what is wrong: then there are none."""
    try:
        result = transport.run(f"docker logs --tail 6 {op.reload} 2>&1\n", timeout=ASK_SECONDS)
    except Fenced:
        raise
    except FleetError:
        return ""
    lines = result.out.decode("utf-8", "replace").strip().splitlines()
    return "\n".join(f"log: {line}" for line in lines)


def _put_back(step: Step, op: WriteConfig, transport: Transport, emit: ev.Emit, error: FleetError) -> None:
    try:
        for effect in op.undo():
            carry_out(effect, step, transport, emit, threading.Event())
    except Fenced:
        raise
    except FleetError as second:
        error.what = error.what.replace("; those from before are back", "")
        error.why = f"{error.why}\nand the files from before cannot be put back: {second.what}"


def _old_ones_end(
    step: Step,
    one: BalancerHost,
    now: Workers,
    transport: Transport,
    emit: ev.Emit,
    cancel: threading.Event,
    clock: Callable[[], float],
) -> None:
    """An old process still sends what it has begun to the servers that it knew."""
    deadline = clock() + OLD_SECONDS
    while now.old and clock() < deadline:
        count = len(now.old)
        need = f"{count} old process{'es' if count > 1 else ''} of the balancer to end"
        emit(ev.Waiting(step.host, step.id, need))
        if cancel.wait(TICK):
            return
        try:
            now = _workers(one, transport)
        except Fenced:
            raise
        except FleetError:
            # It has taken the files up: a moment of silence is no failure any more.
            continue
    if now.old:
        text = f"{step.host}: an old process of the balancer has not ended after {OLD_SECONDS} s"
        emit(ev.Note(f"{text}: give it a limit (hard-stop-after)", "warning"))
