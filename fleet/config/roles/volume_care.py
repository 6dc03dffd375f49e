"""What a role says of its volumes, and whether it can be meant."""

from __future__ import annotations

from fleet.config.roles.scope import RoleScope
from fleet.config.roles.volume_keys import InsideModel, UpgradeModel, VolumeKeys
from fleet.model.desired import Volume
from fleet.model.services import Pairs
from fleet.model.volume_care import NO_CARE, Inside, Upgrade, VolumeCare
from fleet.model.volumes import is_directory
from fleet.suggest import suggest

COMMANDS = ("freeze", "thaw", "dump", "load")


def care(scope: RoleScope, key: str, volume: Volume) -> VolumeCare:
    """``key``: what the role calls the volume."""
    keys = scope.file.x_fleet.volumes.get(key)
    if keys is None:
        return NO_CARE
    if not volume.of_host:
        what = f"volume {key!r}: its data is not the host's own, so that Fleet takes no care of it"
        hint = "only volumes of the driver local lie on one host, but for those on a file server"
        scope.problems.add(what, ("x-fleet", "volumes", key), hint=hint, key=True)
    commands = {name: _inside(scope, key, name, keys) for name in COMMANDS}
    upgrade = _upgrade(keys.upgrade, _inside(scope, key, "upgrade", keys))
    before = keys.snapshot is not None
    if keys.owner and volume.of_host and not in_directory(volume.options):
        what = f"owner: volume {key!r} is none that lies in a directory, so that its owner cannot be seen"
        scope.problems.add(what, ("x-fleet", "volumes", key, "owner"), hint="leave it to the image", key=True)
    return VolumeCare(before_deploy=before, keep=keys.keep, **commands, upgrade=upgrade, owner=keys.owner)


def in_directory(options: Pairs) -> bool:
    """Its root is there also when nothing mounts it."""
    given = dict(options)
    return given.get("type", "none") == "none" and bool(given.get("device")) == bool(given.get("type"))


def _upgrade(written: UpgradeModel | None, inside: Inside | None) -> Upgrade | None:
    if written is None or inside is None:
        return None
    return Upgrade(written.image, inside.service, inside.command, written.entrypoint, written.timeout)


def check_care(scope: RoleScope) -> None:
    """Also of volumes that no service mounts."""
    for key in scope.file.x_fleet.volumes:
        if key not in scope.file.volumes and not is_directory(key):
            what = f"there is no volume {key!r}{suggest(key, scope.file.volumes)}"
            hint = "declare it in the top-level 'volumes'"
            scope.problems.add(what, ("x-fleet", "volumes", key), hint=hint, key=True)


def _inside(scope: RoleScope, key: str, name: str, keys: VolumeKeys) -> Inside | None:
    model: InsideModel | None = getattr(keys, name)
    if model is None:
        return None
    place = ("x-fleet", "volumes", key, name)
    services = scope.file.services
    if model.service:
        if model.service not in services:
            what = f"there is no service {model.service!r}{suggest(model.service, services)}"
            scope.problems.add(what, (*place, "service"))
        return Inside(model.service, model.command)
    mounting = [
        service
        for service, one in services.items()
        if any(mount.type == "volume" and mount.source == key for mount in one.volumes)
    ]
    if len(mounting) != 1:
        who = f"{', '.join(mounting)} mount it" if mounting else "no service mounts it"
        scope.problems.add(f"{name}: in which service? {who}", place, hint="name it: service: …", key=True)
    return Inside(mounting[0] if mounting else "", model.command)
