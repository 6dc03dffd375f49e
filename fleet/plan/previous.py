"""What the hosts of a run ran before it, as a wish: going back is one more plan.

It is made from what the containers' labels say, and a label is the word of the host that it lies on.
So it may ask for nothing on the controller: no secret that today's roles do not give to that host,
and no check that runs here unless today's roles have it, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import replace

from fleet.model.desired import Desired, HostState
from fleet.model.found import Container, Facts, FoundDir, HostFacts
from fleet.model.images import ImageRef
from fleet.model.refs import all_refs
from fleet.model.services import ConfigDir, ConfigFile, Service
from fleet.ops.containers import is_leftover
from fleet.plan.trusted import controller_checks, trusted


def previous(desired: Desired, before: Facts, hosts: Collection[str]) -> Desired:
    """The state of ``hosts`` as ``before`` saw it.

    Images are named by digest, configuration is what lay on the host. A service that was not there is
    not in the result, so that the planner removes it again; one that was there and cannot be made again
    is to be spared, or :func:`lost`.
    """
    states = tuple(
        _state(desired, state, before.hosts[state.host]) for state in desired.hosts if state.host in hosts
    )
    return replace(
        desired,
        hosts=states,
        version=_name(desired, states),
        remove_orphans=True,
        undo=(),
        trial={},
        # They are written for the new version.
        tested=(),
    )


def _state(desired: Desired, state: HostState, facts: HostFacts) -> HostState:
    """A volume whose service ran elsewhere before is not wanted here."""
    services = tuple(_services(desired, state, facts))
    mounted = {mount.source for one in services for mount in one.container.mounts if mount.type == "volume"}
    known = {volume.name: volume for one in (*desired.hosts, state) for volume in one.volumes}
    volumes = tuple(volume for name, volume in known.items() if name in mounted)
    # What tasks found before them, nobody knows any more.
    return replace(state, services=services, volumes=volumes, jobs=(), tasks=(), handlers=())


def _name(desired: Desired, states: tuple[HostState, ...]) -> str:
    """What to call it: the release of the services whose image is another one now."""
    now = {(state.host, one.key): one.container.image for state in desired.hosts for one in state.services}
    releases = {
        one.release
        for state in states
        for one in state.services
        if one.release and one.container.image.partition("@")[0] != now.get((state.host, one.key))
    }
    return " and ".join(sorted(releases)) or "what ran before"


def lost(back: Desired, before: Facts, now: Facts) -> Iterator[str]:
    """Containers that were there, are gone by now and are not to come ``back``, in words."""
    for state, one in _missing(back, before, now):
        if one.id not in {other.id for other in _containers(now.hosts[state.host])}:
            yield f"{state.host}: {one.name}"


def instead(back: Desired, before: Facts, now: Facts) -> Iterator[str]:
    """Ids of what took the place of a container that does not come ``back``: better than nothing there."""
    for state, gone in _missing(back, before, now):
        for one in _containers(now.hosts[state.host]):
            if (one.role, one.service) == (gone.role, gone.service):
                yield one.id


def _missing(back: Desired, before: Facts, now: Facts) -> Iterator[tuple[HostState, Container]]:
    for state in back.hosts:
        if state.host in now.hosts:
            coming = {(one.role, one.name) for one in state.services}
            for one in _containers(before.hosts[state.host]):
                if (one.role, one.service) not in coming:
                    yield state, one


def _services(desired: Desired, state: HostState, facts: HostFacts) -> Iterator[Service]:
    order = {(one.role, one.name): index for index, one in enumerate(state.services)}
    found: dict[tuple[str, str], Service] = {}
    # A stopped one comes back running: of the two ways to be wrong, removing it loses more. With two of
    # them, the one that served counts: it had passed its gate.
    proven = facts.proven if isinstance(facts.proven, tuple) else ()
    for one in sorted(_containers(facts), key=lambda one: (one.running, one.id in proven)):
        service = _service(desired, state, facts, one)
        if service is not None:
            found[one.role, one.service] = service
    yield from sorted(found.values(), key=lambda one: order.get((one.role, one.name), len(order)))


def _service(desired: Desired, state: HostState, facts: HostFacts, one: Container) -> Service | None:
    service = one.definition
    if service is None or (service.role, service.name) != (one.role, one.service):
        return None
    if not all_refs(service) <= all_refs(state):
        return None
    ref = ImageRef.parse(service.container.image)
    digest = one.image.partition("@")[2]
    image = str(replace(ref, digest=digest)) if digest else one.image or service.container.image
    dirs = facts.dirs if isinstance(facts.dirs, dict) else {}
    return replace(
        service,
        container=replace(service.container, image=image),
        configs=tuple(_config(config, dirs.get(config.directory)) for config in service.configs),
        gate=trusted(service.gate, controller_checks(desired)),
        release=one.release,
    )


def _config(config: ConfigDir, found: FoundDir | None) -> ConfigDir:
    """As it lay on the host: the label is as old as the container, and a reload may have come since.
    What may not be read there is as the label says."""
    labelled = {file.name: file for file in config.files}
    seen = {file.name: file for file in found.files if file.ours} if found else {}
    files = []
    for name in seen or labelled:
        file, old = seen.get(name), labelled.get(name)
        whole = file is not None and file.content is not None and _sha(file.content) == file.sha256
        if file and file.content is not None and whole and (old is None or isinstance(old.content, str)):
            files.append(ConfigFile(name, file.content, file.mode))
        elif old is not None:
            files.append(old)
    return replace(config, files=tuple(files))


def _sha(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _containers(facts: HostFacts) -> tuple[Container, ...]:
    return tuple(one for one in facts.of_services if not is_leftover(one.name))
