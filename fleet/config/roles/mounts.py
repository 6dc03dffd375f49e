"""``volumes``, ``tmpfs`` and the mount of the secrets."""

from __future__ import annotations

from fleet.config.roles.compose import BindOptions, LongMount, ServiceModel, TmpfsOptions, VolumeOptions
from fleet.config.roles.scope import Scope
from fleet.config.yaml import Path
from fleet.model.desired import Volume
from fleet.model.services import Mount, Pairs

SECRETS_TARGET = "/run/secrets"


def mounts(scope: Scope, name: str, service: ServiceModel, path: Path) -> tuple[Mount, ...]:
    found: dict[str, Mount] = {}
    for index, written in enumerate(service.volumes):
        place = (*path, "volumes", index)
        mount = _mount(scope, written, place)
        if mount is None:
            continue
        if mount.target in found:
            scope.problems.add(f"a second mount at {mount.target!r}", place, hint="remove one of them")
        found[mount.target] = mount
    if service.secrets:
        found[SECRETS_TARGET] = Mount(
            "bind", SECRETS_TARGET, scope.secret_dir(name), read_only=True, create_host_path=False
        )
    return tuple(found[target] for target in sorted(found))


def _mount(scope: Scope, written: LongMount, path: Path) -> Mount | None:
    if not written.target.startswith("/"):
        scope.problems.add(f"the target {written.target!r} is not an absolute path", path)
        return None
    source = _source(scope, written, path)
    if source is None:
        return None
    for kind in ("bind", "volume", "tmpfs"):
        if getattr(written, kind) is not None and kind != written.type:
            scope.problems.add(
                f"{kind!r} options on a mount of type {written.type!r}", (*path, kind), key=True
            )
    bind = written.bind or BindOptions()
    volume = written.volume or VolumeOptions()
    tmpfs = written.tmpfs or TmpfsOptions()
    return Mount(
        written.type,
        written.target.rstrip("/") or "/",
        source,
        read_only=written.read_only,
        propagation=bind.propagation,
        nocopy=volume.nocopy,
        create_host_path=bind.create_host_path if written.type == "bind" else True,
        tmpfs_size=tmpfs.size,
        tmpfs_mode=tmpfs.mode,
    )


def _source(scope: Scope, written: LongMount, path: Path) -> str | None:
    source = written.source
    if written.type == "bind":
        if source.startswith("/"):
            return source.rstrip("/") or "/"
        hint = "use an absolute path of the host, or x-fleet.config for files that belong to the role"
        scope.problems.add(f"{source!r} is relative: a host has no project directory", path, hint=hint)
        return None
    if written.type == "tmpfs":
        if source:
            scope.problems.add("a tmpfs mount has no source", path)
        return ""
    if source and source not in scope.file.volumes:
        scope.undeclared("volumes", source, path, list(scope.file.volumes))
        return None
    return scope.volume_name(source) if source else ""


def tmpfs(scope: Scope, service: ServiceModel, path: Path) -> Pairs:
    found: dict[str, str] = {}
    for index, item in enumerate(service.tmpfs):
        target, _, options = item.partition(":")
        if not target.startswith("/"):
            scope.problems.add(f"{item!r} is not an absolute path in the container", (*path, "tmpfs", index))
        found[target] = options
    return tuple(sorted(found.items()))


def volumes(scope: Scope, used: set[str]) -> tuple[Volume, ...]:
    """The top-level volumes among ``used`` (full names)."""
    found = []
    for key, model in scope.file.volumes.items():
        name = scope.volume_name(key)
        if name not in used:
            continue
        if model is None:
            found.append(Volume(name, scope.role))
            continue
        if model.external and model.model_fields_set - {"external", "name"}:
            scope.problems.add(
                f"volume {key!r} is external: nothing but 'name' can be said of it",
                ("volumes", key),
                key=True,
            )
        options = tuple(sorted(model.driver_opts.items()))
        labels = tuple(sorted(model.labels.items()))
        found.append(Volume(name, scope.role, model.driver, options, labels, model.external))
    return tuple(found)
