"""Carry out a plan that is no release's: its run is journalled, and told at its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.removing import CODES
from fleet.app.session import Session
from fleet.errors import Exit
from fleet.model.desired import Desired
from fleet.plan.tree import Plan
from fleet.report import events as ev
from fleet.report.plan_text import plan_lines
from fleet.run.balancers import Balancers
from fleet.run.executor import Ending, Executor
from fleet.run.hands import RemoteHands
from fleet.run.journal import Journal


def carry_out(
    session: Session,
    connections: Connections,
    custody: Custody,
    desired: Desired,
    plan: Plan,
    command: str,
    done: Callable[[], str],
) -> Exit:
    """``done``: what is left to do when all went well; answers what there is to add."""
    began, run = time.monotonic(), custody.run
    journal = Journal(session.options.root, run)
    session.sinks.append(journal)
    journal.save("plan.txt", session.masked("".join(f"{line.text}\n" for line in plan_lines(plan))))
    try:
        session.emit(ev.RunStarted(run, command, plan.env, "", plan.hosts))
        with session.interruptible():
            transports = connections.fenced(custody.tenure, session.place)
            balancers = Balancers(desired.balancers, transports, session.emit, session.interrupt.now)
            hands = RemoteHands(
                transports,
                session.emit,
                session.interrupt.now,
                lambda name, text: journal.keep(name, session.masked(text)),
                balancers,
                show_commands=session.options.show_commands,
            )
            executor = Executor(hands, session.emit, session.interrupt, parallel=session.parallel)
            outcome = executor.run(plan)
        code = CODES.get(outcome.ending, Exit.FAILED)
        good = outcome.ending is Ending.DONE
        text = f"{command}: done{done()}" if good else outcome.why or outcome.ending.value
        took = time.monotonic() - began
        session.emit(ev.RunFinished(text, good, took, (), f"the run's journal: .fleet/runs/{run}/"))
        return code
    finally:
        session.sinks[:] = [sink for sink in session.sinks if sink is not journal]
        journal.close()
