"""The turn of one service on one host: which steps bring it from what was found to what is wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fleet.model import codec
from fleet.model.desired import Desired
from fleet.model.found import Container, HostFacts
from fleet.model.services import ContainerSpec, Service
from fleet.model.slots import in_slot, slot_of
from fleet.ops.config import WriteConfig
from fleet.ops.containers import Create, Recipe, is_leftover
from fleet.ops.secrets import WriteSecrets
from fleet.plan.decide import TABLE, Change, Found, found
from fleet.plan.files import DirChange, config_change, secrets_change
from fleet.plan.orphans import clash
from fleet.plan.replacement import beside, reason, replacement, taking_over
from fleet.plan.traffic import Lane
from fleet.plan.transitions import before_start, removal
from fleet.plan.tree import Gate, Kept, Node, Step, Turn


@dataclass(frozen=True, slots=True)
class Standing:
    """Our containers of one service on one host: the one that counts, and leftovers."""

    main: Container | None
    leftovers: tuple[Container, ...] = ()


def standing(
    service: Service, containers: tuple[Container, ...], digest: str, proven: Collection[str] = ()
) -> Standing:
    """After an interrupted start-first both slots may run: the one that is as wanted counts, then the one
    that has passed its gate. What an interrupted replacement has made and not yet put in place never does."""
    ours = [one for one in containers if (one.role, one.service) == (service.role, service.name)]
    placed = [one for one in ours if not is_leftover(one.name)]
    placed.sort(
        key=lambda one: (one.running and one.spec_digest == digest, one.running, one.id in proven),
        reverse=True,
    )
    main = placed[0] if placed else None
    return Standing(main, tuple(one for one in ours if one is not main))


def turn(
    desired: Desired,
    service: Service,
    image: str,
    facts: HostFacts,
    fingerprints: Mapping[str, str],
    lane: Lane,
    orphans: Sequence[tuple[Container, tuple[Node, ...]]] = (),
    surplus: Sequence[tuple[Container, tuple[Node, ...]]] = (),
) -> Turn | Kept:
    """``image`` is ``name@digest``; ``fingerprints`` are those of the host; ``orphans`` the host's
    containers that no role wants, each with what leads its requests away: one that holds this service's
    place goes in this turn. ``surplus``: likewise its instances that are too many; they all go."""
    case = case_of(desired, service, image, facts, fingerprints, lane)
    host, main, change = facts.host, case.here.main, case.change
    evicted = [one for one in orphans if change is Change.CREATE and clash(one[0], case.recipe.spec)]
    steps: list[Node] = [
        node
        for one in case.here.leftovers
        if is_leftover(one.name)
        for node in removal(host, one, f"{one.name}, left by an interrupted run", ())
    ]
    if case.secrets is not None:
        write = WriteSecrets(service.key, service.secret_dir, service.secrets, case.secrets)
        steps.append(Step(host, write))
    told = main.id if main and change in {Change.KEEP, Change.WATCH} else ""
    steps += [_config(host, desired.state_dir, service, image, one, told) for one in case.configs]
    for one, drains in evicted:
        steps += [*drains, *removal(host, one, f"{service.key} takes its place", case.proven)]
    early = [one for one in surplus if clash(one[0], case.next_spec)]
    steps += _fewer(host, service, early, case.proven)
    steps += case.stale_go()
    steps += case.containers()
    steps += case.rivals_go()
    steps += _fewer(host, service, [one for one in surplus if one not in early], case.proven)
    if not steps:
        return Kept(host, service.key, case.why)
    return Turn(host, tuple(steps), case.disrupts or bool(evicted))


def case_of(
    desired: Desired,
    service: Service,
    image: str,
    facts: HostFacts,
    fingerprints: Mapping[str, str],
    lane: Lane,
) -> Case:
    digest = codec.digest(service, image, fingerprints)
    proven = facts.proven if isinstance(facts.proven, tuple) else ()
    here = standing(service, facts.of_services, digest, proven)
    writes = (config_change(config, facts, fingerprints) for config in service.configs)
    configs = tuple(one for one in writes if one)
    secrets = secrets_change(service, facts, fingerprints)
    main = here.main
    state = found(main, digest, proven=main is not None and main.id in proven)
    if main and state is not Found.DIFFERENT and _moved(service, main):
        state = Found.DIFFERENT
    change, why = TABLE[state]
    if change in {Change.KEEP, Change.WATCH}:
        if secrets is not None:
            change, why = Change.REPLACE, "its secret files are not as wanted"
        elif any(one.config.reload is None for one in configs):
            change, why = Change.REPLACE, "its configuration files are not as wanted"
    # A container under another name (container_name was changed) is replaced like one in slot 1.
    slot = (slot_of(service, main.name) or 1) if main else 1
    release = service.release or desired.version
    recipe = Recipe(desired.project, desired.env, release, service, image, digest, slot)
    return Case(desired, lane, facts.host, here, recipe, change, state, why, configs, secrets, proven)


@dataclass(frozen=True, slots=True)
class Case:
    """What was found of one service on one host, and what is to become of it."""

    desired: Desired
    lane: Lane
    host: str
    here: Standing
    recipe: Recipe
    change: Change
    state: Found
    why: str
    configs: tuple[DirChange, ...]
    secrets: tuple[tuple[str, str], ...] | None
    proven: Collection[str]

    def containers(self) -> list[Node]:
        main, lane, recipe = self.here.main, self.lane, self.recipe
        if main is None or self.change is Change.CREATE:
            # A replacement that was killed half-way may be the last to hold the anonymous volumes.
            held = next((one.anonymous for one in self.here.leftovers if one.anonymous), ())
            name, slot = recipe.spec.name, recipe.slot
            create = Step(self.host, Create(recipe, volumes=held))
            starts = before_start(self.host, recipe.service)
            steps = [*starts, *lane.hold(slot), create, self.gate(name, slot)]
            # While others are tried, it gets the same share as they do.
            return steps if self.on_trial else [*steps, *lane.admit(slot)]
        if self.change is Change.REPLACE:
            why = reason(recipe, main, self.state, self.why)
            if not self.overlaps:
                return replacement(self.gate, lane, recipe, main, why, self.proven)
            steps = beside(self.gate, lane, recipe, main, why)
            return steps if self.tried else [*steps, *taking_over(lane, recipe, main, self.proven)]
        both = bool(self.rivals) and not self.tried
        steps = []
        if self.configs or both or self.change is Change.WATCH:
            # With a rival: the run that was to judge the new one was cut, and the old one still serves.
            steps.append(replace(self.gate(main.name, recipe.slot), fresh=False))
        if not self.on_trial and (both or lane.left_out(recipe.slot)):
            steps += lane.admit(recipe.slot, why="" if steps else "left out of traffic")
        return steps

    def stale_go(self) -> list[Node]:
        """What stands in the place where the new one is to start, and never served."""
        return [node for one in self.stale for node in self._goes(one, "it never got healthy")]

    def rivals_go(self) -> list[Node]:
        """On trial the two of them stay."""
        tried = self.recipe.service.strategy.tried
        why = "the other version stays" if tried else "left in the other slot"
        kept = self.tried and self.change in {Change.KEEP, Change.WATCH}
        return [] if kept else [node for one in self.rivals for node in self._goes(one, why)]

    def _goes(self, one: Container, why: str) -> Iterator[Node]:
        yield from self.lane.drain(self._slot(one))
        yield from removal(self.host, one, f"{one.name}, {why}", self.proven)

    def _slot(self, one: Container) -> int:
        return slot_of(self.recipe.service, one.name) or 3 - self.recipe.slot

    def gate(self, container: str, slot: int) -> Gate:
        server = self.lane.server(slot)
        return Gate(self.host, self.recipe.service, container, self.desired.state_dir, server=server)

    @property
    def on_trial(self) -> bool:
        """Its new version is tried, on this host or on others."""
        return self.recipe.service.key in self.desired.trial

    @property
    def tried(self) -> bool:
        """Here there is an old version beside which the new one is tried."""
        return self.on_trial and self.both[1] > 0

    @property
    def both(self) -> tuple[int, int]:
        """The slots of the new and the old version after a turn that tries it; 0: there is no old one."""
        slot, main = self.recipe.slot, self.here.main
        if self.change in {Change.KEEP, Change.WATCH} and main:
            older = [one for one in self.rivals if one.spec_digest != main.spec_digest]
            return slot, self._slot(older[0]) if older else 0
        if self.change is Change.REPLACE and self.state is Found.DIFFERENT and self.overlaps:
            return 3 - slot, slot
        return slot, 0

    @property
    def older(self) -> Container | None:
        """The old version, beside which the new one is tried."""
        standing = (one for one in (self.here.main, *self.rivals) if one)
        return next((one for one in standing if self._slot(one) == self.both[1]), None)

    @property
    def stale(self) -> tuple[Container, ...]:
        if self.change is not Change.REPLACE:
            return ()
        return tuple(one for one in self._others if not (one.running and one.id in self.proven))

    @property
    def rivals(self) -> tuple[Container, ...]:
        return tuple(one for one in self._others if one not in self.stale)

    @property
    def _others(self) -> tuple[Container, ...]:
        return tuple(one for one in self.here.leftovers if not is_leftover(one.name))

    @property
    def overlaps(self) -> bool:
        """The new one starts in the other slot while the old one serves."""
        running = self.here.main is not None and self.here.main.running
        return running and not self.rivals and overlap(self.desired, self.recipe.service)

    @property
    def next_spec(self) -> ContainerSpec:
        """The name and ports that it takes, or keeps."""
        return in_slot(self.recipe.service, 3 - self.recipe.slot if self.overlaps else self.recipe.slot)

    @property
    def disrupts(self) -> bool:
        """With both slots taken (a start-first that was cut off) the other one goes on serving meanwhile."""
        serving = any(self._serves(one) for one in self.rivals)
        return self.change is Change.REPLACE and not self.overlaps and not serving

    def _serves(self, one: Container) -> bool:
        slot = self._slot(one)
        return one.running and (self.lane.server(slot) is None or self.lane.weight(slot) > 0)


def overlap(desired: Desired, service: Service) -> bool:
    """Old and new run side by side for a while: as the role says, and where the only host of a role would
    else leave its balancers without a server."""
    if service.update.order == "start-first" or service.strategy.tried:
        return True
    alone = any(role.name == service.role and len(role.hosts) == 1 for role in desired.roles)
    return alone and service.load_balancer is not None and bool(service.port_pair)


def _moved(service: Service, main: Container) -> bool:
    """Digests are those of slot 1; in slot 2 the port pair counts, too. Where there are several instances
    that is another one's place."""
    slot = slot_of(service, main.name)
    if service.replicas > 1:
        return not slot
    before = main.definition
    return bool(before and slot and in_slot(before, slot).ports != in_slot(service, slot).ports)


def _config(host: str, state_dir: str, service: Service, image: str, change: DirChange, reload: str) -> Step:
    container = service.container
    return Step(
        host,
        WriteConfig(
            key=service.key,
            state_dir=state_dir,
            config=change.config,
            image=image,
            user=container.user or "",
            mounts=container.mounts,
            found=change.found,
            stale=change.stale,
            reload=reload if change.config.reload else "",
            fingerprints=change.fingerprints,
            lines=change.lines,
            verified=bool(service.balancer and service.balancer.master and reload and change.config.reload),
        ),
    )


def _fewer(
    host: str,
    service: Service,
    surplus: Sequence[tuple[Container, tuple[Node, ...]]],
    proven: Collection[str],
) -> Iterator[Node]:
    why = "it runs once" if service.replicas == 1 else f"it has {service.replicas} replicas"
    for one, drains in surplus:
        yield from drains
        yield from removal(host, one, why, proven)
