"""What the hosts of a failed run go back to: the release before, and what only their labels know."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from fleet.model.desired import Desired, HostState


def going_back(earlier: Desired, labelled: Desired, roles: Collection[str] = ()) -> Desired:
    """``earlier``: the whole environment as the release before has it; ``labelled``: the touched hosts as
    their containers' labels tell what ran before the run. ``roles``: those of the run; empty means all.

    A service that the ledger knows comes from the ledger. One that it does not know ran all the same: it was
    there before there was a ledger, or no role wants it any more.
    """
    known = {state.host: state for state in earlier.hosts}
    states = tuple(
        _merged(known.get(state.host, HostState(state.host)), state, roles) for state in labelled.hosts
    )
    return replace(
        earlier,
        hosts=states,
        roles=earlier.roles or labelled.roles,
        selected=labelled.selected,
        remove_orphans=True,
        balancers=labelled.balancers,
        allow_downtime=labelled.allow_downtime,
        moving=labelled.moving,
    )


def _merged(recorded: HostState, labelled: HostState, roles: Collection[str]) -> HostState:
    ours = tuple(one for one in recorded.services if not roles or one.role in roles)
    known = {one.key for one in recorded.services}
    more = tuple(one for one in labelled.services if one.key not in known)
    tasks = tuple(one for one in recorded.tasks if not roles or one.role in roles)
    return replace(recorded, services=(*ours, *more), jobs=(), tasks=tasks)
