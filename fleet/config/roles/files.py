"""Files that Fleet writes on a host: ``x-fleet.config`` directories and secrets."""

from __future__ import annotations

import pathlib

from fleet.config.roles.compose import ConfigModel, SecretModel
from fleet.config.roles.compose_parts import ConfigUse
from fleet.config.roles.mounts import CONTENT, SECRETS_TARGET
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


def configs(service: ServiceScope) -> tuple[ConfigDir, ...]:
    """Compose's own: each a file in a directory of its own, mounted by itself. What changes in it replaces
    the container."""
    found: dict[str, tuple[ConfigUse, ConfigDir]] = {}
    for index, use in enumerate(service.model.configs):
        model = service.role.file.configs.get(use.source)
        if model is None:
            service.undeclared("configs", use.source, "configs", index)
            continue
        first = found.get(use.source, (use, None))[0]
        if (first.uid, first.gid, first.mode) != (use.uid, use.gid, use.mode):
            service.wrong(f"config {use.source!r} has another owner or mode above", "configs", index)
        try:
            content = _config_content(service, use.source, model)
        except ConfigError as error:
            service.take(error, "configs", index)
            continue
        if isinstance(content, SealedText) and not model.environment and int(use.mode, 8) & 0o007:
            what = f"config {use.source!r} holds a secret and mode {use.mode} lets everybody read it"
            hint = "make it one of the 'secrets', or set mode: 0400 and the uid that reads it"
            service.wrong(what, "configs", index, hint=hint)
        file = ConfigFile(CONTENT, content, use.mode)
        made = ConfigDir(
            service.config_dir(use.source), use.target or f"/{use.source}", (file,), use.uid, use.gid
        )
        found[use.source] = found.get(use.source, (use, made))
    return tuple(made for _, made in found.values() if made)


def _config_content(service: ServiceScope, name: str, model: ConfigModel) -> Text:
    """Raises ConfigError: there is no such file, or more or less than one source."""
    source, path = service.role.source, ("configs", name)
    if len(model.model_fields_set & {"content", "environment", "file"}) != 1:
        what = f"config {name!r} needs exactly one source"
        hint = "file: path, content: text or environment: NAME"
        raise ConfigError(what, at=source.document.key_at(path), hint=hint)
    if model.environment:
        ref = SecretRef("env", model.environment, source.document.at((*path, "environment")))
        return SealedText((Hole(ref),))
    if not model.file:
        return content if isinstance(content := model.content, SealedText) else str(content)
    text = source.text(model.file)
    if text is None:
        hint = f"it is looked for below {source.shown}"
        raise ConfigError(
            f"there is no file {model.file!r}", at=source.document.at((*path, "file")), hint=hint
        )
    return text


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
