"""The files of one role, read and parsed once for all hosts."""

from __future__ import annotations

import functools
import os
import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.config.roles.assemble import Assembly
from fleet.config.roles.piece import Piece
from fleet.config.yaml import Document, Path, Scalars, is_there, load_if_there, shown_path
from fleet.config.yaml_errors import not_utf8
from fleet.errors import ConfigError, Position
from fleet.render import Renderer

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
COMPOSE_FILE = "compose.yml"
TASKS_FILE, HANDLERS_FILE = "tasks.yml", "handlers.yml"


@dataclass(frozen=True, slots=True)
class RoleSource:
    name: str
    directory: pathlib.Path
    shown: str
    """The directory as messages show it."""
    document: Piece
    """The Compose file with all that it includes and extends."""
    files: tuple[str, ...]
    """The Compose files that it was put together from; none when the role has only tasks."""
    defaults: Mapping[str, Any]
    places: Mapping[str, Position]
    renderer: Renderer
    tasks: Document | None = None
    handlers: Document | None = None
    texts: dict[str, str | None] = field(default_factory=dict)

    @property
    def service_names(self) -> tuple[str, ...]:
        """Those of the file as it is written; none when the section is a template."""
        services = self.document.value.get("services")
        return tuple(map(str, services)) if isinstance(services, dict) else ()

    def replicated(self, service: str) -> bool:
        """Whether the file says how often it runs on a host; a template may stand for that."""
        services = self.document.value.get("services")
        written = services.get(service) if isinstance(services, dict) else None
        deploy = written.get("deploy") if isinstance(written, dict) else written
        return isinstance(deploy, str) or (isinstance(deploy, dict) and "replicas" in deploy)

    def may_say(self, word: str) -> bool:
        """Whether a service has ``word`` in its ``x-fleet``, as far as the file tells: a template may stand
        for anything."""
        services = self.document.value.get("services")
        return isinstance(services, str) or any(
            isinstance(part, str) or (isinstance(part, dict) and word in part)
            for service in (services.values() if isinstance(services, dict) else ())
            for part in (service.get("x-fleet") if isinstance(service, dict) else service,)
        )

    def text(self, relative: str) -> str | None:
        """A file of the role, read once; None when there is none. Raises ConfigError for other trouble."""
        if relative not in self.texts:
            self.texts[relative] = _text(self.directory / relative, f"{self.shown}/{relative}")
        return self.texts[relative]

    def item(self, path: Path, name: str) -> Path:
        """Where ``name`` stands in the list or mapping of names at ``path``."""
        found: Any = self.document.value
        for part in path:
            # A section may be a template, and stands then for all that is in it.
            found = found.get(part) if isinstance(found, dict) else None
        return (*path, found.index(name) if isinstance(found, list) and name in found else name)

    def has_template(self, name: str) -> bool:
        return os.path.isfile(self.directory / "templates" / name)

    def template_names(self) -> list[str]:
        directory = self.directory / "templates"
        return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def is_role(root: pathlib.Path, name: str) -> bool:
    """Its hosts run services, or there are only tasks to do on them."""
    return any(is_there(root / "roles" / name / file) for file in (COMPOSE_FILE, TASKS_FILE))


def known_roles(root: pathlib.Path) -> list[str]:
    return sorted(path.name for path in root.glob("roles/*") if is_role(root, path.name))


def load_role(root: pathlib.Path, name: str) -> RoleSource:
    """Read ``roles/<name>``. Raises ConfigError or ConfigErrors: not readable, not YAML, not a mapping."""
    directory = root / "roles" / name
    if not _NAME.fullmatch(name):
        hint = "letters, digits, '-', '_' and '.': it is a part of the containers' names"
        at = Position(shown_path(directory, root))
        raise ConfigError(f"{name!r} cannot be the name of a role", at=at, hint=hint)

    def compose(name: str) -> Document | None:
        return load_if_there(directory / name, root=root, scalars=Scalars.COMPOSE)

    tasks, handlers = (load_if_there(directory / file, root=root) for file in (TASKS_FILE, HANDLERS_FILE))
    assembly = Assembly(compose)
    if tasks and not is_there(directory / COMPOSE_FILE):
        document = Piece({}, {(): (tasks, ())})
    else:
        document = assembly.file(COMPOSE_FILE)
    defaults: Mapping[str, Any] = {}
    places: dict[str, Position] = {}
    if read := load_if_there(directory / "defaults.yml", root=root):
        if not isinstance(read.value, dict | None):
            raise ConfigError("defaults.yml is a mapping of variables", at=read.at(()))
        defaults = read.value or {}
        for key in defaults:
            if not isinstance(key, str):
                raise ConfigError(f"a variable's name is text, not {key!r}", at=read.key_at((key,)))
        places = {key: read.at((key,)) for key in defaults}
    shown = shown_path(directory, root)
    templates = functools.partial(_template, directory / "templates", shown)
    files = tuple(assembly.files)
    renderer = Renderer(templates)
    return RoleSource(name, directory, shown, document, files, defaults, places, renderer, tasks, handlers)


def _template(directory: pathlib.Path, shown: str, name: str) -> tuple[str, str] | None:
    shown = f"{shown}/templates/{name}"
    text = None if ".." in pathlib.PurePosixPath(name).parts else _text(directory / name, shown)
    return None if text is None else (text, shown)


def _text(path: pathlib.Path, shown: str) -> str | None:
    # Unlike that of a path, it answers also where the name is no name: too long, or with a NUL in it.
    if not os.path.isfile(path):
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(error.object, error, shown) from error
    except OSError as error:
        raise ConfigError("cannot read the file", why=str(error), at=Position(shown)) from error
