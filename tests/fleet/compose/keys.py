"""The oracle's files, and which keys of Compose each of them has."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from fleet.config.roles.validate import LEVELS

FILES = Path(__file__).parent / "files"
EVERY = tuple(sorted(path.name for path in FILES.iterdir()))
_NAMED = {"services", "networks", "volumes", "configs", "secrets"}


@functools.cache
def keys(name: str) -> frozenset[tuple[str, str]]:
    """(level, key) of all that is carried out and stands in the file, or in one that it brings in."""
    found: set[tuple[str, str]] = set()
    for path in (FILES / name).rglob("*.yml"):
        found.update(_written(yaml.safe_load(path.read_text(encoding="utf-8")), ""))
    return frozenset(found)


def carried() -> set[tuple[str, str]]:
    """Of every level that is Compose's own."""
    return {(level, key) for level, keys in LEVELS().items() for key in keys if "x-fleet" not in level + key}


def _written(value: Any, level: str) -> Iterator[tuple[str, str]]:
    """Names and indexes are ``*``."""
    if isinstance(value, list):
        for item in value:
            yield from _written(item, f"{level}.*")
    elif isinstance(value, dict):
        named = level in _NAMED or level not in LEVELS()
        for key, item in value.items():
            if not named:
                yield level, key
            yield from _written(item, f"{level}.{'*' if named else key}".lstrip("."))


def _cover() -> tuple[str, ...]:
    """Few files that have every key that any of them has."""
    chosen: list[str] = []
    left = carried() & set().union(*map(keys, EVERY))
    while left:
        best = max(EVERY, key=lambda name: len(keys(name) & left))
        chosen.append(best)
        left -= keys(best)
    return tuple(sorted(chosen))


ALL = os.environ.get("FLEET_ORACLE") == "all"
"""All of them take twice the time: ``FLEET_ORACLE=all``."""
NAMES = EVERY if ALL else _cover()
