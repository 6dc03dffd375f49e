"""A service laid over the one that it extends, by the rules of the Compose Specification.

Mappings are merged key by key, lists are put behind each other, anything else replaces what was there.
It is done before templates are rendered, so that it is the same on every host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleet.config.roles.piece import Piece
from fleet.errors import ConfigError
from fleet.model.hosts import is_template

_LISTS = frozenset({
    "cap_add", "cap_drop", "configs", "device_cgroup_rules", "devices", "dns", "dns_opt", "dns_search",
    "env_file", "expose", "extra_hosts", "group_add", "ports", "profiles", "secrets", "security_opt", "tmpfs",
    "volumes",
})  # fmt: skip
_PAIRS = frozenset({"environment", "labels", "sysctls"})
_NAMES = frozenset({"depends_on", "networks"})


def laid_over(base: Piece, own: Piece) -> Piece:
    """The service ``own`` over ``base``. Raises ConfigError where a template stands for what is merged."""
    if not isinstance(base.value, dict):
        what = "a service that another one extends must be a mapping, not a template"
        raise ConfigError(what, at=base.at(()))
    return _mapping(base, own, _key)


def _key(key: str, base: Piece, own: Piece) -> Piece:
    if key in _LISTS:
        return _behind(_as_list(key, base), _as_list(key, own))
    if key in _PAIRS:
        return _mapping(_as_pairs(key, base), _as_pairs(key, own))
    if key in _NAMES:
        return _mapping(_as_names(key, base), _as_names(key, own))
    if key == "logging" and _driver(base) != _driver(own) and _driver(own):
        return own
    if key == "x-fleet":
        # What is said of a gate or a balancer is one thing.
        return _mapping(base, own, lambda _, __, mine: mine)
    return _mapping(base, own)


def _any(_: str, base: Piece, own: Piece) -> Piece:
    return _mapping(base, own)


def _mapping(base: Piece, own: Piece, one: Callable[[str, Piece, Piece], Piece] = _any) -> Piece:
    if not isinstance(base.value, dict) or not isinstance(own.value, dict):
        return own
    written = own.entries().items()
    # A key without a value is an absent key.
    mine = {key: part for key, part in written if part.value is not None or key not in base.value}
    parts = base.entries() | mine
    for key in mine:
        if key in base.value and base.value[key] is not None:
            parts[key] = one(str(key), base.below(key), own.below(key))
    return Piece.joined(parts, {key: part.value for key, part in parts.items()}, own.origin(()))


def _behind(base: Piece, own: Piece) -> Piece:
    return _listed(own, [*base.entries().values(), *own.entries().values()])


def _as_list(key: str, piece: Piece) -> Piece:
    if isinstance(piece.value, list):
        return piece
    if key == "extra_hosts" and isinstance(piece.value, dict):
        named = piece.entries().items()
        return _listed(piece, [Piece(f"{name}={part.value}", part.origins) for name, part in named])
    return _listed(piece, [Piece(_plain(key, piece, piece.value), {(): piece.origin(())})])


def _listed(piece: Piece, items: list[Piece]) -> Piece:
    parts: dict[str | int, Piece] = dict(enumerate(items))
    return Piece.joined(parts, [item.value for item in items], piece.origin(()))


def _as_pairs(key: str, piece: Piece) -> Piece:
    """``[NAME=value, NAME]`` as a mapping."""

    def pair(item: str) -> tuple[str, str | None]:
        name, equals, value = item.partition("=")
        return name, value if equals else None

    return _by_name(key, piece, pair)


def _as_names(key: str, piece: Piece) -> Piece:
    """``[a, b]`` as a mapping without values."""
    return _by_name(key, piece, lambda item: (item, None))


def _by_name(key: str, piece: Piece, pair: Callable[[str], tuple[str, str | None]]) -> Piece:
    if isinstance(piece.value, dict):
        return piece
    if not isinstance(piece.value, list):
        _plain(key, piece, piece.value)
        return piece
    parts: dict[str | int, Piece] = {}
    for item in piece.entries().values():
        name, value = pair(str(item.value))
        _plain(key, item, name, filled="$" in name)
        parts[name] = Piece(value, item.origins)
    return Piece.joined(parts, {name: part.value for name, part in parts.items()}, piece.origin(()))


def _plain(key: str, piece: Piece, written: Any, *, filled: bool = False) -> Any:
    """What is merged must be seen as it is; a template is rendered later."""
    if filled or is_template(written):
        what = f"a template cannot stand for {key!r} here: it is merged with that of another service"
        raise ConfigError(what, at=piece.at(()), hint="write it out, with templates in its values")
    return written


def _driver(logging: Piece) -> Any:
    return logging.value.get("driver") if isinstance(logging.value, dict) else None
