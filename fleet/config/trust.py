"""Which secrets a project's files ask for, as they are written, whatever they would be rendered to."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fleet.config.roles.source import COMPOSE_FILE
from fleet.secret import PROVIDERS, SecretRef

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def asked_for(root: pathlib.Path, env: str = "", role: str = "") -> set[SecretRef]:
    """The secrets that ``role`` (empty: every role) and the inventory of ``env`` (empty: every inventory)
    refer to, as the files are now."""
    return refs_in(_files(root, env, role))


def places(env: str, role: str = "") -> tuple[str, str]:
    """Directories of a project that may refer to secrets of a role."""
    return f"roles/{role}".rstrip("/"), f"inventories/{env}".rstrip("/")


def _files(root: pathlib.Path, env: str, role: str) -> Iterator[tuple[str, bytes]]:
    for path in (path for top in places(env, role) for path in sorted((root / top).rglob("*"))):
        # One that cannot be read asks for nothing.
        with contextlib.suppress(OSError):
            if path.is_file():
                yield path.relative_to(root).as_posix(), path.read_bytes()


def refs_in(files: Iterable[tuple[str, bytes]]) -> set[SecretRef]:
    """``files``: paths within the project, and what they hold. One that is no YAML refers to nothing."""
    found: set[SecretRef] = set()
    for path, content in files:
        try:
            tops = list(yaml.compose_all(content, _LOADER))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            continue
        for top in tops:
            found.update(_tagged(top, set()))
            found.update(_compose_secrets(pathlib.PurePosixPath(path), top))
    return found


def _tagged(node: Node | None, seen: set[int]) -> Iterator[SecretRef]:
    """Every ``!secret provider:name``."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        provider, colon, name = node.value.partition(":")
        if node.tag == "!secret" and colon and provider in PROVIDERS:
            yield SecretRef(provider, name.strip())
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _tagged(item, seen)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _tagged(key, seen)
            yield from _tagged(value, seen)


def _compose_secrets(path: pathlib.PurePosixPath, top: Node | None) -> Iterator[SecretRef]:
    """What stands under ``secrets:`` of a role, in Compose's own words."""
    if path.name != COMPOSE_FILE or path.parts[0] != "roles":
        return
    for _, secret in _items(dict(_items(top)).get("secrets")):
        for key, value in _items(secret):
            if key == "environment" and isinstance(value, ScalarNode):
                yield SecretRef("env", value.value)
            elif key == "file" and isinstance(value, ScalarNode):
                yield SecretRef("file", str(path.parent / value.value))


def _items(node: Node | None) -> Iterator[tuple[str, Node]]:
    if isinstance(node, MappingNode):
        yield from ((key.value, value) for key, value in node.value if isinstance(key, ScalarNode))
