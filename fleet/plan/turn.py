"""The turn of one service on one host: which steps bring it from what was found to what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fleet.model import codec
from fleet.model.desired import Desired
from fleet.model.difference import difference
from fleet.model.found import Container, HostFacts
from fleet.model.services import ContainerSpec, Service
from fleet.model.slots import in_slot, slot_of
from fleet.ops.config import WriteConfig
from fleet.ops.containers import Changes, Create, Recipe, Remove, Replace
from fleet.ops.secrets import WriteSecrets
from fleet.plan.decide import TABLE, Change, Found, found
from fleet.plan.files import DirChange, config_change, secrets_change
from fleet.plan.tree import Gate, Kept, Step, Turn


@dataclass(frozen=True, slots=True)
class Standing:
    """Our containers of one service on one host: the one that counts, and leftovers."""

    main: Container | None
    leftovers: tuple[Container, ...] = ()


def standing(service: Service, containers: tuple[Container, ...], digest: str) -> Standing:
    """After an interrupted start-first both slots may run: the one that is as wanted counts."""
    ours = [one for one in containers if (one.role, one.service) == (service.role, service.name)]
    placed = [one for one in ours if slot_of(service, one.name)]
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
    containers = facts.containers if isinstance(facts.containers, tuple) else ()
    here = standing(service, containers, digest)
    writes = (config_change(config, facts, fingerprints) for config in service.configs)
    configs = [one for one in writes if one]
    secrets = secrets_change(service, facts, fingerprints)
    state = found(here.main, digest)
    change, why = TABLE[state]
    if change in {Change.KEEP, Change.WATCH}:
        if secrets is not None:
            change, why = Change.REPLACE, "its secret files are not as wanted"
        elif any(one.config.reload is None for one in configs):
            change, why = Change.REPLACE, "its configuration files are not as wanted"

    main = here.main
    slot = slot_of(service, main.name) if main else 1
    release = service.release or desired.version
    recipe = Recipe(desired.project, desired.env, release, service, image, digest, slot)
    steps: list[Step | Gate] = [
        _remove(facts.host, one, "left over") for one in here.leftovers if not slot_of(service, one.name)
    ]
    rivals = [one for one in here.leftovers if slot_of(service, one.name)]
    if secrets is not None:
        steps.append(
            Step(facts.host, WriteSecrets(service.key, service.secret_dir, service.secrets, secrets))
        )
    reloads = change in {Change.KEEP, Change.WATCH} and main is not None
    for one in configs:
        steps.append(_config(facts.host, service, image, one, main.id if reloads and main else ""))

    evicted = [one for one in orphans if change is Change.CREATE and _clash(one, recipe.spec)]
    steps += [_remove(facts.host, one, f"{service.key} takes its place") for one in evicted]
    if change is Change.CREATE:
        steps.append(Step(facts.host, Create(recipe)))
        steps.append(Gate(facts.host, service, recipe.spec.name))
    elif change is Change.REPLACE and main:
        steps += _replacement(facts.host, recipe, main, state, why)
    elif steps or change is Change.WATCH:
        steps.append(Gate(facts.host, service, main.name if main else "", fresh=False))
    steps += [_remove(facts.host, one, "the other slot's, not needed") for one in rivals if one is not main]
    if not steps:
        return Kept(facts.host, service.key, why)
    stops = change is Change.REPLACE and service.update.order == "stop-first"
    return Turn(facts.host, tuple(steps), disrupts=stops or bool(evicted))


def _clash(orphan: Container, spec: ContainerSpec) -> bool:
    """Would the two want the same name or the same port?"""
    held = {port.published for port in orphan.definition.container.ports} if orphan.definition else set()
    return orphan.name == spec.name or any(port.published and port.published in held for port in spec.ports)


def _replacement(host: str, recipe: Recipe, main: Container, state: Found, why: str) -> list[Step | Gate]:
    service = recipe.service
    old = main.definition
    changes: Changes = ()
    if old is not None and state is Found.DIFFERENT:
        changes = difference(old.container, service.container)
        if main.image != recipe.image and not any(name == "image" for name, _, _ in changes):
            changes = (("image", main.image, recipe.image), *changes)
        why = summary(changes) or "its configuration or secrets changed"
    elif state is Found.DIFFERENT:
        why = "it was made by another version of Fleet"
    elif state is Found.ALTERED:
        why = f"{why}: {'; '.join(main.altered)}"
    elif state is Found.STOPPED:
        why = f"{why}: {main.state}, exit code {main.exit_code}"
    grace = old.container.stop_grace_period if old else service.container.stop_grace_period
    if service.update.order == "start-first" and main.running:
        beside = replace(recipe, slot=3 - recipe.slot)
        return [
            Step(host, Create(beside, main.name)),
            Gate(host, service, beside.spec.name),
            Step(host, Remove(main.name, main.id, service.key, grace, f"replaced by {beside.spec.name}")),
        ]
    return [
        Step(host, Replace(recipe, main.id, grace, why, changes, main.anonymous)),
        Gate(host, service, in_slot(service, recipe.slot).name),
    ]


def summary(changes: Changes) -> str:
    """The image first, then how much else: ``image v41 → v42, 2 more``."""
    if not changes:
        return ""
    ordered = sorted(changes, key=lambda change: change[0] != "image")
    name, old, new = ordered[0]
    if name == "image":
        first = f"image {old.rpartition(':')[2][:19]} → {new.rpartition(':')[2][:19]}"
    else:
        first = name
    rest = [change[0] for change in ordered[1:]]
    return ", ".join([first, *rest[:2], *([f"{len(rest) - 2} more"] if len(rest) > 2 else [])])


def _config(host: str, service: Service, image: str, change: DirChange, reload: str) -> Step:
    container = service.container
    return Step(
        host,
        WriteConfig(
            key=service.key,
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
