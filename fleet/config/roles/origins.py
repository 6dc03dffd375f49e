"""``x-fleet.volumes.*.from``: where the data of a volume, or of a directory, is to come from."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from fleet.config.roles.scope import RoleScope
from fleet.config.roles.volume_keys import VolumeKeys
from fleet.model.desired import Volume
from fleet.model.volumes import is_directory


def origin(scope: RoleScope, key: str) -> str:
    """As it is written, for the volume or directory that the role calls ``key``."""
    keys = scope.file.x_fleet.volumes.get(key)
    if keys is None or not keys.from_:
        return ""
    if wrong := _wrong(scope, key, keys.from_):
        scope.problems.add(wrong, ("x-fleet", "volumes", key, "from"))
    return keys.from_


def directories(scope: RoleScope) -> Iterator[Volume]:
    """Those to which data is to go."""
    for key, keys in scope.file.x_fleet.volumes.items():
        if is_directory(key):
            _check_directory(scope, key, keys)
            yield Volume(key, scope.role, origin=origin(scope, key))


def _check_directory(scope: RoleScope, key: str, keys: VolumeKeys) -> None:
    place = ("x-fleet", "volumes", key)
    if key == "/" or posixpath.normpath(key) != key:
        scope.problems.add(f"{key!r} is not a directory's whole path", place, key=True)
    elif not [*_mounting(scope, key)]:
        what = f"no service mounts {key!r}"
        scope.problems.add(what, place, hint="mount it in the service that its data is for", key=True)
    others = sorted(keys.model_fields_set - {"from_"})
    if others or not keys.from_:
        what = f"of a directory only where its data comes from is said, not {', '.join(others) or 'nothing'}"
        scope.problems.add(what, place, hint="from: the volume", key=True)


def _wrong(scope: RoleScope, key: str, written: str) -> str:
    """What is wrong with it; empty: nothing."""
    service, _, path = written.partition(":")
    if written in {key, scope.volume_name(key)}:
        return "from: its data cannot come from itself"
    if is_directory(written):
        if set(written) & UNFIT or written == "/" or posixpath.normpath(written) != written:
            return f"from: {written!r} is not a directory's whole path"
    elif is_directory(path):
        found = scope.file.services.get(service)
        there = found and any(one.source == key and one.target.rstrip("/") == path for one in found.volumes)
        return "" if found is None or there else f"from: service {service!r} is to mount {key!r} at {path}"
    elif set(written) - NAME:
        return f"from: {written!r} is no volume, no absolute path and no SERVICE:/path"
    still = [*_mounting(scope, written)]
    return f"from: {', '.join(still)} still mounts {written!r}" if still else ""


UNFIT = frozenset('%,:"\\\n\t')
"""What a mount or the name of a mark's file cannot hold."""
NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def _mounting(scope: RoleScope, source: str) -> Iterator[str]:
    """Services of the role that do."""
    for name, service in scope.file.services.items():
        for one in service.volumes:
            full = scope.volume_name(one.source) if one.type == "volume" else ""
            if source in {one.source.rstrip("/"), full}:
                yield name
                break
