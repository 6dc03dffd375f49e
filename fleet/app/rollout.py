"""Carry out a plan on the hosts, go back when that is the policy, and tell what the fleet runs then."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from fleet.app.announce import Announcer
from fleet.app.books import Books
from fleet.app.connections import Connections
from fleet.app.remembered import remembered
from fleet.app.session import Session
from fleet.app.state import state_lines
from fleet.app.suites import tests_of
from fleet.app.verdict import verdict
from fleet.app.wanted import Wanted
from fleet.errors import Exit, FleetError
from fleet.model.desired import Desired
from fleet.model.found import Container, Facts, Unknown
from fleet.ops.adopt import AdoptVolume
from fleet.ops.effects import RegistryAuth
from fleet.ops.places import MakeVolume
from fleet.plan.back import going_back
from fleet.plan.build import plan as build
from fleet.plan.previous import instead, lost, previous
from fleet.plan.tree import Plan
from fleet.plan.undo import undo
from fleet.report import events as ev
from fleet.report.names import fold
from fleet.report.plan_text import plan_lines
from fleet.run.balancers import Balancers
from fleet.run.executor import Around, Ending, Executor, Outcome
from fleet.run.hands import RemoteHands
from fleet.run.journal import Journal
from fleet.run.tenure import Tenure

ENGINE_SECONDS = 30
"""What an engine gets to come back in, before a run gives up the way back."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, before anybody is told. ``state``: what the hosts run now; ``facts``: of those that
    were looked at again."""

    code: Exit
    text: str
    hint: str
    seconds: float
    outcome: Outcome
    state: tuple[str, ...]
    facts: Facts


class Run:
    """One run over open connections, within the lease. ``earlier``: what a failed run goes back to;
    None when the ledger knows no release before this one."""

    def __init__(
        self,
        session: Session,
        connections: Connections,
        registries: Mapping[str, RegistryAuth],
        journal: Journal,
        tenure: Tenure,
        books: Books,
        announcer: Announcer,
        earlier: Desired | None = None,
    ) -> None:
        self._session = session
        self._connections = connections
        self._registries = registries
        self._journal = journal
        self._tenure = tenure
        self._books = books
        self._announcer = announcer
        self._earlier = earlier
        self._silent: dict[str, str] = {}

    def carry_out(self, wanted: Wanted, facts: Facts, plan: Plan) -> Ended:
        session, desired, command = self._session, wanted.desired, wanted.command
        began = time.monotonic()
        session.emit(
            ev.RunStarted(
                self._journal.run, command, desired.env, desired.version, plan.hosts, self._books.number
            )
        )
        with session.interruptible():
            outcome = self._execute(plan, desired, self._announcer)
            if wanted.goes_on and outcome.ending is Ending.ROLL_BACK:
                # What an earlier run of this release has changed goes back, too.
                outcome.touched |= dict.fromkeys(one.host for one in (*desired.hosts, *wanted.rest))
            scope = replace(desired, hosts=(*desired.hosts, *wanted.rest))
            earlier = self._before(scope, facts, outcome.touched)
            back: Outcome | None = None
            if outcome.ending is Ending.ROLL_BACK and outcome.touched:
                session.interrupt.forgive()
                back = self._go_back(scope, earlier, facts, outcome)
            state, remaining, now = self._verify(desired, facts.digests, outcome, _marked(plan))
            if outcome.ending is Ending.UNDECIDED:
                remaining = ()
        if outcome.ending is Ending.DONE and remaining:
            outcome.ending, outcome.why = Ending.FAILED, "the hosts are not as wanted after the run"
        for host, why in self._silent.items():
            text = (
                f"{host} did not answer ({why}): its servers may be as before; when it is back: inv converge"
            )
            session.emit(ev.Note(text, "warning"))
        code, text, hint = verdict(command, desired, earlier.version, outcome, back)
        hint = hint or f"the run's journal: .fleet/runs/{self._journal.run}/"
        return Ended(code, text, hint, time.monotonic() - began, outcome, (*remaining, *state), now)

    def _execute(self, plan: Plan, desired: Desired, around: Around | None = None) -> Outcome:
        session = self._session
        transports = self._connections.fenced(self._tenure, session.place)
        # Requests come through balancers that may be no hosts of this run.
        balancers = Balancers(
            desired.balancers,
            transports,
            session.emit,
            session.interrupt.now,
            insist=desired.allow_downtime,
            again=lambda host: self._connections.anew(host, self._tenure, session.place),
        )
        hands = RemoteHands(
            transports,
            session.emit,
            session.interrupt.now,
            self._keep,
            balancers,
            asked=session.interrupt.asked,
            on_job=self._books.job,
            tests=tests_of(session, desired.version, session.keyring) if desired.tested else None,
            show_commands=session.options.show_commands,
        )
        executor = Executor(hands, session.emit, session.interrupt, around, parallel=session.parallel)
        outcome = executor.run(plan)
        self._silent |= balancers.lost
        return outcome

    def _keep(self, name: str, text: str) -> str:
        return self._journal.keep(name, self._session.masked(text))

    def _before(self, desired: Desired, facts: Facts, touched: Collection[str]) -> Desired:
        """What the touched hosts go back to: the release before, and of what it does not know (services of
        before there was a ledger, orphans) what the containers' labels say."""
        back = previous(desired, facts, touched)
        if self._earlier:
            back = going_back(self._earlier, back, desired.selected)
        moving = replace(back.moving, back=True)
        return replace(back, moving=moving, undo=undo([self._books.record], self._books.releases, touched))

    def _go_back(self, desired: Desired, back: Desired, before: Facts, failed: Outcome) -> Outcome:
        """The hosts of this run to what they ran before it, through the same planner and executor."""
        session = self._session
        session.emit(ev.Note(f"{failed.why}: going back to {back.version}", "warning"))
        try:
            self._connections.again(failed.touched)
            facts = remembered(self._settled(back), self._books.releases)
            facts = self._connections.with_helper(back, facts, self._registries)
            reached = tuple(state for state in back.hosts if state.host in facts.hosts)
            were = {one.id for host in before.hosts.values() for one in _known(host.containers)}
            spared = were.union(instead(back, before, facts))
            plan = build(replace(back, hosts=reached), facts, self._registries, reverse=True, spared=spared)
        except FleetError as error:
            return Outcome(Ending.FAILED, why=str(error))
        gone = ", ".join(lost(back, before, facts))
        if not plan.empty:
            for line in plan_lines(plan):
                session.show(line)
        elif not gone:
            session.emit(ev.Note("nothing has to be put back: what ran before still does"))
        if plan.errors:
            return Outcome(Ending.FAILED, why=plan.errors[0].what)
        outcome = self._execute(plan, back)
        silent = fold(name for name in failed.touched if name not in facts.hosts)
        undone = self._undone()
        if outcome.ending is Ending.DONE and undone:
            why = f"this run has undone {undone}, which has not run again"
            outcome.ending, outcome.why = Ending.FAILED, why
        elif outcome.ending is Ending.DONE and gone:
            why = f"what ran before cannot be made again, and what took its place stays: {gone}"
            outcome.ending, outcome.why = Ending.FAILED, why
        elif outcome.ending is Ending.DONE and silent:
            outcome.ending, outcome.why = Ending.FAILED, f"no answer from {silent}"
        return outcome

    def _undone(self) -> str:
        """Jobs of earlier releases that this run has undone on its way to the one that failed."""
        entries = self._books.releases[-1].entries
        runs = [entry.job for entry in entries if entry.job and entry.run == self._journal.run]
        ours = {run.key for run in runs if not run.undone}
        return ", ".join(dict.fromkeys(run.key for run in runs if run.undone and run.key not in ours))

    def _settled(self, back: Desired) -> Facts:
        """Facts, once every engine answers or has had its time: the failure may have been its restart."""
        deadline = time.monotonic() + ENGINE_SECONDS
        while True:
            facts = self._connections.facts(back, self._registries)
            up = not any(isinstance(host.engine, Unknown) for host in facts.hosts.values())
            if up or time.monotonic() > deadline or self._session.interrupt.now.wait(1):
                return facts

    def _verify(
        self, desired: Desired, digests: Mapping[str, str], outcome: Outcome, marked: Collection[str]
    ) -> tuple[tuple[str, ...], tuple[str, ...], Facts]:
        """Look again: the state as it is now, what of the wish is still missing, and all that was seen.

        After a failure that is the state of every host of the run: who was not reached matters then.
        ``marked``: hosts that say something new of their volumes.
        """
        done = outcome.ending is Ending.DONE
        looked = {*outcome.touched, *marked}
        states = tuple(state for state in desired.hosts if not done or state.host in looked)
        if not done:
            self._connections.again(name for name in outcome.touched)
        try:
            registries = self._registries if done else None
            facts = self._connections.facts(replace(desired, hosts=states), registries, digests)
        except FleetError as error:
            said = f"the state could not be read: {error.what}"
            return ((), (said,), Facts({})) if done else ((said,), (), Facts({}))
        missed = [state.host for state in states if state.host not in facts.hosts]
        if not done:
            return state_lines(facts, states, missed), (), facts
        seen = tuple(state for state in states if state.host in facts.hosts)
        known = remembered(facts, self._books.releases)
        # Where data was to be taken from is over, and that host may not be among these.
        moving = replace(desired.moving, sources=())
        remaining = build(replace(desired, hosts=seen, watched=True, moving=moving), known)
        missing = [f"still to do: {step.host} {step.op.describe()}" for step in remaining.steps]
        # What cannot be read is not known to be as wanted.
        missing += [f"not known to be done: {one.host} {one.what}" for one in remaining.errors]
        missing += [f"not known to be done: {host} gives no answer" for host in missed]
        told = tuple(state for state in states if state.host in outcome.touched)
        return state_lines(facts, told, missed), tuple(missing), facts


def _marked(plan: Plan) -> set[str]:
    return {step.host for step in plan.steps if isinstance(step.op, (MakeVolume, AdoptVolume))}


def _known(containers: tuple[Container, ...] | Unknown) -> tuple[Container, ...]:
    return () if isinstance(containers, Unknown) else containers
