"""Carry out a plan on the hosts, go back when that is the policy, and tell what the fleet runs then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from fleet.app.connections import Connections
from fleet.app.session import Session
from fleet.app.state import state_lines
from fleet.errors import Exit, FleetError
from fleet.model.desired import Desired
from fleet.model.found import Container, Facts, Unknown
from fleet.ops.effects import RegistryAuth
from fleet.plan.build import plan as build
from fleet.plan.previous import lost, previous
from fleet.plan.tree import Plan
from fleet.report import events as ev
from fleet.report.names import fold
from fleet.report.plan_text import plan_lines
from fleet.run.executor import Ending, Executor, Outcome
from fleet.run.hands import RemoteHands
from fleet.run.interrupt import on_signals
from fleet.run.journal import Journal

ENGINE_SECONDS = 30
"""What an engine gets to come back in, before a run gives up the way back."""


class Run:
    """One run over open connections."""

    def __init__(
        self,
        session: Session,
        connections: Connections,
        registries: Mapping[str, RegistryAuth],
        journal: Journal,
    ) -> None:
        self._session = session
        self._connections = connections
        self._registries = registries
        self._journal = journal

    def carry_out(self, desired: Desired, facts: Facts, plan: Plan) -> Exit:
        session = self._session
        began = time.monotonic()
        session.emit(ev.RunStarted(self._journal.run, "deploy", desired.env, desired.version, plan.hosts))
        with on_signals(session.interrupt, lambda text: session.emit(ev.Note(text, "warning"))):
            outcome = self._execute(plan)
            earlier = previous(desired, facts, outcome.touched)
            back: Outcome | None = None
            if outcome.ending is Ending.ROLL_BACK and outcome.touched:
                session.interrupt.forgive()
                back = self._go_back(desired, earlier, facts, outcome)
            state, remaining = self._verify(desired, facts.digests, outcome)
        if outcome.ending is Ending.DONE and remaining:
            outcome.ending, outcome.why = Ending.FAILED, "the hosts are not as wanted after the run"
        code, text, hint = _verdict(desired, earlier.version, outcome, back)
        hint = hint or f"the run's journal: .fleet/runs/{self._journal.run}/"
        session.emit(
            ev.RunFinished(text, code is Exit.OK, time.monotonic() - began, (*remaining, *state), hint)
        )
        return code

    def _execute(self, plan: Plan) -> Outcome:
        session = self._session
        hands = RemoteHands(
            self._connections.transports,
            session.emit,
            session.interrupt.now,
            self._keep,
            show_commands=session.options.show_commands,
        )
        return Executor(hands, session.emit, session.interrupt, parallel=session.parallel).run(plan)

    def _keep(self, name: str, text: str) -> str:
        return self._journal.keep(name, self._session.masked(text))

    def _go_back(self, desired: Desired, back: Desired, before: Facts, failed: Outcome) -> Outcome:
        """The hosts of this run to what they ran before it, through the same planner and executor."""
        session = self._session
        session.emit(ev.Note(f"{failed.why}: going back to {back.version}", "warning"))
        try:
            self._connections.again(failed.touched)
            facts = self._settled(back)
            reached = tuple(state for state in back.hosts if state.host in facts.hosts)
            were = {one.id for host in before.hosts.values() for one in _known(host.containers)}
            plan = build(replace(back, hosts=reached), facts, self._registries, reverse=True, spared=were)
        except FleetError as error:
            return Outcome(Ending.FAILED, why=str(error))
        if plan.empty:
            session.emit(ev.Note("nothing has to be put back: what ran before still does"))
        else:
            for line in plan_lines(plan):
                session.show(line)
        if plan.errors:
            return Outcome(Ending.FAILED, why=plan.errors[0].what)
        outcome = self._execute(plan)
        gone = ", ".join(lost(desired, before, facts))
        silent = fold(name for name in failed.touched if name not in facts.hosts)
        if outcome.ending is Ending.DONE and gone:
            why = f"cannot be made again from what its labels said: {gone}"
            outcome.ending, outcome.why = Ending.FAILED, why
        elif outcome.ending is Ending.DONE and silent:
            outcome.ending, outcome.why = Ending.FAILED, f"no answer from {silent}"
        return outcome

    def _settled(self, back: Desired) -> Facts:
        """Facts, once every engine answers or has had its time: the failure may have been its restart."""
        deadline = time.monotonic() + ENGINE_SECONDS
        while True:
            facts = self._connections.facts(back, self._registries)
            up = not any(isinstance(host.engine, Unknown) for host in facts.hosts.values())
            if up or time.monotonic() > deadline or self._session.interrupt.now.wait(1):
                return facts

    def _verify(
        self, desired: Desired, digests: Mapping[str, str], outcome: Outcome
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Look again: the state as it is now, and what of the wish is still missing.

        After a failure that is the state of every host of the run: who was not reached matters then.
        """
        done = outcome.ending is Ending.DONE
        states = tuple(state for state in desired.hosts if not done or state.host in outcome.touched)
        if not done:
            self._connections.again(name for name in outcome.touched)
        try:
            registries = self._registries if done else None
            facts = self._connections.facts(replace(desired, hosts=states), registries, digests)
        except FleetError as error:
            said = f"the state could not be read: {error.what}"
            return ((), (said,)) if done else ((said,), ())
        missed = [state.host for state in states if state.host not in facts.hosts]
        if not done:
            return state_lines(facts, states, missed), ()
        seen = tuple(state for state in states if state.host in facts.hosts)
        remaining = build(replace(desired, hosts=seen), facts)
        missing = [f"still to do: {step.host} {step.op.describe()}" for step in remaining.steps]
        # What cannot be read is not known to be as wanted.
        missing += [f"not known to be done: {one.host} {one.what}" for one in remaining.errors]
        missing += [f"not known to be done: {host} gives no answer" for host in missed]
        return state_lines(facts, states, missed), tuple(missing)


