"""Deploy: read, gather, plan, show, ask, carry out, verify; and go back when the roles say so."""

from __future__ import annotations

import difflib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fleet.app.connections import Connections
from fleet.app.rollout import Run
from fleet.app.session import Session
from fleet.errors import Drift, Exit, FleetError, UsageError
from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.model.refs import all_refs
from fleet.ops.effects import RegistryAuth
from fleet.plan.build import plan as build
from fleet.plan.saved import Saved, fingerprint
from fleet.plan.seen import drift, seen
from fleet.plan.tree import Plan
from fleet.report import events as ev
from fleet.report.plan_text import plan_lines
from fleet.run.journal import Journal, new_run_id

Confirm = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a plan was made from; the connections are open."""

    connections: Connections
    registries: Mapping[str, RegistryAuth]
    desired: Desired
    facts: Facts
    plan: Plan


def plan(session: Session, out: Path | None) -> Exit:
    """Show what a deploy would do; changes nothing. ``out``: keep it as a file for ``deploy --plan``."""
    with Connections(session) as connections:
        prepared = prepare(session, connections)
        _show(session, prepared.plan)
        _refuse(prepared.plan)
        if out:
            _save(session, prepared, out)
        return Exit.OK if prepared.plan.empty else Exit.CHANGES


def deploy(session: Session, confirm: Confirm, saved: Saved | None = None) -> Exit:
    """Bring the hosts to what the roles say. ``saved``: to what this plan says, or not at all."""
    with Connections(session) as connections:
        prepared = prepare(session, connections, saved)
        _show(session, prepared.plan)
        if saved:
            _same(saved, prepared)
        _refuse(prepared.plan)
        if prepared.plan.empty:
            return Exit.OK
        if session.options.check:
            return Exit.CHANGES
        if not session.options.yes and not confirm(f"Do this to {session.options.env}?"):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED
        return _run(session, prepared)


def prepare(session: Session, connections: Connections, saved: Saved | None = None) -> Prepared:
    """From files to plan. Raises ConfigErrors, Unreachable, and what a registry refuses."""
    desired = saved.desired if saved else session.desired()
    registries = session.registries()
    session.unlock(all_refs(desired, registries))
    began = time.monotonic()
    connections.open(session.hosts)
    connections.require_all()
    connections.witness(session.witnesses(desired))
    facts = connections.facts(desired, registries, saved.digests if saved else None)
    connections.require_all()
    session.emit(ev.Gathered(len(facts.hosts), time.monotonic() - began))
    return Prepared(connections, registries, desired, facts, build(desired, facts, registries))


def load_plan(path: Path) -> Saved:
    """Raises UsageError for a file that is not there or is no plan."""
    try:
        return Saved.load(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read the plan {path}", why=error.strerror or "") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a plan of this version of Fleet",
            why=str(error).splitlines()[0],
            hint=f"make it again: inv plan --out {path}",
        ) from error


def _show(session: Session, planned: Plan) -> None:
    lines = list(plan_lines(planned, diff=session.options.diff))
    for line in lines:
        session.show(line)
    if session.options.json:
        session.emit(ev.Planned(tuple(line.text for line in lines)))


def _refuse(planned: Plan) -> None:
    """Raises FleetError when the linter found an error; each has been shown with the plan."""
    if planned.errors:
        causes = dict.fromkeys(finding.what for finding in planned.errors)
        raise FleetError(
            f"the plan cannot run; nothing was changed: {next(iter(causes))}"
            + (f" (and {len(causes) - 1} more, see above)" if len(causes) > 1 else "")
        )


def _same(saved: Saved, prepared: Prepared) -> None:
    """What was shown is what runs. Raises Drift with what is different on which host."""
    changes = tuple(drift(saved.seen, seen(prepared.facts)))
    if not changes and saved.fingerprint == fingerprint(prepared.plan):
        return
    # The same containers and files, and another plan: one of them is not as healthy as it was.
    changes = changes or tuple(_difference(saved.lines, prepared.plan))
    raise Drift(
        "the fleet is not as the plan saw it; nothing was changed",
        why="\n".join(changes) or "the plan was made by another version of Fleet, or with other secrets",
        hint="look at it (inv status), then make a new plan: inv plan --out …",
    )


def _difference(lines: tuple[str, ...], planned: Plan) -> Iterator[str]:
    now = [line.text for line in plan_lines(planned, diff=True)]
    for line in difflib.unified_diff(lines, now, "planned", "now", lineterm="", n=0):
        if not line.startswith("@@"):
            yield line


def _save(session: Session, prepared: Prepared, out: Path) -> None:
    lines = tuple(line.text for line in plan_lines(prepared.plan, diff=True))
    facts = prepared.facts
    saved = Saved(prepared.desired, facts.digests, seen(facts), fingerprint(prepared.plan), lines)
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(saved.dump(), file, indent=1, ensure_ascii=False)
    session.emit(ev.Note(f"saved; carry it out with: inv deploy --env {session.options.env} --plan {out}"))


def _run(session: Session, prepared: Prepared) -> Exit:
    journal = Journal(session.options.root, new_run_id(datetime.now(UTC)))
    session.sinks.append(journal)
    lines = (line.text for line in plan_lines(prepared.plan, diff=True))
    journal.save("plan.txt", session.masked("\n".join(lines) + "\n"))
    try:
        run = Run(session, prepared.connections, prepared.registries, journal)
        return run.carry_out(prepared.desired, prepared.facts, prepared.plan)
    finally:
        session.sinks[:] = [sink for sink in session.sinks if sink is not journal]
        journal.close()
