"""A role's Compose file with what it includes and extends, as one.

Both name files of the role's own directory: a release keeps those, so that it can be rendered again.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fleet.config.roles.keys import REFUSED
from fleet.config.roles.merge import laid_over
from fleet.config.roles.piece import Piece
from fleet.config.yaml import Document
from fleet.errors import ConfigError
from fleet.model.hosts import is_template
from fleet.suggest import suggest

SECTIONS = ("services", "networks", "volumes", "configs", "secrets")


@dataclass(slots=True)
class Assembly:
    """``load`` reads a file of the role by its relative name, None when there is none; ``files`` are those
    that were read."""

    load: Callable[[str], Document | None]
    files: dict[str, Piece] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def file(self, name: str, at: Piece | None = None) -> Piece:
        """``name`` is named ``at`` that place. Raises ConfigError, or what ``load`` raises."""
        if name in self._open:
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            raise _wrong(f"files include or extend each other in a circle: {circle}", at)
        if name not in self.files:
            self._open.append(name)
            document = self.load(name)
            if document is None:
                raise _wrong(f"there is no file {name!r} in the role's directory", at)
            self.files[name] = self._whole(name, Piece.of(document))
            self._open.pop()
        return self.files[name]

    def _whole(self, name: str, written: Piece) -> Piece:
        if not isinstance(written.value, dict):
            raise _wrong("a Compose file is a mapping with 'services'", written)
        directory = posixpath.dirname(name)
        parts = _relocated(written.entries(), directory)
        if isinstance(written.value.get("services"), dict):
            parts["services"] = self._extended(name, parts["services"])
        if (included := parts.pop("include", None)) and included.value is not None:
            for path in _included(included):
                self._include(parts, self.file(_beside(directory, path), path))
        return _mapping(written, parts)

    def _include(self, parts: dict[str | int, Piece], other: Piece) -> None:
        for key, part in other.entries().items():
            if key == "x-fleet":
                raise _wrong("x-fleet of a role stands in its compose.yml", part)
            if key in SECTIONS and isinstance(part.value, dict):
                parts[key] = _united(str(key), parts.get(key), part)
            elif not str(key).startswith("x-") and key != "version":
                parts.setdefault(key, part)

    def _extended(self, name: str, services: Piece) -> Piece:
        known = services.entries()
        done: dict[str | int, Piece] = {}

        def one(service: str | int, trail: tuple[str | int, ...], at: Piece) -> Piece:
            if service in trail:
                circle = " → ".join(map(str, (*trail, service)))
                raise _wrong(f"services extend each other in a circle: {circle}", at)
            if service not in done:
                own = known[service]
                extends = own.value.get("extends") if isinstance(own.value, dict) else None
                done[service] = own if extends is None else based(own, (*trail, service))
            return done[service]

        def based(own: Piece, trail: tuple[str | int, ...]) -> Piece:
            place = own.below("extends")
            base, path = _base(place)
            other = _beside(posixpath.dirname(name), path) if path else name
            if other == name:
                if base.value not in known:
                    near = suggest(base.value, map(str, known))
                    raise _wrong(f"there is no service {base.value!r}{near}", base)
                found = one(base.value, trail, base)
            else:
                found = _service(self.file(other, path), other, base)
            rest = {key: part for key, part in own.entries().items() if key != "extends"}
            return laid_over(found, _mapping(own, rest))

        return _mapping(services, {service: one(service, (), part) for service, part in known.items()})


def _service(file: Piece, name: str, base: Piece) -> Piece:
    services = file.value.get("services")
    known = services if isinstance(services, dict) else {}
    if base.value not in known:
        raise _wrong(f"there is no service {base.value!r} in {name}{suggest(base.value, known)}", base)
    return file.below("services").below(base.value)


def _included(included: Piece) -> list[Piece]:
    """The place of each path."""
    if not isinstance(included.value, list):
        raise _wrong("include: must be a list", included)
    found = []
    for entry in included.entries().values():
        long = isinstance(entry.value, dict)
        if long:
            _only("include.*", ("path",), entry)
        found.append(_text("include", entry.below("path") if long else entry))
    return found


def _base(extends: Piece) -> tuple[Piece, Piece | None]:
    if not isinstance(extends.value, dict):
        return _text("extends", extends), None
    _only("services.*.extends", ("service", "file"), extends)
    file = extends.below("file") if extends.value.get("file") is not None else None
    return _text("service", extends.below("service")), file and _text("file", file)


def _only(level: str, known: tuple[str, ...], piece: Piece) -> None:
    """Nothing but the ``known`` keys, and the first of them."""
    for key in piece.value:
        if key not in known:
            hint = REFUSED.get(level, {}).get(key, "")
            what = f"{key!r} is not carried out by Fleet" if hint else f"unknown key {key!r}"
            raise ConfigError(what, at=piece.key_at((key,)), hint=hint)
    if known[0] not in piece.value:
        raise _wrong(f"{known[0]!r} is missing", piece)


def _text(key: str, piece: Piece) -> Piece:
    if not isinstance(piece.value, str):
        raise _wrong(f"{key}: must be text", piece)
    if is_template(piece.value) or "$" in piece.value:
        raise _wrong(f"{key}: no template can stand here: files are read before there are variables", piece)
    return piece


def _beside(directory: str, path: Piece) -> str:
    """The file's name within the role, as a file in ``directory`` names it."""
    name = posixpath.normpath(posixpath.join(directory, path.value))
    if name.startswith(("/", "../")):
        hint = "a release keeps what lies in the role's directory, and no other files"
        raise ConfigError(f"{path.value!r} lies outside of the role", at=path.at(()), hint=hint)
    return name


def _united(section: str, ours: Piece | None, theirs: Piece) -> Piece:
    """Both have their own names; one that two files have must say the same in both."""
    if ours is None or not isinstance(ours.value, dict):
        return theirs if ours is None or ours.value is None else ours
    for name, value in theirs.value.items():
        if name in ours.value and ours.value[name] != value:
            what = f"{section.removesuffix('s')} {name!r} is that of {ours.key_at((name,))}, too"
            raise ConfigError(what, at=theirs.key_at((name,)), hint="give one of them another name")
    return _mapping(ours, {**theirs.entries(), **ours.entries()})


def _relocated(parts: dict[str | int, Piece], directory: str) -> dict[str | int, Piece]:
    """With the files that are named in a file of another directory named from the role's own."""
    if not directory:
        return parts
    moved = dict(parts)
    for section, keys in (("services", ("env_file",)), ("configs", ("file",)), ("secrets", ("file",))):
        if section in parts and isinstance(parts[section].value, dict):
            value = {name: _moved(one, keys, directory) for name, one in parts[section].value.items()}
            moved[section] = Piece(value, parts[section].origins)
    return moved


def _moved(item: Any, keys: tuple[str, ...], directory: str) -> Any:
    if not isinstance(item, dict):
        return item
    return {key: _prefixed(value, directory) if key in keys else value for key, value in item.items()}


def _prefixed(value: Any, directory: str) -> Any:
    if isinstance(value, list):
        return [_prefixed(item, directory) for item in value]
    if isinstance(value, dict):
        return {key: _prefixed(item, directory) if key == "path" else item for key, item in value.items()}
    return posixpath.normpath(posixpath.join(directory, value)) if isinstance(value, str) else value


def _mapping(whole: Piece, parts: dict[str | int, Piece]) -> Piece:
    return Piece.joined(parts, {key: part.value for key, part in parts.items()}, whole.origin(()))


def _wrong(what: str, at: Piece | None) -> ConfigError:
    return ConfigError(what, at=at.at(()) if at else None)
