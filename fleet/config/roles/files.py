"""Files that Fleet writes on a host: ``x-fleet.config`` directories and secrets."""

from __future__ import annotations

import pathlib

from fleet.config.roles.compose import SecretModel
from fleet.config.roles.mounts import SECRETS_TARGET
from fleet.config.roles.scope import Part, RoleScope, ServiceScope
from fleet.config.roles.xfleet import ConfigItem
from fleet.errors import ConfigError
from fleet.model.services import ConfigDir, ConfigFile, Mount, Reload, SecretFile
from fleet.secret import Hole, SealedText, SecretRef, Text
from fleet.suggest import suggest


def config_dirs(service: ServiceScope, mounts: tuple[Mount, ...]) -> tuple[ConfigDir, ...]:
    found = []
    bound = {mount.source: mount for mount in mounts if mount.type == "bind"}
    for index, model in enumerate(service.model.x_fleet.config):
        place = ("x-fleet", "config", index)
        directory = model.directory.rstrip("/")
        if directory not in bound:
            near = suggest(directory, bound)
            what = f"{directory!r} is not the source of a bind mount of this service{near}"
            hint = f'mount it: volumes: ["{directory}:/path/in/container:ro"]'
            service.wrong(what, *place, "directory", hint=hint)
            continue
        if not bound[directory].read_only:
            # Fleet writes there as root; whoever can put a link into the directory would choose where.
            what = f"{directory!r} must be mounted read-only: its content is Fleet's"
            service.wrong(what, *place, "directory", hint="end the volume with :ro")
        files = []
        for name, item in sorted(model.files.items()):
            try:
                files.append(_config_file(service, name, item, (*place, "files", name)))
            except ConfigError as error:
                service.take(error, *place, "files", name)
        reload = Reload(model.reload.signal, tuple(model.reload.command)) if model.reload else None
        command = tuple(model.validate_)
        found.append(
            ConfigDir(directory, bound[directory].target, tuple(files), model.uid, model.gid, command, reload)
        )
    return tuple(found)


def _config_file(service: ServiceScope, name: str, item: ConfigItem, place: tuple[Part, ...]) -> ConfigFile:
    source = service.role.source
    if not source.has_template(item.template):
        what = f"there is no template {item.template!r}{suggest(item.template, source.template_names())}"
        raise ConfigError(what, hint=f"it is looked for below {source.shown}/templates")
    content = source.renderer.file(item.template, service.role.variables)
    secret = isinstance(content, SealedText)
    mode = item.mode or ("0600" if secret else "0644")
    if secret and int(mode, 8) & 0o007:
        what = f"{name!r} holds a secret and mode {mode} lets everybody on the host read it"
        service.wrong(what, *place, "mode", hint='use "0600", or "0640" with a gid')
    return ConfigFile(name, content, mode)


def secret_files(service: ServiceScope) -> tuple[SecretFile, ...]:
    found: dict[str, SecretFile] = {}
    for index, use in enumerate(service.model.secrets):
        place = ("secrets", index)
        model = service.role.file.secrets.get(use.source)
        if model is None:
            service.undeclared("secrets", use.source, *place)
            continue
        name = (use.target or use.source).removeprefix(f"{SECRETS_TARGET}/")
        if "/" in name or name.startswith(".") or not name.isprintable():
            what = f"target {use.target!r}: a secret is a file right below {SECRETS_TARGET}"
            service.wrong(what, *place, hint="no directory, no dot at its beginning")
        if name in found:
            service.wrong(f"a second secret at {SECRETS_TARGET}/{name}", *place)
        content = _content(service.role, use.source, model)
        found[name] = SecretFile(name, content, use.uid, use.gid, use.mode)
    return tuple(found[name] for name in sorted(found))


def _content(scope: RoleScope, name: str, model: SecretModel) -> Text:
    path = ("secrets", name)
    if len(list(filter(None, (model.environment, model.file, model.x_fleet)))) != 1:
        hint = "environment: NAME, file: path, or x-fleet: {value: !secret …}"
        scope.problems.add(f"secret {name!r} needs exactly one source", path, hint=hint, key=True)
        return ""
    if model.x_fleet:
        value: Text = model.x_fleet.value
        if not isinstance(value, SealedText):
            what = f"the value of secret {name!r} stands in the file"
            hint = "refer to it: value: !secret env:NAME"
            scope.problems.add(what, (*path, "x-fleet", "value"), hint=hint)
        return value
    if model.environment:
        ref = SecretRef("env", model.environment, scope.source.document.at((*path, "environment")))
    else:
        file = pathlib.PurePosixPath("roles", scope.role, model.file)
        ref = SecretRef("file", str(file), scope.source.document.at((*path, "file")))
    return SealedText((Hole(ref),))
