"""``volumes`` and the mount of the secrets."""

from __future__ import annotations

from dataclasses import replace

from fleet.config.roles.compose import VolumeModel
from fleet.config.roles.compose_parts import LongMount
from fleet.config.roles.origins import directories, origin
from fleet.config.roles.scope import RoleScope, ServiceScope, pairs
from fleet.config.roles.volume_care import care, check_care
from fleet.model.desired import Volume
from fleet.model.services import Mount

SECRETS_TARGET = "/run/secrets"
CONTENT = "content"
"""The file that one of the role's ``configs`` is, in a directory of its own."""


def mounts(service: ServiceScope) -> tuple[Mount, ...]:
    found: dict[str, Mount] = {}
    for index, written in enumerate(service.model.volumes):
        mount = _mount(service, written, index)
        if mount.target in found and not service.overrides("volumes", index):
            service.wrong(f"a second mount at {mount.target!r}", "volumes", index, hint="remove one of them")
        found[mount.target] = mount
    for index, use in enumerate(service.model.configs):
        target, path = use.target or f"/{use.source}", f"{service.config_dir(use.source)}/{CONTENT}"
        if target in found:
            service.wrong(f"a second mount at {target!r}", "configs", index, hint="give it another target")
        found[target] = Mount("bind", target, path, read_only=True, create_host_path=False)
    if service.model.secrets:
        found[SECRETS_TARGET] = Mount(
            "bind", SECRETS_TARGET, service.secret_dir, read_only=True, create_host_path=False
        )
    return tuple(found[target] for target in sorted(found))


def _mount(service: ServiceScope, written: LongMount, index: int) -> Mount:
    source, owned = written.source, False
    if written.type == "volume" and source:
        keys = service.role.file.x_fleet.volumes.get(source)
        owned = keys is not None and bool(keys.owner)
        if source not in service.role.file.volumes:
            service.undeclared("volumes", source, "volumes", index)
        source = service.role.volume_name(source)
    return Mount(
        written.type,
        _without_slash(written.target),
        _without_slash(source),
        read_only=written.read_only,
        propagation=written.bind.propagation,
        # With what the image has in that place, an empty volume gets the owner that it has there.
        nocopy=written.volume.nocopy or owned,
        create_host_path=written.bind.create_host_path if written.type == "bind" else True,
        tmpfs_size=written.tmpfs.size,
        tmpfs_mode=written.tmpfs.mode,
    )


def _without_slash(path: str) -> str:
    return path.rstrip("/") or path[:1]


def volumes(scope: RoleScope, used: set[str]) -> tuple[Volume, ...]:
    """The top-level volumes among ``used`` (full names)."""
    check_care(scope)
    found = []
    for key, declared in scope.file.volumes.items():
        name = scope.volume_name(key)
        if name in used:
            model = declared or VolumeModel()
            scope.check_external("volumes", key, model)
            options, labels = pairs(model.driver_opts), pairs(model.labels)
            made = Volume(name, scope.role, model.driver, options, labels, model.external)
            found.append(replace(made, care=care(scope, key, made), origin=origin(scope, key)))
    found += directories(scope)
    return tuple(found)
