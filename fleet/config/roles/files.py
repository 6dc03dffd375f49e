"""Files that Fleet writes on a host: ``x-fleet.config`` directories and secrets."""

from __future__ import annotations

import pathlib

from fleet.config.roles.compose import SecretModel, SecretUse, ServiceModel
from fleet.config.roles.mounts import SECRETS_TARGET
from fleet.config.roles.scope import Scope
from fleet.config.roles.xfleet import ConfigItem
from fleet.config.suggest import suggest
from fleet.config.yaml import Path
from fleet.errors import ConfigError
from fleet.model.services import ConfigDir, ConfigFile, Mount, Reload, SecretFile
from fleet.secret import Hole, SealedText, SecretRef, Text


def config_dirs(
    scope: Scope, service: ServiceModel, mounts: tuple[Mount, ...], path: Path
) -> tuple[ConfigDir, ...]:
    found = []
    for index, model in enumerate(service.x_fleet.config):
        place = (*path, "x-fleet", "config", index)
        directory = model.directory.rstrip("/")
        mount = next((m for m in mounts if m.type == "bind" and m.source == directory), None)
        if mount is None:
            sources = [m.source for m in mounts if m.type == "bind"]
            near = suggest(directory, sources)
            what = f"{directory!r} is not the source of a bind mount of this service{near}"
            hint = f'mount it: volumes: ["{directory}:/path/in/container:ro"]'
            scope.problems.add(what, (*place, "directory"), hint=hint)
            continue
        files = [
            _config_file(scope, name, item, (*place, "files", name)) for name, item in model.files.items()
        ]
        reload = Reload(model.reload.signal, tuple(model.reload.command)) if model.reload else None
        written = tuple(sorted((file for file in files if file), key=lambda file: file.name))
        command = tuple(model.validate_)
        found.append(ConfigDir(directory, mount.target, written, model.uid, model.gid, command, reload))
    return tuple(found)


def _config_file(scope: Scope, name: str, item: ConfigItem, path: Path) -> ConfigFile | None:
    if not scope.source.has_template(item.template):
        known = scope.source.template_names()
        hint = f"it is looked for below {scope.source.shown}/templates"
        scope.problems.add(
            f"there is no template {item.template!r}{suggest(item.template, known)}", path, hint=hint
        )
        return None
    try:
        content = scope.source.renderer.file(item.template, scope.variables)
    except ConfigError as error:
        scope.problems.take(error, path)
        return None
    secret = isinstance(content, SealedText)
    mode = item.mode or ("0600" if secret else "0644")
    if secret and int(mode, 8) & 0o007:
        what = f"{name!r} holds a secret and mode {mode} lets everybody on the host read it"
        scope.problems.add(what, (*path, "mode"), hint='use "0600", or "0640" with a gid')
    return ConfigFile(name, content, mode)


def secret_files(scope: Scope, service: ServiceModel, path: Path) -> tuple[SecretFile, ...]:
    found: dict[str, SecretFile] = {}
    for index, use in enumerate(service.secrets):
        place = (*path, "secrets", index)
        model = scope.file.secrets.get(use.source)
        if model is None:
            scope.undeclared("secrets", use.source, place, list(scope.file.secrets))
            continue
        name = _target(scope, use, place)
        if name in found:
            scope.problems.add(f"a second secret at {SECRETS_TARGET}/{name}", place)
        content = _content(scope, use.source, model)
        found[name] = SecretFile(name, content, use.uid, use.gid, use.mode)
    return tuple(found[name] for name in sorted(found))


def _target(scope: Scope, use: SecretUse, path: Path) -> str:
    name = (use.target or use.source).removeprefix(f"{SECRETS_TARGET}/")
    if "/" in name or name in (".", ".."):
        what = f"target {use.target!r}: a secret is a file right below {SECRETS_TARGET}"
        scope.problems.add(what, path, hint="name it without a directory")
    return name


def _content(scope: Scope, name: str, model: SecretModel) -> Text:
    path = ("secrets", name)
    ways = [way for way in (model.environment, model.file, model.x_fleet) if way]
    if len(ways) != 1:
        hint = "environment: NAME, file: path, or x-fleet: {value: !secret …}"
        scope.problems.add(f"secret {name!r} needs exactly one source", path, hint=hint, key=True)
        return ""
    at = scope.source.document.at((*path, "environment" if model.environment else "file"))
    if model.environment:
        return SealedText((Hole(SecretRef("env", model.environment, at)),))
    if model.file:
        below = pathlib.PurePosixPath("roles", scope.role)
        return SealedText((Hole(SecretRef("file", str(below / model.file), at)),))
    value: Text = model.x_fleet.value if model.x_fleet else ""
    if not isinstance(value, SealedText):
        what = f"the value of secret {name!r} stands in the file"
        hint = "refer to it: value: !secret env:NAME"
        scope.problems.add(what, (*path, "x-fleet", "value"), hint=hint)
    return value
