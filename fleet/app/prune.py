"""Prune: remove what the kept releases of an environment, and of its neighbours on each host, do not need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from fleet.app import removing
from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.reach import require_ledger
from fleet.app.removing import Removing, There
from fleet.app.session import Session
from fleet.config.settings import volume_keep
from fleet.errors import Exit, FleetError, UsageError
from fleet.ledger.store import History
from fleet.model.found import Unknown
from fleet.model.leavings import Leavings
from fleet.model.releases import Record
from fleet.ops.containers import Remove
from fleet.ops.drop_volume import DropVolume
from fleet.ops.prune import RemoveDirectory, RemoveImage
from fleet.ops.snapshots import ClearAway, DropSnapshot
from fleet.plan.prune import prune as build
from fleet.plan.retention import Retention, kept, retention
from fleet.plan.snapshots import all_outlived
from fleet.plan.tree import Plan, Step
from fleet.plan.volume_confirm import expired, without
from fleet.report import events as ev
from fleet.report.prune_text import counted, prune_lines

Confirm = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Pruning:
    """What stays, and what goes."""

    retention: Retention
    plan: Plan


def prune(session: Session, confirm: Confirm, keep: int) -> Exit:
    """``keep``: how many good releases stay, 1 or more. The lease is held from the first look on; with
    ``--check`` the ledger is only read."""
    if keep < 1:
        raise UsageError(f"--keep {keep}: the current release always stays", hint="--keep 1, or more")
    check = session.options.check
    with (
        Connections(session) as connections,
        Custody(session, connections, f"prune --keep {keep}", change=not check) as custody,
    ):
        connections.open(dict.fromkeys([*session.hosts, session.ledger]))
        require_ledger(session, connections)
        connections.require_all()
        custody.open()
        custody.secure()
        pruning = plan_prune(session, connections, custody.history, custody.store.record, keep)
        if pruning is None:
            return Exit.OK
        show(session, pruning)
        if pruning.plan.empty:
            return Exit.OK
        if check:
            return Exit.CHANGES
        if not session.options.yes and not confirm(f"Remove this from {session.options.env}?"):
            session.emit(ev.Note("nothing was changed"))
            return Exit.FAILED
        return carry_out(session, connections, custody, pruning)


def plan_prune(
    session: Session,
    connections: Connections,
    history: History,
    record: Callable[[int], Record],
    keep: int,
) -> Pruning | None:
    """None, and said: no good release is known, so that nothing can be told to be over. Raises Unreached, and
    LedgerError when the record of a kept release cannot be read."""
    releases = kept(history.releases, keep)
    for text in history.damaged:
        session.emit(ev.Note(f"the ledger is damaged: {text}", "warning"))
    if not releases:
        session.emit(ev.Note("Nothing to prune: the ledger knows no good release"))
        return None
    records = [record(one.number) for one in releases]
    stays = retention(session.place.project, session.options.env, keep, releases, records)
    found = connections.leavings()
    connections.require_all()
    return Pruning(stays, _with_volumes(session, connections, build(stays, session.place, found)))


def _with_volumes(session: Session, connections: Connections, plan: Plan) -> Plan:
    """Also what a move has left long ago, and snapshots from before upgrades of long ago."""
    keep = volume_keep(session.everyone.values())
    desired = session.desired()
    if plan.errors or not (keep or any(state.volumes for state in desired.hosts)):
        return plan
    facts = connections.facts(desired, registries=None)
    connections.require_all()
    phases, findings = expired(desired, facts, keep) if keep else ((), ())
    phases = (*phases, *all_outlived(desired, facts))
    gone = {(step.host, step.op.id) for step in plan.steps if isinstance(step.op, Remove)}
    return replace(
        plan,
        stages=(*plan.stages, *(without(phase, gone) for phase in phases)),
        findings=(*plan.findings, *findings),
    )


def show(session: Session, pruning: Pruning) -> None:
    """Raises FleetError when something that matters could not be read."""
    plan = pruning.plan
    lines = list(prune_lines(plan, pruning.retention, diff=session.options.diff))
    for line in lines:
        session.show(line)
    if session.options.json:
        session.emit(ev.Planned(tuple(line.text for line in lines)))
    if plan.errors:
        raise FleetError(f"the plan cannot run; nothing was changed: {plan.errors[0].what}")


def carry_out(session: Session, connections: Connections, custody: Custody, pruning: Pruning) -> Exit:
    def look() -> There:
        found = connections.leavings()
        volumes = _volumes(session, connections, pruning.plan)
        return lambda step: _there(step, found.get(step.host), volumes.get(step.host))

    keep = len(pruning.retention.releases)
    what = Removing(
        "prune",
        pruning.plan,
        [*prune_lines(pruning.plan, pruning.retention, diff=True)],
        look,
        lambda gone: counted(gone, "removed"),
        f"; {keep} {'release' if keep == 1 else 'releases'} kept",
    )
    return removing.carry_out(session, connections, custody, what)


def _volumes(session: Session, connections: Connections, plan: Plan) -> dict[str, Collection[str]]:
    """Names by host, when some are to go; a host that does not tell is not in it."""
    if not any(isinstance(step.op, DropVolume | DropSnapshot) for step in plan.steps):
        return {}
    hosts = connections.facts(session.desired(), registries=None).hosts.values()
    return {host.host: host.volumes for host in hosts if isinstance(host.volumes, Mapping)}


def _there(step: Step, found: Leavings | None, volumes: Collection[str] | None) -> bool | None:
    """Is what the step removes still there? None: nobody knows."""
    if found is None:
        return None
    match step.op:
        case DropVolume(volume=volume):
            return None if volumes is None else volume in volumes
        case DropSnapshot(snapshot=snapshot):
            return None if volumes is None else snapshot.name in volumes
        case Remove(id=id):
            occupants = found.occupants
            return None if isinstance(occupants, Unknown) else any(one.id == id for one in occupants)
        case RemoveImage(id=id, names=names):
            images = found.images
            return (
                None
                if isinstance(images, Unknown)
                else any(one.id == id and not set(names).isdisjoint(one.names) for one in images)
            )
        case ClearAway(volume=volume):
            begun = found.begun
            return None if isinstance(begun, Unknown) else volume in begun
        case RemoveDirectory(path=path):
            places = found.directories
            return None if isinstance(places, Unknown) else path in places
    return False
