"""The lease over one command: asked for with the facts, renewed while the command lives, given back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import TypeVar

from fleet.app.connections import Connections
from fleet.app.session import Session
from fleet.config.settings import lease_seconds
from fleet.errors import FleetError, LedgerError, Locked
from fleet.facts.probe import Answer
from fleet.ledger.embedded import EmbeddedStore
from fleet.ledger.opening import Opened, opening_script, parse_opening
from fleet.ledger.store import History, Store
from fleet.model.leases import Claim, Holder, Lease
from fleet.report import events as ev
from fleet.run import owner
from fleet.run.gather import First
from fleet.run.journal import new_run_id
from fleet.run.tenure import Tenure, now
from fleet.transport.base import ConnectionLost, Transport

T = TypeVar("T")

OPEN_SECONDS = 60

POLL = 2.0
"""Seconds between two looks at a lease that somebody else has."""


class Custody:
    """``doing`` in a few words, for others to read. Without ``change`` the ledger is only read."""

    def __init__(
        self, session: Session, connections: Connections, doing: str, *, change: bool = True
    ) -> None:
        self._session = session
        self._connections = connections
        self.host = session.ledger.name
        self.run = new_run_id(datetime.now(UTC))
        seconds = lease_seconds(session.everyone.values())
        self.claim = Claim(
            run=self.run,
            who=owner.who(),
            controller=owner.controller(),
            doing=doing,
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=seconds,
            process=owner.process(),
        )
        self._wanted = self.claim if change else None
        self._opened: Opened | FleetError | None = None
        self._asked = 0.0
        self._tenure: Tenure | None = None
        self._own: Transport | None = None

    def __enter__(self) -> Custody:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tenure:
            self._tenure.__exit__(kind, error, trace)
        lease = self._tenure.lease if self._tenure else self._taken
        if lease:
            # It ends by itself, should the ledger host not answer now.
            with contextlib.suppress(FleetError):
                self.patiently(lambda store: store.release(lease))

    @property
    def changing(self) -> bool:
        """The lease is wanted: this is not only a look."""
        return self._wanted is not None

    @property
    def _taken(self) -> Lease | None:
        return self._opened.lease if isinstance(self._opened, Opened) else None

    @property
    def store(self) -> Store:
        """Raises LedgerError when the ledger's host is not connected."""
        return EmbeddedStore(self._transport, self._session.place)

    @property
    def _transport(self) -> Transport:
        transport = self._own or self._connections.transports.get(self.host)
        if transport is None:
            raise LedgerError("there is no connection to the host of the ledger", host=self.host)
        return transport

    @property
    def tenure(self) -> Tenure:
        if self._tenure is None:
            raise LedgerError("the lease was not secured", host=self.host)
        return self._tenure

    def first(self) -> First:
        """What the ledger's host carries out before its probes: take the lease, tell the history."""
        return First(self.host, opening_script(self._session.place, self._wanted), self._heard)

    def open(self) -> None:
        """The same in a call of its own, for what must know the history before it can ask for facts."""
        transport, asked = self._transport, now()
        result = transport.run(opening_script(self._session.place, self._wanted), timeout=OPEN_SECONDS)
        both = (result.out + b"\n" + result.err).decode("utf-8", "replace")
        self._heard(Answer(both, 1 if result.rc is None else result.rc), asked)

    def _heard(self, answer: Answer, asked: float) -> None:
        self._asked = asked
        try:
            self._opened = parse_opening(self.host, answer.out, answer.rc, self._wanted)
        except FleetError as error:
            self._opened = error

    @property
    def history(self) -> History:
        """Raises LedgerError: it could not be read."""
        return self._known.history

    @property
    def holder(self) -> Holder | None:
        """Who had the lease when we asked. Raises LedgerError."""
        return self._known.holder

    @property
    def _known(self) -> Opened:
        if isinstance(self._opened, FleetError):
            raise self._opened
        if self._opened is None:
            raise LedgerError("the ledger gave no answer", host=self.host)
        return self._opened

    def secure(self) -> bool:
        """The lease is ours from here on, or Locked is raised. True: it was not at once, so that others
        may have changed the hosts since their facts were gathered. For a command that only reads, who has
        it is told and no more."""
        late = False
        lease, holder = self._taken, self.holder
        if not self._wanted:
            if holder:
                self._say(told(self._session.options.env, holder), "warning")
            return False
        if lease is None and holder:
            if owner.gone(holder.claim.process):
                run = holder.claim.run
                self._say(
                    f"run {run} of this machine has ended without giving the lease back: taking it over"
                )
                lease = self._again(holder.token)
            else:
                lease = self._wait(holder)
            late = True
        elif lease and now() >= self._asked + self.claim.seconds:
            # Facts took longer than a lease lives; nothing was changed on its strength so far.
            lease, late = self._again(), True
        if late:
            self._opened = Opened(lease, None, self.patiently(lambda store: store.history()))
        if lease is None:
            raise LedgerError("the ledger gave neither the lease nor its holder", host=self.host)
        self._tenure = Tenure(lease, self._asked, self._renew, self._lost, self._late)
        self._tenure.__enter__()
        return late

    def _again(self, over: int = 0) -> Lease:
        self._asked = now()
        answer = self.patiently(lambda store: store.take(self.claim, over))
        if isinstance(answer, Holder):
            if answer.claim.run != self.run:
                raise locked(self._session.options.env, answer)
            # Taken by a call whose answer was lost.
            answer = Lease(answer.token, self.claim)
        # At once: whatever goes wrong from here on, it is ours to give back.
        self._opened = Opened(answer, None, self.history)
        return answer

    def _wait(self, holder: Holder) -> Lease:
        env, patience = self._session.options.env, self._session.options.wait
        if not patience:
            raise locked(env, holder)
        self._say(f"{told(env, holder)}; waiting up to {_span(patience)}")
        end = time.monotonic() + patience
        while not self._session.interrupt.asked.wait(POLL):
            try:
                return self._again()
            except Locked:
                if time.monotonic() > end:
                    raise
        raise locked(env, holder)

    def _renew(self) -> None:
        lease = self.tenure.lease
        self.patiently(lambda store: store.renew(lease))

    def patiently(self, call: Callable[[Store], T]) -> T:
        """A connection that broke is no reason to lose the lease: once more over a new one."""
        try:
            return call(self.store)
        except ConnectionLost:
            self._own = self._connections.one_more(self.host)
            return call(self.store)

    def _say(self, text: str, level: str = "info") -> None:
        self._session.emit(ev.Note(text, level))

    def _lost(self, why: str) -> None:
        self._say(f"the lease was lost: {why}; nothing further is begun", "error")

    def _late(self, error: FleetError) -> None:
        self._say(f"the lease could not be renewed: {error.what}; trying again", "warning")


