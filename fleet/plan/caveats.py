"""What an operator must know before the hosts go to a recorded release, once the facts are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet.model.found import Facts
from fleet.model.refs import all_refs
from fleet.model.releases import Record
from fleet.ops.containers import Create, Replace
from fleet.ops.places import MakeVolume
from fleet.plan.tree import Finding, MoveVolume, Plan


def spared(record: Record, later: Iterable[Record], facts: Facts) -> frozenset[str]:
    """Ids of our containers that this release does not know and no ``later`` one has brought: they stood
    there before there was a ledger, or no role wants them any more. To be given to ``plan``."""
    brought = {
        (state.host, service.role, service.name)
        for one in (record, *later)
        for state in one.desired.hosts
        for service in state.services
    }
    return frozenset(
        one.id
        for host in facts.hosts.values()
        for one in (host.containers if isinstance(host.containers, tuple) else ())
        if (host.host, one.role, one.service) not in brought
    )


def secrets_changed(record: Record, facts: Facts) -> Iterator[Finding]:
    """Secrets whose value is another now than when the release was made."""
    for state in record.desired.hosts:
        before = record.marks.get(state.host, {})
        now = facts.fingerprints.get(state.host, {})
        for ref in sorted(str(one) for one in all_refs(state)):
            if ref in before and ref in now and before[ref] != now[ref]:
                what = f"the value of {ref} has changed since release {record.head.number}; today's is used"
                yield Finding(False, what, host=state.host)


def volumes_kept(plan: Plan) -> Iterator[Finding]:
    """Volumes that were there before, of the services that the plan makes anew."""
    made = {(step.host, step.op.volume.name) for step in plan.steps if isinstance(step.op, MakeVolume)}
    nodes = (node for stage in plan.stages for turn in stage.turns for node in turn.steps)
    made |= {(node.host, node.move.volume) for node in nodes if isinstance(node, MoveVolume)}
    found: dict[tuple[str, str], None] = {}
    for step in plan.steps:
        if isinstance(step.op, (Create, Replace)):
            for mount in step.op.recipe.service.container.mounts:
                if mount.type == "volume" and mount.source:
                    found[step.host, mount.source] = None
    for host, volume in found:
        if (host, volume) not in made:
            what = f"volume {volume} keeps its data: a rollback does not touch volumes"
            yield Finding(False, what, host=host)
