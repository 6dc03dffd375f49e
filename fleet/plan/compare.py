"""What differs between two recorded releases, told once for all hosts on which it is the same."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from fleet.model import codec
from fleet.model.desired import HostState, Role
from fleet.model.difference import difference
from fleet.model.images import ImageRef
from fleet.model.jobs import Job
from fleet.model.releases import Record
from fleet.model.services import ConfigDir, Service
from fleet.plan.tasks.compare import task_changes


@dataclass(frozen=True, slots=True)
class Change:
    """``subject``: ``web.app``, ``job web.migrate``, ``role web`` or ``hosts``; ``what`` of it, such as
    ``environment.LEVEL``; empty: all of it. ``old`` or ``new`` is empty where there is nothing on that side;
    ``lines``: a unified difference. Secrets are shown as references."""

    subject: str
    what: str = ""
    old: str = ""
    new: str = ""
    hosts: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def compare(old: Record, new: Record) -> tuple[Change, ...]:
    """Hosts first, then roles, then what each service and job is."""
    before = {state.host: state for state in old.desired.hosts}
    after = {state.host: state for state in new.desired.hosts}
    both = [host for host in after if host in before]
    return tuple(folded([
        *_by_name("hosts", _carried(before), _carried(after)),
        *_roles(old.desired.roles, new.desired.roles),
        *(replace(one, hosts=(host,)) for host in both for one in _state(before[host], after[host])),
        *(replace(one, hosts=(host,)) for host in both for one in _marks(old, new, host)),
    ]))  # fmt: skip


def image_text(image: str) -> str:
    """``shop:v42 (ab12cd34ef56)``: the tag for people, the digest for certainty."""
    ref = ImageRef.parse(image)
    tagged = replace(ref, digest="").short if ref.tag else ref.name
    return f"{tagged} ({ref.digest.partition(':')[2][:12]})" if ref.digest else tagged


def with_image_text(service: Service) -> Service:
    return replace(service, container=replace(service.container, image=image_text(service.container.image)))


def folded(changes: Iterable[Change]) -> list[Change]:
    """Equal ones as one, those of a subject and its hosts together, as the first of them came."""
    hosts: dict[Change, list[str]] = {}
    for change in changes:
        hosts.setdefault(replace(change, hosts=()), []).extend(change.hosts)
    found = [replace(change, hosts=tuple(names)) for change, names in hosts.items()]
    subjects = list(dict.fromkeys(one.subject for one in found))
    groups = list(dict.fromkeys(one.hosts for one in found))
    return sorted(found, key=lambda one: (subjects.index(one.subject), groups.index(one.hosts)))


def _carried(states: Mapping[str, HostState]) -> dict[str, str]:
    """Host → the roles that it carries."""
    return {
        host: ", ".join(dict.fromkeys(service.role for service in state.services))
        for host, state in states.items()
    }


def _by_name(subject: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    """What is on one side only."""
    for name in old:
        if name not in new:
            yield Change(subject, old=f"{name} ({old[name]})" if old[name] else name)
    for name in new:
        if name not in old:
            yield Change(subject, new=f"{name} ({new[name]})" if new[name] else name)


def _roles(old: Iterable[Role], new: Iterable[Role]) -> Iterator[Change]:
    before = {role.name: role for role in old}
    for role in new:
        if role.name in before:
            # Their hosts and services are told as such.
            left = replace(before[role.name], hosts=role.hosts, services=role.services)
            yield from _settings(f"role {role.name}", left, role)


def _state(old: HostState, new: HostState) -> Iterator[Change]:
    yield from _services(old.services, new.services)
    before, after = ({one.key: one for one in state.jobs} for state in (old, new))
    for key in dict.fromkeys([*before, *after]):
        yield from _job(f"job {key}", before.get(key), after.get(key))
    for subject, what, before_it, after_it, lines in task_changes(old, new):
        yield Change(subject, what, before_it, after_it, lines=lines)
    for kind, one, two in (
        ("network", old.networks, new.networks),
        ("volume", old.volumes, new.volumes),
    ):
        yield from _by_name(kind, {place.name: "" for place in one}, {place.name: "" for place in two})


def _services(old: Iterable[Service], new: Iterable[Service]) -> Iterator[Change]:
    before, after = ({one.key: one for one in services} for services in (old, new))
    for key in dict.fromkeys([*before, *after]):
        if key not in after:
            yield Change(key, old=image_text(before[key].container.image))
        elif key not in before:
            yield Change(key, new=image_text(after[key].container.image))
        else:
            yield from _service(key, before[key], after[key])


def _service(key: str, old: Service, new: Service) -> Iterator[Change]:
    one, two = with_image_text(old), with_image_text(new)
    for field, before, after in difference(one.container, two.container):
        yield Change(key, field, before, after)
    secrets = ({file.name: str(file.content) for file in service.secrets} for service in (old, new))
    yield from _by_key(key, "secrets", *secrets)
    yield from _configs(key, old.configs, new.configs)
    rest = replace(
        old,
        container=new.container,
        secrets=new.secrets,
        configs=new.configs,
        secret_dir=new.secret_dir,
        release=new.release,
    )
    yield from _settings(key, rest, new)


def _configs(key: str, old: Iterable[ConfigDir], new: Iterable[ConfigDir]) -> Iterator[Change]:
    before, after = ({one.directory: one for one in configs} for configs in (old, new))
    for directory in dict.fromkeys([*before, *after]):
        one, two = before.get(directory), after.get(directory)
        files = (
            {f.name: (f.mode, str(f.content)) for f in side.files} if side else {} for side in (one, two)
        )
        yield from _files(key, directory, *files)
        if one and two:
            yield from _settings(key, replace(one, files=two.files), two, f"{directory} ")


def _files(
    key: str, directory: str, old: Mapping[str, tuple[str, str]], new: Mapping[str, tuple[str, str]]
) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        (mode, text), (new_mode, new_text) = old.get(name, ("", "")), new.get(name, ("", ""))
        path = f"{directory}/{name}"
        if (mode, text) != (new_mode, new_text):
            lines = difflib.unified_diff(text.splitlines(), new_text.splitlines(), lineterm="", n=2)
            changed = mode != new_mode
            yield Change(key, path, mode * changed, new_mode * changed, lines=tuple(lines)[2:])


def _job(subject: str, old: Job | None, new: Job | None) -> Iterator[Change]:
    if old and new:
        yield from _settings(subject, old, new)
    else:
        yield Change(subject, "", _command(old), _command(new))


def _command(job: Job | None) -> str:
    return (_shown(job.command or job.entrypoint) or "as its image says") if job else ""


def _settings(subject: str, old: Any, new: Any, prefix: str = "") -> Iterator[Change]:
    """Two values of one kind, field by field."""
    for field in fields(new):
        one, two = getattr(old, field.name), getattr(new, field.name)
        if not field.compare or one == two:
            continue
        if is_dataclass(two) and type(one) is type(two):
            yield from _settings(subject, one, two, f"{prefix}{field.name}.")
        else:
            yield Change(subject, f"{prefix}{field.name}", _shown(one), _shown(two))


def _by_key(subject: str, what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield Change(subject, f"{what}.{name}", old.get(name, ""), new.get(name, ""))


def _marks(old: Record, new: Record, host: str) -> Iterator[Change]:
    """Secrets that had another value."""
    before, after = old.marks.get(host, {}), new.marks.get(host, {})
    for ref in sorted(before.keys() & after.keys()):
        if before[ref] != after[ref]:
            yield Change("secrets", ref, "one value", "another")


def _shown(value: Any) -> str:
    """Words as they are written, all else as JSON."""
    if value is None or value in ((), ""):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        return " ".join(value)
    return codec.canonical(codec.dump(value))
