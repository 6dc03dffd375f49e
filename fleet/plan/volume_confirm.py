"""What a move has left at its source is removed, once somebody says that the move was good."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from fleet.model.desired import Desired
from fleet.model.found import Facts, HostFacts, Unknown
from fleet.model.volumes import FoundVolume, State, is_directory
from fleet.ops.containers import Remove
from fleet.ops.drop_volume import DropVolume
from fleet.plan.tree import Finding, Phase, Plan, Step, Turn
from fleet.plan.volume_cases import short
from fleet.plan.volume_places import called, ours, users, volume_at
from fleet.shell import words


def confirm(desired: Desired, facts: Facts, name: str) -> Plan:
    """``name`` as its role calls it, or in full; also what its data was called before. Only what is fenced
    goes, and only while its data lives elsewhere and a service has been healthy on it there."""
    known = {one.name: short(desired, one) for state in desired.hosts for one in state.volumes}
    turns: list[Turn] = []
    findings: list[Finding] = []
    for host in facts.hosts.values():
        for volume, there in host.volumes.items() if isinstance(host.volumes, Mapping) else ():
            mark = there.mark
            if mark is None or mark.state is not State.FENCED:
                continue
            other = mark.called if mark.peer == host.host else ""
            if name in {volume, known.get(volume), other or volume, known.get(other)}:
                wrong = [*_wrong(facts, host, there)]
                findings += wrong
                if not wrong:
                    turns.append(Turn(host.host, (*_steps(desired, facts, host, there),), disrupts=True))
    if not turns and not findings:
        findings.append(Finding(True, f"no host has a volume {name} that was moved away from it"))
    stages = (Phase("remove what was moved away", tuple(turns)),) if turns else ()
    return Plan(desired.project, desired.env, desired.version, stages, findings=tuple(findings))


def expired(desired: Desired, facts: Facts, keep: float) -> tuple[tuple[Phase, ...], tuple[Finding, ...]]:
    """What has been left for ``keep`` seconds, by its host's clock, and may go; why others may not."""
    known = {one.name for state in desired.hosts for one in state.volumes}
    turns: list[Turn] = []
    findings: list[Finding] = []
    for host in facts.hosts.values():
        steps: list[Step] = []
        for name, there in host.volumes.items() if isinstance(host.volumes, Mapping) else ():
            if _overdue(host, there, keep) and (name in known or ours(desired, host, there)):
                wrong = [*_wrong(facts, host, there)]
                findings += (replace(one, error=False, what=f"{one.what}: it is kept") for one in wrong)
                steps += () if wrong else _steps(desired, facts, host, there)
        if steps:
            turns.append(Turn(host.host, tuple(steps), disrupts=True))
    phases = (Phase("remove what was moved away", tuple(turns)),) if turns else ()
    return phases, tuple(findings)


def without(phase: Phase, gone: Collection[tuple[str, str]]) -> Phase:
    """Without the containers that are removed before, as (host, id)."""
    turns = (
        replace(
            turn,
            steps=tuple(
                step
                for step in turn.steps
                if not (isinstance(step, Step) and isinstance(step.op, Remove))
                or (step.host, step.op.id) not in gone
            ),
        )
        for turn in phase.turns
    )
    return replace(phase, turns=tuple(turns))


def _overdue(host: HostFacts, there: FoundVolume, keep: float) -> bool:
    mark, now = there.mark, host.clock
    if mark is None or mark.state is not State.FENCED or isinstance(now, Unknown):
        return False
    return 0 < mark.since <= now - keep


def _steps(desired: Desired, facts: Facts, host: HostFacts, there: FoundVolume) -> Iterator[Step]:
    # Containers that the move has stopped still hold it.
    for one in users(there, host):
        yield Step(host.host, Remove(one.name, one.id, f"{one.role}.{one.service}", 10, "its volume goes"))
    if there.mark:
        places = (
            f"on {at}" if at != host.host else f"in {one.name}" for at, one in _alive(facts, host, there)
        )
        why = f"its data is {', '.join(places)}"
        yield Step(host.host, DropVolume(there.name, desired.state_dir, there.mark, why))


def _wrong(facts: Facts, host: HostFacts, there: FoundVolume) -> Iterator[Finding]:
    mark = there.mark
    elsewhere = f"to {mark.called}" if mark and mark.called else "to another host"
    if not [*_alive(facts, host, there)]:
        what = f"volume {there.name}: no service was healthy yet on what went {elsewhere}"
        yield Finding(True, what, "deploy first; what is here is all that is left if that fails", host.host)
    elif not _used(facts, _alive(facts, host, there)):
        # Its mark may be of a volume that somebody has removed, and that the engine has made anew.
        what = f"volume {there.name}: no service runs on what went {elsewhere}"
        yield Finding(True, what, "deploy first, and see that the data is there", host.host)
    elif is_directory(there.name):
        what = f"{there.name} is not needed any more, and Fleet removes no directory"
        yield Finding(True, what, f"rm -r {words([there.name])}, on {host.host}", host.host)
    running = [one.name for one in users(there, host) if one.running]
    foreign = set(there.users) - {one.name for one in users(there, host)}
    if running or foreign:
        names = ", ".join(sorted({*running, *foreign}))
        yield Finding(True, f"volume {there.name} is in use by {names}", "stop it first", host.host)


def _used(facts: Facts, alive: Iterable[tuple[str, FoundVolume]]) -> bool:
    return any(one.running for host, found in alive for one in users(found, facts.hosts[host]))


def _alive(facts: Facts, host: HostFacts, there: FoundVolume) -> Iterator[tuple[str, FoundVolume]]:
    """Where its data lives, and is known to be good."""
    for other in facts.hosts.values():
        here = other.host == host.host
        found = called(host, there) if here else volume_at(facts, other.host, there.name)
        mark = found.mark if found else None
        good = mark is not None and mark.state is State.LIVE and mark.proven
        if good and found and mark and there.mark and mark.lineage == there.mark.lineage:
            yield other.host, found
