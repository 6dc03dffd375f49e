"""The lease by hand: who has it, a freeze, and giving it back for somebody who cannot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from fleet.app.connections import Connections
from fleet.app.custody import locked, told
from fleet.app.reach import require_ledger
from fleet.app.session import Session
from fleet.errors import Exit
from fleet.ledger.embedded import EmbeddedStore
from fleet.model.leases import Claim, Holder
from fleet.report import events as ev
from fleet.run import owner
from fleet.run.journal import new_run_id

GRASP = 5.0
"""Seconds for which unlock itself holds the lease: should it be cut off, no freeze stays behind."""


def show(session: Session) -> Exit:
    """Who may change the environment now. Exit 73 when somebody has the lease."""
    with Connections(session) as connections:
        holder = _store(session, connections).holder()
    env = session.options.env
    if session.options.json:
        session.report.record({"event": "Lock", "env": env, "held": bool(holder)} | _record(holder))
    elif holder:
        session.emit(ev.Note(told(env, holder)))
        session.emit(ev.Note(f"  {_state(holder)}"))
    else:
        session.emit(ev.Note(f"{env} is free: nobody is changing it"))
    return Exit.LOCKED if holder and not owner.gone(holder.claim.process) else Exit.OK


def lock(session: Session, message: str) -> Exit:
    """Freeze the environment until it is unlocked. Raises Locked when somebody else has the lease."""
    claim = _claim("a freeze", message=message)
    with Connections(session) as connections:
        answer = _store(session, connections).take(claim)
    env = session.options.env
    if isinstance(answer, Holder):
        raise locked(env, answer)
    session.emit(ev.Note(f"{env} is frozen; inv unlock --env {env} ends it"))
    return Exit.OK


def unlock(session: Session, confirm: Callable[[str], bool]) -> Exit:
    """End a freeze, or take the lease from a run. A run that still gives signs of life is asked about."""
    env = session.options.env
    with Connections(session) as connections:
        store = _store(session, connections)
        holder = store.holder()
        if holder is None:
            session.emit(ev.Note(f"{env} is free: there is nothing to unlock"))
            return Exit.OK
        lives = not holder.frozen and holder.left > 0 and not owner.gone(holder.claim.process)
        if lives and not session.options.yes:
            session.emit(ev.Note(told(env, holder), "warning"))
            session.emit(ev.Note(f"  {_state(holder)}", "warning"))
            if not confirm("It still gives signs of life. Take the lease from it?"):
                session.emit(ev.Note("nothing was changed"))
                return Exit.FAILED
        # Taking it raises the token, so that hosts refuse the run that had it.
        lease = store.take(_claim("unlock", seconds=GRASP), over=holder.token)
        if isinstance(lease, Holder):
            raise locked(env, lease)
        store.release(lease)
    if holder.frozen:
        session.emit(ev.Note(f"{env} is free: the freeze is over"))
    else:
        claim = holder.claim
        taken = f"the lease was taken from {claim.who}@{claim.controller} ({claim.doing}), whose run stops"
        session.emit(ev.Note(f"{env} is free: {taken}"))
    return Exit.OK


def _store(session: Session, connections: Connections) -> EmbeddedStore:
    keeper = session.ledger
    connections.open([keeper])
    require_ledger(session, connections)
    return EmbeddedStore(connections.transports[keeper.name], session.place)


def _claim(doing: str, *, seconds: float = 0, message: str = "") -> Claim:
    now = datetime.now(UTC)
    since = now.isoformat(timespec="seconds")
    return Claim(new_run_id(now), owner.who(), owner.controller(), doing, since, seconds, message=message)


def _state(holder: Holder) -> str:
    if holder.frozen:
        return "inv unlock ends the freeze"
    run = f"run {holder.claim.run}"
    if owner.gone(holder.claim.process):
        return f"{run}; the next one takes its lease over"
    return f"{run}; the lease ends in {holder.left:.0f} s unless it is renewed"


def _record(holder: Holder | None) -> dict[str, object]:
    if holder is None:
        return {}
    claim = holder.claim
    return {
        "who": claim.who,
        "controller": claim.controller,
        "run": claim.run,
        "doing": claim.doing,
        "since": claim.since,
        "message": claim.message,
        "frozen": holder.frozen,
        "left": holder.left,
    }
