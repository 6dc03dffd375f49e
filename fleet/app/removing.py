"""Carry out a plan that only removes, look at the hosts once more, and tell what has gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.session import Session
from fleet.errors import Exit
from fleet.plan.tree import Plan, Step
from fleet.report import events as ev
from fleet.report.names import fold
from fleet.report.plan_text import Line
from fleet.run.balancers import Balancers
from fleet.run.executor import Ending, Executor, Outcome
from fleet.run.hands import RemoteHands
from fleet.run.journal import Journal
from fleet.transport.base import Transport

CODES = {
    Ending.DONE: Exit.OK,
    Ending.DRIFT: Exit.DRIFT,
    Ending.INTERRUPTED: Exit.INTERRUPTED,
    Ending.LOST: Exit.LOCKED,
}

There = Callable[[Step], bool | None]
"""Is what the step removes still there? None: nobody knows."""


@dataclass(frozen=True, slots=True)
class Removing:
    """``lines``: the plan as it is kept. ``look`` asks the hosts. ``text``: what these steps have removed;
    ``kept``: what a run that did all of it adds."""

    command: str
    plan: Plan
    lines: Collection[Line]
    look: Callable[[], There]
    text: Callable[[Collection[Step]], str]
    kept: str = ""


def carry_out(session: Session, connections: Connections, custody: Custody, what: Removing) -> Exit:
    plan, run = what.plan, custody.run
    began = time.monotonic()
    journal = Journal(session.options.root, run)
    session.sinks.append(journal)
    journal.save("plan.txt", session.masked("".join(f"{line.text}\n" for line in what.lines)))
    try:
        session.emit(ev.RunStarted(run, what.command, plan.env, "", plan.hosts))
        with session.interruptible():
            outcome = _execute(session, connections.fenced(custody.tenure, session.place), plan, journal)
            if outcome.ending is not Ending.DONE:
                connections.again(outcome.touched)
            gone, still = _verified(plan, outcome, what.look())
        code = CODES.get(outcome.ending, Exit.FAILED)
        text = what.text(gone)
        text = f"{text}{what.kept}" if code is Exit.OK else f"{outcome.why or outcome.ending.value}; {text}"
        hint = f"the run's journal: .fleet/runs/{run}/"
        session.emit(ev.RunFinished(text, code is Exit.OK, time.monotonic() - began, still, hint))
        return code
    finally:
        session.sinks[:] = [sink for sink in session.sinks if sink is not journal]
        journal.close()


def _execute(session: Session, transports: Mapping[str, Transport], plan: Plan, journal: Journal) -> Outcome:
    hands = RemoteHands(
        transports,
        session.emit,
        session.interrupt.now,
        lambda name, text: journal.keep(name, session.masked(text)),
        Balancers((), transports, session.emit, session.interrupt.now),
        show_commands=session.options.show_commands,
    )
    return Executor(hands, session.emit, session.interrupt, parallel=session.parallel).run(plan)


def _verified(plan: Plan, outcome: Outcome, is_there: There) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """The steps whose things have gone, and the others in words."""
    others: dict[str, list[str]] = {}
    gone: list[Step] = []
    for step in plan.steps:
        there = is_there(step)
        if there is False:
            gone.append(step)
        else:
            word = "not known to be done" if there is None else "not done"
            word = f"{word}, it is in use" if there and outcome.ending is Ending.DONE else word
            others.setdefault(f"{word}: {step.op.describe()}", []).append(step.host)
    return tuple(gone), tuple(f"{fold(hosts)}: {text}" for text, hosts in others.items())
