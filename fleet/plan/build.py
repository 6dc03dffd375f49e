"""``plan(desired, facts)``: a pure function, without clock, network, environment or globals."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from fleet.model.desired import Desired, HostState, Role
from fleet.model.found import Container, Facts, HostFacts, Unknown
from fleet.model.images import ImageRef
from fleet.model.services import Service
from fleet.ops.containers import Remove
from fleet.ops.effects import RegistryAuth
from fleet.ops.op import Op
from fleet.ops.places import MakeNetwork, MakeVolume
from fleet.ops.pull import Pull
from fleet.plan import images, lint
from fleet.plan.around import in_order
from fleet.plan.backends import backends
from fleet.plan.batches import cut, least
from fleet.plan.handover import addresses, held_once, one_by_one
from fleet.plan.jobs import Due, jobs
from fleet.plan.leftovers import leftovers, still_running
from fleet.plan.orphans import left, orphans, surplus
from fleet.plan.tasks.stage import host_tasks
from fleet.plan.tested import with_tests
from fleet.plan.traffic import drains, lane
from fleet.plan.transitions import removal
from fleet.plan.tree import Kept, Node, Phase, Plan, Rollout, Stage, Step, Turn
from fleet.plan.trial import decided, side_by_side, trials
from fleet.plan.turn import overlap, turn
from fleet.plan.volume_lint import volumes
from fleet.plan.volume_swaps import fitted
from fleet.plan.volumes import Volumes

Registries = Mapping[str, RegistryAuth]


def plan(
    desired: Desired,
    facts: Facts,
    registries: Registries | None = None,
    *,
    reverse: bool = False,
    spared: Collection[str] = (),
) -> Plan:
    """Bring the hosts of ``desired`` from what was found to what is wanted.

    ``registries``: credentials by registry. ``reverse``: the last service and host first, for going
    back; ``spared``: ids of containers that are never removed as orphans. Whatever could not be read
    on a host is an error among the findings, never taken for absent.
    """
    findings = list(lint.readable(desired, facts))
    if findings:
        return Plan(desired.project, desired.env, desired.version, findings=tuple(findings))
    # Where nothing stands beside it, a new version takes its place as any other.
    trial = {key: stop for key, stop in desired.trial.items() if side_by_side(desired, facts, key)}
    desired = replace(desired, trial=trial)
    findings += lint.images(desired, facts)
    findings += lint.gone(desired, facts)
    kept: list[Kept] = []
    gone: set[str] = set(spared)
    services = _services(desired, reverse=reverse)
    rollouts = [
        rollout
        for role, name in services
        if (rollout := _rollout(desired, facts, role, name, kept, gone, reverse=reverse))
    ]
    shared = addresses(desired, facts)
    rollouts = one_by_one(rollouts, shared)
    work = jobs(desired, facts)
    data = Volumes.of(desired, facts)
    tasks = host_tasks(desired, facts)
    rolling: list[Stage] = [
        *filter(None, (decided(desired, facts, role, name) for role, name in services)),
        *in_order(desired, rollouts, work.due, reverse=reverse),
        *(one for role, name in services for one in trials(desired, facts, role, name)),
    ]
    rolling = fitted(rolling, facts, data.cases)
    snapshots = data.snapshots.before(rolling)
    helped = {*data.movers, *data.upgrades.hosts, *(turn.host for phase in snapshots for turn in phase.turns)}
    upgrades = data.upgrades.due
    pulls = tuple(_pulls(desired, facts, [*work.due, *upgrades], helped, data.pinned, registries or {}, kept))
    stages: list[Stage] = [
        *tasks.phases,
        *data.adopted(),
        *pulls,
        *snapshots,
        *data.copies(rolling),
        *_places(desired, facts, data),
        *leftovers(desired, facts, work.due, spared),
        *data.insisted(),
        *data.taken_back(),
        *data.upgrades.placed(data.moved(rolling, lambda host, one: drains(desired, facts, host, one))),
        *_removals(desired, facts, gone),
    ]
    findings += lint.rollouts(desired, facts, rollouts)
    findings += dict.fromkeys(backends(desired, facts, rollouts))
    findings += held_once(shared, rollouts)
    findings += volumes(data, keeps=bool(snapshots))
    findings += work.findings
    findings += tasks.findings
    findings += still_running(desired, facts, work.due)
    findings += left(desired, facts)
    findings += lint.room(facts, pulls)
    kept += work.kept
    return Plan(
        desired.project,
        desired.env,
        desired.version,
        tuple(with_tests(stages, desired.tested)),
        tuple(kept),
        tuple(findings),
        tuple(trial),
    )


def _services(desired: Desired, *, reverse: bool) -> list[tuple[Role, str]]:
    """Every service of the run once: roles in their order, services in theirs. The first of several instances
    always comes first: in its turn those go that are too many, or stand in another's place."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    for role in desired.roles:
        for state in desired.hosts:
            for service in state.services:
                if service.role == role.name:
                    found.setdefault((role.name, service.base), {})[service.instance] = service.name
    roles = {role.name: role for role in desired.roles}
    ordered = list(found.items())[:: -1 if reverse else 1]
    return [(roles[role], name) for (role, _), names in ordered for _, name in sorted(names.items())]


