"""Where hosts are not as the last release left them, field by field: from its record and the facts alone."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from fleet.model.desired import Desired, HostState
from fleet.model.difference import difference
from fleet.model.found import Container, Facts, FoundDir, FoundFile, HostFacts, Unknown
from fleet.model.images import ImageRef
from fleet.model.services import ConfigDir, ConfigFile, Service
from fleet.model.tasks import task_dir
from fleet.plan.compare import Change, folded, image_text, with_image_text
from fleet.plan.files import seal, secrets_change
from fleet.plan.tasks.drift import task_drift
from fleet.secret import refs_of

Marks = Mapping[str, str]
"""Secret reference → fingerprint that its value had when it was deployed, under the host's key."""
AS = "as deployed"


def drift(desired: Desired, marks: Mapping[str, Marks], facts: Facts) -> tuple[Change, ...]:
    """``old`` is as it was deployed, ``new`` as it was found; equal changes of several hosts are one."""
    return tuple(
        folded(
            replace(change, hosts=(state.host,))
            for state in desired.hosts
            if state.host in facts.hosts
            for change in _host(desired, state, facts.hosts[state.host], marks.get(state.host, {}))
        )
    )


def _host(desired: Desired, state: HostState, host: HostFacts, marks: Marks) -> Iterator[Change]:
    for fact in (host.engine, host.containers):
        if isinstance(fact, Unknown):
            yield Change("not known", fact.reason)
            return
    found: dict[str, list[Container]] = {}
    for one in host.of_services:
        if not desired.selected or one.role in desired.selected:
            found.setdefault(f"{one.role}.{one.service}", []).append(one)
    for service in state.services:
        yield from _service(service, found.pop(service.key, []), host, marks)
    for key, left in found.items():
        yield from (Change(key, new=f"{_image(one)}, which was not deployed") for one in left)
    for kind, places, there in (
        ("network", state.networks, host.networks),
        ("volume", state.volumes, host.volumes),
    ):
        if not isinstance(there, Unknown):
            yield from (Change(kind, old=place.name) for place in places if place.name not in there)
    directory = task_dir(desired.state_dir, desired.project, desired.env)
    for subject, what, old, new, lines in task_drift(state, host, marks, directory):
        yield Change(subject, what, old, new, lines=lines)


def _service(service: Service, found: list[Container], host: HostFacts, marks: Marks) -> Iterator[Change]:
    """Of several containers the one that runs what was deployed is the service's."""
    found = sorted(
        found, key=lambda one: (_image(one) != image_text(service.container.image), not one.running)
    )
    if not found:
        yield Change(service.key, old=image_text(service.container.image))
    for one in found[:1]:
        yield from _container(service, one)
    for one in found[1:]:
        yield Change(service.key, "another container", new=f"{one.name}, {_image(one)}, {one.state}")
    for config in service.configs:
        yield from _config(service.key, config, host, marks)
    yield from _secrets(service, host, marks)


def _container(service: Service, one: Container) -> Iterator[Change]:
    key = service.key
    if one.definition is None:
        yield Change(key, "what it was made from", new="cannot be read from its label")
    else:
        made = replace(one.definition.container, image=_image(one))
        for field, old, new in difference(with_image_text(service).container, made):
            yield Change(key, field, old, new)
    for text in one.altered:
        field, _, values = text.partition(": ")
        old, _, new = values.partition(" → ")
        yield Change(key, field, old, new)
    if not one.running:
        yield Change(key, "state", "running", f"{one.state} (exit code {one.exit_code})")
    elif one.health == "unhealthy":
        yield Change(key, "health", "healthy", one.health)


def _image(one: Container) -> str:
    """By the tag that it was deployed by, and the digest that it was made from."""
    digest = ImageRef.parse(one.image).digest if one.image else ""
    if one.definition is None:
        return one.image or one.release
    return image_text(str(replace(ImageRef.parse(one.definition.container.image), digest=digest)))


def _config(key: str, config: ConfigDir, host: HostFacts, marks: Marks) -> Iterator[Change]:
    if isinstance(host.dirs, Unknown):
        yield Change(key, config.directory, AS, f"not known: {host.dirs.reason}")
        return
    here = host.dirs.get(config.directory, FoundDir(config.directory, exists=False))
    sealed = {} if isinstance(host.sealed, Unknown) else host.sealed.get(config.directory, {})
    by_name = {file.name: file for file in here.files}
    for file in config.files:
        path = f"{config.directory}/{file.name}"
        if file.name in by_name:
            yield from _file(key, config, file, by_name[file.name], sealed.get(file.name, ""), marks)
        else:
            yield Change(key, path, old="there")
    wanted = {file.name for file in config.files}
    for found in here.files:
        if found.ours and found.name not in wanted:
            yield Change(key, f"{config.directory}/{found.name}", new="there")


def _file(
    key: str, config: ConfigDir, file: ConfigFile, found: FoundFile, mark: str, marks: Marks
) -> Iterator[Change]:
    path = f"{config.directory}/{file.name}"
    owner = f"{config.uid}:{config.gid}"
    if found.mode != file.mode:
        yield Change(key, f"{path} mode", file.mode, found.mode)
    if found.owner != owner:
        yield Change(key, f"{path} owner", owner, found.owner)
    if not isinstance(file.content, str):
        known = all(str(ref) in marks for ref in refs_of(file.content))
        if known and mark != seal(file.content, owner, file.mode, marks):
            yield Change(key, path, AS, "changed; it holds secrets and is not shown")
    elif found.sha256 != hashlib.sha256(file.content.encode()).hexdigest():
        if found.content is None:
            yield Change(key, path, AS, "changed; it is not shown")
            return
        lines = difflib.unified_diff(file.content.splitlines(), found.content.splitlines(), lineterm="", n=2)
        yield Change(key, path, lines=tuple(lines)[2:] or ("  the last line's end",))


def _secrets(service: Service, host: HostFacts, marks: Marks) -> Iterator[Change]:
    if not service.secrets:
        return
    if isinstance(host.sealed, Unknown):
        yield Change(service.key, "secret files", AS, f"not known: {host.sealed.reason}")
    elif not host.sealed.get(service.secret_dir):
        yield Change(service.key, "secret files", old="there (a reboot removes them: deploy again)")
    elif all(str(ref) in marks for file in service.secrets for ref in refs_of(file.content)) and (
        secrets_change(service, host, marks)
    ):
        yield Change(service.key, "secret files", AS, "changed")
