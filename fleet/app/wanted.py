"""What a change is to bring about, and what history calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fleet.model.desired import Desired, HostState
from fleet.model.releases import Head, Outcome, Release
from fleet.plan.tree import Finding


@dataclass(frozen=True, slots=True)
class Wanted:
    """``desired`` is planned; ``whole`` recorded: the same without what only this run needs.

    ``command`` is deploy, rollback, converge, promote or abort; ``of`` the release that a rollback returns
    to, ``origin`` its head. ``goes_on``: the release that this run continues. ``notes`` are told with the
    plan. ``sources`` of the roles. ``skipped``: hosts that are left behind. ``spared``: ids of containers
    that are no orphans.
    ``rest``: what of the release this run leaves out. ``ends``: what the release is when all went well.
    """

    desired: Desired
    whole: Desired
    command: str = "deploy"
    of: int = 0
    origin: Head | None = None
    goes_on: Release | None = None
    notes: tuple[Finding, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    spared: frozenset[str] = frozenset()
    rest: tuple[HostState, ...] = ()
    ends: Outcome = Outcome.GOOD


def with_policy(desired: Desired, failure_action: str) -> Desired:
    """``--on-failure``: every role's own answer to a failure is replaced."""
    if not failure_action:
        return desired
    states = tuple(
        replace(
            state,
            services=tuple(
                replace(
                    one,
                    update=replace(one.update, failure_action=failure_action),
                    watch=replace(one.watch, on_failure="abort" if failure_action == "rollback" else "pause")
                    if one.watch
                    else None,
                )
                for one in state.services
            ),
        )
        for state in desired.hosts
    )
    return replace(desired, hosts=states)