def _rollout(
    desired: Desired, facts: Facts, role: Role, name: str, kept: list[Kept], gone: set[str], *, reverse: bool
) -> Rollout | None:
    """``kept`` and ``gone`` (ids of containers that a turn removes) are added to."""
    turns: list[Turn] = []
    policy, manner = None, ""
    states = [state for state in desired.hosts if any(_is(one, role, name) for one in state.services)]
    for state in states[::-1] if reverse else states:
        service = next(one for one in state.services if _is(one, role, name))
        host = facts.hosts[state.host]
        image = images.reference(service, facts, host)
        if image is None:
            continue
        if reverse:
            service = replace(service, update=service.rollback)
        policy = policy or service.update
        manner = manner or _manner(desired, service)
        going, fewer = (
            [(one, tuple(drains(desired, facts, state.host, one))) for one in some if one.id not in gone]
            for some in (_orphans(desired, state, host), surplus(service, state, host))
        )
        prints = facts.fingerprints.get(state.host, {})
        here = lane(desired, facts, service, state.host)
        result = turn(desired, service, image, host, prints, here, going, fewer)
        if isinstance(result, Kept):
            kept.append(result)
        else:
            turns.append(result)
            gone.update(_removed(result))
    if not turns or policy is None:
        return None
    healthy = frozenset(lint.healthy_hosts(role, facts))
    # Those that serve nothing now come first: they cannot be taken away, only brought back.
    turns.sort(key=lambda one: one.host in healthy)
    return Rollout(
        service=f"{role.name}.{name}",
        role=role.name,
        batches=cut(turns, policy.batches, len(states)),
        policy=policy,
        total=len(states),
        healthy=healthy,
        min_healthy=least(role.min_healthy, len(role.hosts)),
        manner=manner,
    )


def _manner(desired: Desired, service: Service) -> str:
    if service.strategy.tried:
        return service.strategy.kind
    return "start-first" if overlap(desired, service) else "stop-first"


def _removed(one: Turn) -> Iterator[str]:
    return (step.op.id for step in one.steps if isinstance(step, Step) and isinstance(step.op, Remove))


def _is(service: Service, role: Role, name: str) -> bool:
    return (service.role, service.name) == (role.name, name)


def _pulls(
    desired: Desired,
    facts: Facts,
    due: Sequence[Due],
    helped: Collection[str],
    helper: str,
    registries: Registries,
    kept: Sequence[Kept],
) -> Iterator[Phase]:
    """Everywhere before the first restart: a missing image must not be found in mid-rollout. What runs as
    wanted needs none, also where a run that was cut off has pulled its image and not named it yet.
    ``helper``: the image by digest that hosts need which are ``helped``."""
    turns = []
    runs = {(one.host, one.service) for one in kept}
    for state in desired.hosts:
        host = facts.hosts[state.host]
        steps: dict[str, Step] = {}
        wanted = [
            (one.container.image, images.reference(one, facts, host))
            for one in state.services
            if (state.host, one.key) not in runs
        ]
        # What is undone runs in the image that did it.
        wanted += [(one.written, one.op.recipe.image) for one in due if one.host == state.host]
        wanted += [(desired.moving.image, helper)] if state.host in helped else []
        for written, pinned in wanted:
            if pinned and "@" in pinned and not images.present(pinned, host):
                auth = registries.get(ImageRef.parse(written).registry)
                steps[pinned] = Step(state.host, Pull(pinned, written, auth))
        if steps:
            turns.append(Turn(state.host, tuple(steps.values())))
    if turns:
        yield Phase("pull images", tuple(turns), desired.pull_parallel, harmless=True)


def _places(desired: Desired, facts: Facts, data: Volumes) -> Iterator[Phase]:
    turns = []
    for state in desired.hosts:
        host = facts.hosts[state.host]
        ops: list[Op] = [
            MakeNetwork(desired.project, desired.env, network)
            for network in state.networks
            if not network.external and network.name not in known(host.networks)
        ]
        ops += [
            MakeVolume(desired.project, desired.env, volume)
            for volume in state.volumes
            if not volume.external and not volume.of_host and volume.name not in known(host.volumes)
        ]
        ops += data.made(state.host)
        if ops:
            turns.append(Turn(state.host, tuple(Step(state.host, op) for op in ops)))
    if turns:
        yield Phase("create networks and volumes", tuple(turns), harmless=True)


def _removals(desired: Desired, facts: Facts, gone: set[str]) -> Iterator[Phase]:
    """Our containers that no role of the host wants any more; users before what they need."""
    order = {role.name: index for index, role in enumerate(desired.roles)}
    turns = []
    for state in desired.hosts:
        leaving = sorted(
            _orphans(desired, state, facts.hosts[state.host]),
            key=lambda one: (order.get(one.role, -1), one.name),
            reverse=True,
        )
        steps = [
            node for one in leaving if one.id not in gone for node in _leaves(desired, facts, state, one)
        ]
        if steps:
            turns.append(Turn(state.host, tuple(steps), disrupts=True))
    if turns:
        yield Phase("remove what is wanted no more", tuple(turns))


def _leaves(desired: Desired, facts: Facts, state: HostState, one: Container) -> Iterator[Node]:
    proven = facts.hosts[state.host].proven
    yield from drains(desired, facts, state.host, one)
    yield from removal(state.host, one, "no role of this host has it", known(proven))


def _orphans(desired: Desired, state: HostState, host: HostFacts) -> Iterator[Container]:
    """Those that are to go; without ``remove_orphans`` the linter tells them instead."""
    if desired.remove_orphans:
        yield from orphans(desired, state, host)


def known(names: Collection[str] | Unknown) -> Collection[str]:
    return () if isinstance(names, Unknown) else names
