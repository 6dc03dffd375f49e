"""The turn of one service on one host: which steps bring it from what was found to what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fleet.model import codec
from fleet.model.desired import Desired
from fleet.model.found import Container, HostFacts
from fleet.model.services import Service
from fleet.model.slots import in_slot, slot_of
from fleet.ops.config import WriteConfig
from fleet.ops.containers import Create, Recipe, Remove, is_leftover
from fleet.ops.secrets import WriteSecrets
from fleet.plan.decide import TABLE, Change, Found, found
from fleet.plan.files import DirChange, config_change, secrets_change
from fleet.plan.orphans import clash
from fleet.plan.replacement import reason, replacement
from fleet.plan.tree import Gate, Kept, Step, Turn


@dataclass(frozen=True, slots=True)
class Standing:
    """Our containers of one service on one host: the one that counts, and leftovers."""

    main: Container | None
    leftovers: tuple[Container, ...] = ()


def standing(service: Service, containers: tuple[Container, ...], digest: str) -> Standing:
    """After an interrupted start-first both slots may run: the one that is as wanted counts. What an
    interrupted replacement has made and not yet put in place never does."""
    ours = [one for one in containers if (one.role, one.service) == (service.role, service.name)]
    placed = [one for one in ours if not is_leftover(one.name)]
    placed.sort(key=lambda one: (one.running and one.spec_digest == digest, one.running), reverse=True)
    main = placed[0] if placed else None
    return Standing(main, tuple(one for one in ours if one is not main))


def turn(
    desired: Desired,
    service: Service,
    image: str,
    facts: HostFacts,
    fingerprints: Mapping[str, str],
    orphans: tuple[Container, ...] = (),
) -> Turn | Kept:
    """``image`` is ``name@digest``; ``fingerprints`` are those of the host; ``orphans`` the host's
    containers that no role wants: one that holds this service's place goes in this turn."""
    digest = codec.digest(service, image, fingerprints)
    here = standing(service, facts.of_services, digest)
    writes = (config_change(config, facts, fingerprints) for config in service.configs)
    configs = [one for one in writes if one]
    secrets = secrets_change(service, facts, fingerprints)
    state = found(here.main, digest, proven=_proven(here.main, facts))
    if here.main and state is not Found.DIFFERENT and _moved(service, here.main):
        state = Found.DIFFERENT
    change, why = TABLE[state]
    if change in {Change.KEEP, Change.WATCH}:
        if secrets is not None:
            change, why = Change.REPLACE, "its secret files are not as wanted"
        elif any(one.config.reload is None for one in configs):
            change, why = Change.REPLACE, "its configuration files are not as wanted"

    main = here.main
    # A container under another name (container_name was changed) is replaced like one in slot 1.
    host, slot = facts.host, (slot_of(service, main.name) or 1) if main else 1
    release = service.release or desired.version
    recipe = Recipe(desired.project, desired.env, release, service, image, digest, slot)
    rivals = [one for one in here.leftovers if not is_leftover(one.name)]
    replaced = change is Change.REPLACE and main is not None
    # With both slots taken (a start-first that was cut off) the other one goes on serving meanwhile.
    serving = any(one.running for one in rivals)
    start_first = service.update.order == "start-first"
    beside = replaced and start_first and not rivals and main is not None and main.running
    evicted = [one for one in orphans if change is Change.CREATE and clash(one, recipe.spec)]

    def gate(container: str) -> Gate:
        return Gate(host, service, container, desired.state_dir)

    steps: list[Step | Gate] = [
        _remove(host, one, f"{one.name}, left by an interrupted run")
        for one in here.leftovers
        if one not in rivals
    ]
    if secrets is not None:
        write = WriteSecrets(service.key, service.secret_dir, service.secrets, secrets)
        steps.append(Step(host, write))
    told = main.id if main and change in {Change.KEEP, Change.WATCH} else ""
    steps += [_config(host, desired.state_dir, service, image, one, told) for one in configs]
    steps += [_remove(host, one, f"{service.key} takes its place") for one in evicted]
    if change is Change.CREATE:
        # A replacement that was killed half-way may be the last to hold the anonymous volumes.
        held = next((one.anonymous for one in here.leftovers if one.anonymous), ())
        steps += [Step(host, Create(recipe, volumes=held)), gate(recipe.spec.name)]
    elif replaced and main:
        steps += replacement(gate, recipe, main, reason(recipe, main, state, why), beside=beside)
    elif main and (configs or rivals or change is Change.WATCH):
        # With a rival: the run that was to judge the new one was cut, and the old one still serves.
        steps.append(replace(gate(main.name), fresh=False))
    steps += [_remove(host, one, f"{one.name}, left in the other slot") for one in rivals]
    if not steps:
        return Kept(host, service.key, why)
    disrupts = (replaced and not beside and not serving) or bool(evicted)
    return Turn(host, tuple(steps), disrupts)


def _proven(main: Container | None, facts: HostFacts) -> bool:
    return main is not None and isinstance(facts.proven, tuple) and main.id in facts.proven


def _moved(service: Service, main: Container) -> bool:
    """Digests are those of slot 1; in slot 2 the port pair counts, too."""
    slot = slot_of(service, main.name)
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
        ),
    )


def _remove(host: str, one: Container, why: str) -> Step:
    grace = one.definition.container.stop_grace_period if one.definition else 10
    return Step(host, Remove(one.name, one.id, f"{one.role}.{one.service}", grace, why))
