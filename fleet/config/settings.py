"""The ``fleet_…`` variables of the inventory that are not about one service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import PydanticCustomError

from fleet.config.roles.scalars import duration
from fleet.errors import ConfigError, ConfigErrors
from fleet.model.hosts import Host
from fleet.model.images import ImageRef
from fleet.ops.effects import RegistryAuth
from fleet.secret import Hole, SealedText, SecretRef, Text
from fleet.suggest import suggest

STATE_DIR = "/var/lib/fleet"
PROFILES = "fleet_profiles"
PARALLEL = 32
PULL_PARALLEL = 8
LEASE_SECONDS = 60
SHORTEST_LEASE = 5

_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")


def project_name(hosts: Iterable[Host], directory: str) -> str:
    """``fleet_project``, else the directory's name with what a container's name cannot hold left out."""
    name = setting(hosts, "fleet_project", "")
    if not name:
        return re.sub(r"[^a-z0-9_-]", "", directory.lower()).lstrip("_-") or "fleet"
    if not isinstance(name, str) or not _PROJECT.fullmatch(name):
        hint = "lower-case letters, digits, '-' and '_', beginning with a letter or digit"
        raise _wrong(hosts, "fleet_project", f"{name!r} cannot be a part of names", hint)
    return name


def state_dir(hosts: Iterable[Host]) -> str:
    """``fleet_state_dir``: where a host keeps Fleet's own files."""
    path = setting(hosts, "fleet_state_dir", STATE_DIR)
    if not isinstance(path, str) or not path.startswith("/"):
        raise _wrong(hosts, "fleet_state_dir", f"{path!r} is not an absolute path")
    return path.rstrip("/")


def parallel(hosts: Iterable[Host]) -> int:
    """``fleet_parallel``: hosts worked on at once."""
    return _count(hosts, "fleet_parallel", PARALLEL)


def pull_parallel(hosts: Iterable[Host]) -> int:
    """``fleet_pull_parallel``: hosts that pull at once."""
    return _count(hosts, "fleet_pull_parallel", PULL_PARALLEL)


def volume_image(hosts: Iterable[Host]) -> str:
    """``fleet_volume_image``: the helper that moves volumes; empty: there is none."""
    image = setting(hosts, "fleet_volume_image", "")
    try:
        if image:
            ImageRef.parse(str(image))
    except ValueError as error:
        raise _wrong(hosts, "fleet_volume_image", str(error)) from error
    return str(image)


def volume_keep(hosts: Iterable[Host]) -> float:
    """``fleet_volume_keep``: seconds after which a prune removes what a move has left; 0: never."""
    value = setting(hosts, "fleet_volume_keep", 0)
    try:
        return duration(value)
    except PydanticCustomError as error:
        raise _wrong(hosts, "fleet_volume_keep", error.message()) from error


def lease_seconds(hosts: Iterable[Host]) -> int:
    """``fleet_lease_seconds``: how long a run that gives no sign any more keeps others out."""
    seconds = setting(hosts, "fleet_lease_seconds", LEASE_SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < SHORTEST_LEASE:
        raise _wrong(hosts, "fleet_lease_seconds", f"{seconds!r} is not a number of seconds from 5")
    return seconds


def ledger(hosts: Sequence[Host]) -> str:
    """``fleet_ledger``: the host that keeps releases and lease; else the first one of the environment."""
    name = setting(hosts, "fleet_ledger", "")
    names = [host.name for host in hosts]
    if not names:
        raise ConfigError(
            "this environment has no hosts", hint="name them in hosts.yml, below all: or a group"
        )
    if not name:
        return names[0]
    if name not in names:
        what = f"{name!r} is no host of this environment{suggest(str(name), names)}"
        raise _wrong(hosts, "fleet_ledger", what)
    return str(name)


def registries(hosts: Iterable[Host]) -> Mapping[str, RegistryAuth]:
    """``fleet_registries`` of all hosts: registry (``host:port``) → credentials.

    Raises ConfigErrors: wrong shape, or two hosts that name different credentials for one registry.
    """
    found: dict[str, RegistryAuth] = {}
    errors: list[ConfigError] = []
    for host in hosts:
        entries = host.vars.get("fleet_registries") or {}
        if not isinstance(entries, Mapping):
            entries = {"": entries}
        for registry, entry in entries.items():
            problem = _registry_problem(registry, entry)
            if problem:
                errors.append(ConfigError(f"fleet_registries: {problem}", at=host.at("fleet_registries")))
                continue
            auth = RegistryAuth(_text(entry["username"]), _text(entry["password"]))
            if found.setdefault(registry, auth) != auth:
                what = f"fleet_registries: {registry!r} has other credentials on host {host.name!r}"
                errors.append(ConfigError(what, at=host.at("fleet_registries")))
    if errors:
        raise ConfigErrors({(error.at, error.what): error for error in errors}.values())
    return found


def _registry_problem(registry: Any, entry: Any) -> str:
    if not isinstance(registry, str) or not registry or not isinstance(entry, Mapping):
        return "must be a mapping of registry to {username, password}"
    keys = ("username", "password")
    for key in entry:
        if key not in keys:
            return f"unknown key {key!r} of {registry!r}{suggest(str(key), keys)}"
    missing = [key for key in keys if not isinstance(entry.get(key), (str, int, SecretRef, SealedText))]
    return f"{registry!r} needs a {' and a '.join(missing)}" if missing else ""


def _text(value: str | int | SecretRef | SealedText) -> Text:
    if isinstance(value, SecretRef):
        return SealedText((Hole(value),))
    return str(value) if isinstance(value, int) else value


def setting(hosts: Iterable[Host], name: str, default: Any) -> Any:
    """One value for all hosts; a host without it takes the default."""
    found: dict[str, Host] = {}
    value = default
    for host in hosts:
        value = host.vars.get(name, default)
        found.setdefault(repr(value), host)
    if len(found) > 1:
        one, other = list(found.values())[:2]
        what = f"{name} differs between hosts {one.name!r} and {other.name!r}"
        raise ConfigError(what, at=other.at(name) or one.at(name), hint="set it once, in group_vars/all")
    return value


def _count(hosts: Iterable[Host], name: str, default: int) -> int:
    count = setting(hosts, name, default)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise _wrong(hosts, name, f"{count!r} is not a number of hosts, 1 or more")
    return count


def _wrong(hosts: Iterable[Host], name: str, why: str, hint: str = "") -> ConfigError:
    at = next((host.at(name) for host in hosts if host.at(name)), None)
    return ConfigError(f"{name}: {why}", at=at, hint=hint)