def _known(containers: tuple[Container, ...] | Unknown) -> tuple[Container, ...]:
    return () if isinstance(containers, Unknown) else containers


def _verdict(desired: Desired, earlier: str, outcome: Outcome, back: Outcome | None) -> tuple[Exit, str, str]:
    """Exit code, the outcome in one line, and what to do next. ``earlier``: the version before."""
    version, env = desired.version, desired.env
    again = f"inv deploy --env {env}"
    bundle = next((one for error in outcome.errors.values() if (one := getattr(error, "bundle", ""))), "")
    look = f"see {bundle}; " if bundle else ""
    if back is not None:
        if back.ending is Ending.DONE:
            text = f"{version} failed and was rolled back: {outcome.why}"
            return Exit.ROLLED_BACK, text, f"{look}correct it, then {again} again"
        text = f"{version} failed ({outcome.why}), and so did the way back: {back.why or back.ending.value}"
        # It may have been nothing at all, or two versions at once.
        known = earlier != "nothing" and " " not in earlier
        retry = f"then try {again} --version {earlier}" if known else "then deploy the version before"
        return Exit.FAILED, text, f"{look}look at the hosts above, {retry}"
    match outcome.ending:
        case Ending.DONE:
            return Exit.OK, f"{env} is at {version}: {outcome.finished} steps", ""
        case Ending.DRIFT:
            text = f"stopped: a host changed since the plan was made ({outcome.why})"
            return Exit.DRIFT, text, f"make a new plan: {again} shows it"
        case Ending.INTERRUPTED:
            text = f"interrupted: {version} is on a part of {env}"
            return Exit.INTERRUPTED, text, f"{again} --version {version} goes on from here"
        case _:
            text = f"failed: {outcome.why}; nothing further was begun"
            return Exit.FAILED, text, f"{look}correct it, then {again} again, or deploy the version before"