def told(env: str, holder: Holder) -> str:
    """Who holds the lease, since when, and what for; or had it, in a run of this machine that is no more."""
    claim = holder.claim
    who = f"{claim.who}@{claim.controller}" if claim.controller else claim.who
    since = f"since {_clock(claim.since)}"
    if holder.frozen:
        return f"{env} is frozen by {who} {since}: {claim.message or 'no reason given'}"
    if owner.gone(claim.process):
        return f"{env} was being changed {since} by a run of this machine that has ended: {claim.doing}"
    return f"{env} is being changed by {who} {since}: {claim.doing}"


def locked(env: str, holder: Holder) -> Locked:
    """The refusal, and what can be done about it."""
    if holder.frozen:
        return Locked(told(env, holder), hint=f"ask them; inv unlock --env {env} ends the freeze")
    return Locked(
        told(env, holder),
        why=f"run {holder.claim.run}; its lease ends in {holder.left:.0f} s unless it is renewed",
        hint=f"--wait 10m waits for it; inv lock --env {env} shows it",
    )


def _clock(since: str) -> str:
    """In the reader's own time; with the day when that is another one."""
    try:
        moment = datetime.fromisoformat(since).astimezone()
    except ValueError:
        return since
    today = moment.date() == datetime.now().astimezone().date()
    return f"{moment:%H:%M:%S}" if today else f"{moment:%Y-%m-%d %H:%M}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return " ".join(filter(None, [f"{minutes} min" if minutes else "", f"{rest} s" if rest else ""]))
