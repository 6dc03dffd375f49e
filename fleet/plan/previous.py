"""What the hosts of a run ran before it, as a wish: going back is one more plan."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import replace

from fleet.model.desired import Desired, HostState
from fleet.model.found import Container, Facts, FoundDir, HostFacts
from fleet.model.images import ImageRef
from fleet.model.services import ConfigDir, ConfigFile, Service
from fleet.ops.containers import NEXT


def previous(desired: Desired, before: Facts, hosts: Collection[str]) -> Desired:
    """The state of ``hosts`` as ``before`` saw it, made from the definitions that containers carry.

    Images are named by digest, configuration is what lay on the host. A service that was not there
    is not in the result, so that the planner removes it again.
    """
    states = tuple(
        HostState(
            state.host,
            tuple(_services(state, before.hosts[state.host])),
            state.networks,
            state.volumes,
        )
        for state in desired.hosts
        if state.host in hosts
    )
    versions = {
        one.release
        for state in states
        for one in _containers(before.hosts[state.host])
        if one.release and not (desired.selected and one.role not in desired.selected)
    }
    return replace(desired, hosts=states, version=" and ".join(sorted(versions)) or "nothing")


def _services(state: HostState, facts: HostFacts) -> Iterator[Service]:
    order = {(one.role, one.name): index for index, one in enumerate(state.services)}
    found: dict[tuple[str, str], Service] = {}
    for one in sorted(_containers(facts), key=lambda one: one.running):
        # A stopped one comes back running: of the two ways to be wrong, removing it loses more.
        if one.definition is not None and not one.name.endswith(NEXT):
            found[one.role, one.service] = _service(one, one.definition, facts)
    yield from sorted(found.values(), key=lambda one: order.get((one.role, one.name), len(order)))


def _service(one: Container, service: Service, facts: HostFacts) -> Service:
    ref = ImageRef.parse(service.container.image)
    digest = one.image.partition("@")[2]
    image = str(replace(ref, digest=digest)) if digest else one.image or service.container.image
    dirs = facts.dirs if isinstance(facts.dirs, dict) else {}
    configs = tuple(_config(config, dirs.get(config.directory)) for config in service.configs)
    return replace(
        service,
        container=replace(service.container, image=image),
        configs=configs,
        release=one.release,
    )


def _config(config: ConfigDir, found: FoundDir | None) -> ConfigDir:
    """As it lay on the host; what may not be read there is as the definition says."""
    here = {file.name: file for file in found.files} if found else {}
    files = []
    for file in config.files:
        seen = here.get(file.name)
        whole = seen is not None and seen.content is not None and _sha(seen.content) == seen.sha256
        if seen and seen.content is not None and whole and isinstance(file.content, str):
            files.append(ConfigFile(file.name, seen.content, seen.mode))
        else:
            files.append(file)
    return replace(config, files=tuple(files))


def _sha(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _containers(facts: HostFacts) -> tuple[Container, ...]:
    return facts.containers if isinstance(facts.containers, tuple) else ()
