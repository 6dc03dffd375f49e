"""Deploy: read, gather, plan, show, ask, carry out, verify; and go back when the roles say so."""

from __future__ import annotations

import difflib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fleet.app.announce import announcing
from fleet.app.change import Change, Confirm, gathered
from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import reach
from fleet.app.session import Session
from fleet.app.suites import tested_roles
from fleet.app.trial import promoted
from fleet.app.wanted import Wanted, with_policy
from fleet.config.sources import role_sources
from fleet.errors import Drift, Exit, UsageError
from fleet.model.desired import Desired
from fleet.model.refs import all_refs
from fleet.model.releases import current
from fleet.model.services import Service
from fleet.model.strategy import Share
from fleet.plan.saved import Saved, fingerprint
from fleet.plan.seen import drift, seen
from fleet.plan.tree import Plan
from fleet.plan.trial import first_stop
from fleet.report import events as ev
from fleet.report.plan_text import plan_lines


def plan(session: Session, out: Path | None) -> Exit:
    """Show what a deploy would do; changes nothing. ``out``: keep it as a file for ``deploy --plan``."""
    with Connections(session) as connections, _custody(session, connections, change=False) as custody:
        change = prepare(session, connections, custody)
        change.show()
        change.refuse()
        if out:
            _save(session, change, out)
        return Exit.OK if change.plan.empty else Exit.CHANGES


def deploy(session: Session, confirm: Confirm, saved: Saved | None = None) -> Exit:
    """Bring the hosts to what the roles say. ``saved``: to what this plan says, or not at all."""
    changing = not session.options.check
    with Connections(session) as connections, _custody(session, connections, change=changing) as custody:
        change = prepare(session, connections, custody, saved)
        change.show()
        if saved:
            _same(saved, change)
        change.refuse()
        code = change.go(confirm)
    return promoted(session, change) if code is Exit.OK else code


def _custody(session: Session, connections: Connections, *, change: bool) -> Custody:
    return Custody(session, connections, f"deploy {session.options.version}", change=change)


def prepare(
    session: Session, connections: Connections, custody: Custody, saved: Saved | None = None
) -> Change:
    """From files to plan. Raises ConfigErrors, Unreachable, Locked, and what a registry refuses."""
    weight = session.options.weight
    tested = tested_roles(session)
    whole = saved.desired if saved else weighed(session.desired(), weight)
    registries = session.registries()
    session.unlock(all_refs(whole, registries))
    sources = role_sources(session.options.root, [role.name for role in whole.roles])
    announcer = announcing(session, custody, "deploy", whole.version)
    began = time.monotonic()
    skipped = reach(session, connections)
    desired = whole
    if skipped:
        # What names hosts in its configuration leaves them out for now; what is recorded does not.
        desired = weighed(session.desired(behind=[finding.host for finding in skipped]), weight)
    connections.witness(session.witnesses(desired))
    desired = replace(desired, allow_downtime=session.options.allow_downtime, tested=tested)
    wanted = Wanted(
        with_policy(desired if saved else tried(desired), session.options.on_failure),
        whole,
        notes=skipped,
        sources=sources,
        skipped=tuple(finding.host for finding in skipped),
    )
    facts = gathered(
        session, connections, custody, wanted.desired, registries, saved.digests if saved else None
    )
    session.emit(ev.Gathered(len(facts.hosts), time.monotonic() - began))
    _no_trial(session, custody)
    return Change(session, connections, custody, registries, announcer, wanted, facts)


def tried(desired: Desired) -> Desired:
    """Services with such a strategy go on trial."""
    services = (one for state in desired.hosts for one in state.services)
    return replace(desired, trial={one.key: first_stop(one) for one in services if one.strategy.tried})


def weighed(desired: Desired, weight: int) -> Desired:
    """``--weight``: the share of blue-green services; 0 as they say."""

    def shared(one: Service) -> Service:
        if not weight or one.strategy.kind != "blue-green":
            return one
        return replace(one, strategy=replace(one.strategy, shares=(Share(weight),)))

    states = (replace(state, services=tuple(map(shared, state.services))) for state in desired.hosts)
    return replace(desired, hosts=tuple(states))


def _no_trial(session: Session, custody: Custody) -> None:
    """Raises UsageError: two new versions cannot be on trial at once."""
    release = current(custody.history.releases)
    if release and release.tried:
        env = session.options.env
        raise UsageError(
            f"release {release.number} ({release.head.version}) is on trial in {env}",
            hint=f"inv promote --env {env} goes on with it, inv abort --env {env} takes it back",
        )


def load_plan(path: Path) -> Saved:
    """Raises UsageError for a file that is not there or is no plan."""
    try:
        return Saved.load(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"cannot read the plan {path}", why=error.strerror or "") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not a plan of this version of Fleet",
            why=str(error).splitlines()[0],
            hint=f"make it again: inv plan --out {path}",
        ) from error


def _same(saved: Saved, change: Change) -> None:
    """What was shown is what runs. Raises Drift with what is different on which host."""
    changes = tuple(drift(saved.seen, seen(change.facts)))
    if not changes and saved.fingerprint == fingerprint(change.plan):
        return
    # The same containers and files, and another plan: one of them is not as healthy as it was.
    changes = changes or tuple(_difference(saved.lines, change.plan))
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


def _save(session: Session, change: Change, out: Path) -> None:
    lines = tuple(line.text for line in plan_lines(change.plan, diff=True))
    facts = change.facts
    saved = Saved(change.wanted.desired, facts.digests, seen(facts), fingerprint(change.plan), lines)
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(saved.dump(), file, indent=1, ensure_ascii=False)
    session.emit(ev.Note(f"saved; carry it out with: inv deploy --env {session.options.env} --plan {out}"))
