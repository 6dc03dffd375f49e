"""What must be true before a plan may run: checks over the plan and the facts, nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from fleet.model.desired import Desired, HostState, Role
from fleet.model.found import Container, Facts, HostFacts, Unknown
from fleet.model.images import ImageRef
from fleet.model.services import Service
from fleet.model.slots import in_slot
from fleet.ops.containers import Create, Recipe, Replace, is_leftover
from fleet.plan import images as image_facts
from fleet.plan.orphans import clash, orphans
from fleet.plan.tree import Finding, Phase, Rollout, Step

SCARCE = 1_000_000_000
"""Bytes; an image of the usual size with its unpacked layers."""

NAMED = 5
"""Hosts that one message names."""

HINTS = {
    "docker is not installed": "install Docker there",
    "the Docker Engine does not run": "start it there: systemctl start docker",
    "no right to use Docker": "set ansible_become: true, or put the login user into the group docker",
    "what host tasks need: the login user is not root": "set ansible_become: true",
    "the state directory": "let the login user write it (ansible_become: true), or set fleet_state_dir",
    "snapshots: the record": "mend its file in {state_dir}/snapshots, or remove it: that snapshot is then "
    "none any more",
}


def readable(desired: Desired, facts: Facts) -> Iterator[Finding]:
    """Ignorance is refused: no step may rest on a fact that could not be read."""
    for state in desired.hosts:
        host = facts.hosts[state.host]
        if isinstance(host.engine, Unknown):
            yield Finding(True, host.engine.reason, _hint(host.engine.reason), state.host)
            continue
        for field in dataclasses.fields(HostFacts):
            value = getattr(host, field.name)
            if isinstance(value, Unknown):
                yield Finding(True, f"cannot read {value.reason}", _hint(value.reason), state.host)


def _hint(reason: str) -> str:
    return next((hint for beginning, hint in HINTS.items() if reason.startswith(beginning)), "")


def images(desired: Desired, facts: Facts) -> Iterator[Finding]:
    for state in desired.hosts:
        for service in state.services:
            image = service.container.image
            host = facts.hosts[state.host]
            if image_facts.reference(service, facts, host) is None:
                yield Finding(
                    True,
                    f"{service.key}: image {image} is not on the host, and no registry was asked for it",
                    f"pull_policy is {service.pull_policy}; bring the image to the host or change that",
                    state.host,
                )


def gone(desired: Desired, facts: Facts) -> Iterator[Finding]:
    """A release can outlive its images in the registry; some hosts may still have them."""
    missing = image_facts.to_find(desired, facts)
    for image, why in facts.gone.items():
        lack = missing.get(image, ())
        have = [state.host for state in desired.hosts if state.host not in lack and _wants(state, image)]
        if lack:
            ref = ImageRef.parse(image)
            still = f"{_names(have)} still {'has' if len(have) == 1 else 'have'} it, " if have else ""
            do = "does" if len(lack) == 1 else "do"
            what = f"{ref.short} ({ref.digest[:19]}…) {why}; {still}{_names(lack)} {do} not"
            # Not "docker save | docker load": the engine forgets the digest on that way.
            hint = f"push it again from {have[0]} (docker push)" if have else "push it again"
            yield Finding(True, f"{what}{'' if have else ' have it'}", f"{hint}, or choose another release")


def _wants(state: HostState, image: str) -> bool:
    return any(service.container.image == image for service in state.services)


def _names(hosts: Sequence[str]) -> str:
    """``web-1, web-2 and web-3``; of many the first and how many more."""
    shown = list(hosts) if len(hosts) <= NAMED else [*hosts[: NAMED - 1], f"{len(hosts) - NAMED + 1} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def room(facts: Facts, pulls: Sequence[Phase]) -> Iterator[Finding]:
    """A full disk in the middle of a pull fails the run; that it is nearly full can be told before."""
    for turn in (turn for phase in pulls for turn in phase.turns):
        engine = facts.hosts[turn.host].engine
        if not isinstance(engine, Unknown) and 0 <= engine.free_bytes < SCARCE:
            free = f"{engine.free_bytes / 1e6:.0f} MB free in {engine.root_dir}"
            yield Finding(False, f"{free}, and images are to be pulled", "docker image prune", turn.host)


def rollouts(desired: Desired, facts: Facts, stages: Sequence[Rollout]) -> Iterator[Finding]:
    yield from _minimum(desired, stages)
    yield from _taken(desired, facts, stages)
    yield from _external(desired, facts)


def healthy_hosts(role: Role, facts: Facts) -> Iterator[str]:
    """Hosts on which something of the role runs and nothing of it is down. A service that is yet to come
    does not count: it cannot be taken away."""
    for name in role.hosts:
        host = facts.hosts.get(name)
        if host is None or isinstance(host.containers, Unknown):
            continue
        ours = [one for one in host.of_services if one.role == role.name and _service(one) in role.services]
        ours = [one for one in ours if not is_leftover(one.name)]
        if ours and all(_up(one.state, one.health) for one in ours):
            yield name


def _service(one: Container) -> str:
    return one.definition.base if one.definition else one.service


def _up(state: str, health: str) -> bool:
    return state == "running" and health in {"", "healthy"}


def _minimum(desired: Desired, stages: Sequence[Rollout]) -> Iterator[Finding]:
    """No batch may take so many healthy hosts that fewer than ``min_healthy`` stay. A batch that was
    carried out counts as healthy for the next: if it is not, the run does not get there."""
    roles = {role.name: role for role in desired.roles}
    for stage in stages:
        healthy = set(stage.healthy)
        for number, batch in enumerate(stage.batches, 1):
            taken = {turn.host for turn in batch if turn.disrupts} & healthy
            stay = len(healthy - taken)
            healthy |= {turn.host for turn in batch}
            if taken and stay < stage.min_healthy:
                yield Finding(
                    True,
                    f"batch {number} of {stage.service} takes {', '.join(sorted(taken))}: {stay} healthy "
                    f"{'host' if stay == 1 else 'hosts'} would be left of role {stage.role}, "
                    f"min_healthy is {roles[stage.role].min_healthy}",
                    "make the batches smaller, use order: start-first, or bring more hosts to health first",
                )


def _taken(desired: Desired, facts: Facts, stages: Sequence[Rollout]) -> Iterator[Finding]:
    """Ports and names that something else holds."""
    for stage in stages:
        for turn in stage.turns:
            host = facts.hosts[turn.host]
            for step in turn.steps:
                if isinstance(step, Step) and isinstance(step.op, (Create, Replace)):
                    recipe = step.op.recipe
                    yield from conflicts(recipe.service, recipe.slot, host)
                    yield from _held(desired, step.op.recipe, host)
                if isinstance(step, Step) and isinstance(step.op, Create) and step.op.left:
                    places = ", ".join(place for _, place in step.op.left)
                    what = f"{stage.service}: the anonymous volume at {places} stays with the old container"
                    yield Finding(False, what, "name it under volumes:, or use order: stop-first", turn.host)


def conflicts(service: Service, slot: int, host: HostFacts) -> Iterator[Finding]:
    """Ports and the name that others have, who are not of this project and environment."""
    spec = in_slot(service, slot)
    ours = {one.name for one in host.containers} if isinstance(host.containers, tuple) else set()
    ports = {} if isinstance(host.ports, Unknown) else host.ports
    for port in spec.ports:
        if port.host_ip:
            continue  # The same port may be free on this address; starting will tell.
        holder = ports.get(port.published, "") if port.protocol == "tcp" else ""
        if holder and holder.removeprefix("container ") not in ours:
            yield Finding(
                True,
                f"{service.key}: port {port.published} is taken by {holder}",
                "stop it, or publish another port",
                host.host,
            )
    foreign = () if isinstance(host.foreign_names, Unknown) else host.foreign_names
    if spec.name in foreign:
        yield Finding(
            True,
            f"{service.key}: the name {spec.name} is taken by a container that Fleet did not make",
            f"look at it (docker inspect {spec.name}), then rename or remove it",
            host.host,
        )


def _held(desired: Desired, recipe: Recipe, host: HostFacts) -> Iterator[Finding]:
    """The place of an orphan that stays."""
    state = next(state for state in desired.hosts if state.host == host.host)
    for one in () if desired.remove_orphans else orphans(desired, state, host):
        if clash(one, recipe.spec):
            what = f"{recipe.service.key}: its name or port is held by {one.role}.{one.service}"
            yield Finding(
                True,
                f"{what}, which no role of this host has",
                "inv deploy --remove-orphans removes it",
                host.host,
            )


def _external(desired: Desired, facts: Facts) -> Iterator[Finding]:
    for state in desired.hosts:
        host = facts.hosts[state.host]
        for kind, wanted, found in (
            ("network", state.networks, host.networks),
            ("volume", state.volumes, host.volumes),
        ):
            for place in wanted:
                if place.external and not isinstance(found, Unknown) and place.name not in found:
                    yield Finding(
                        True,
                        f"external {kind} {place.name} is not on the host",
                        f"docker {kind} create {place.name}, or drop 'external'",
                        state.host,
                    )
