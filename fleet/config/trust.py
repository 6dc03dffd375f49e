"""Which secrets a project's files ask for, as they are written, whatever they would be rendered to."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fleet.secret import PROVIDERS, SecretRef

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def asked_for(root: pathlib.Path, env: str = "") -> set[SecretRef]:
    """The secrets that the roles and the inventory of ``env`` (empty: every inventory) refer to."""
    return set().union(*asked_by_role(root, env).values())


def asked_by_role(root: pathlib.Path, env: str = "") -> dict[str, set[SecretRef]]:
    """The same by role, and those of the inventory, which are every role's, under the empty name."""
    found: dict[str, set[SecretRef]] = {}
    for path, content in _files(root, env):
        role = path.parts[1] if path.parts[0] == "roles" else ""
        found.setdefault(role, set()).update(_refs_in(path, content))
    return found


def places(env: str) -> tuple[str, str]:
    """Directories of a project that may refer to secrets."""
    return "roles", f"inventories/{env}".rstrip("/")


def _files(root: pathlib.Path, env: str) -> Iterator[tuple[pathlib.PurePosixPath, bytes]]:
    for path in (path for top in places(env) for path in sorted((root / top).rglob("*"))):
        # One that cannot be read asks for nothing.
        with contextlib.suppress(OSError):
            if path.is_file():
                yield pathlib.PurePosixPath(path.relative_to(root)), path.read_bytes()


def _refs_in(path: pathlib.PurePosixPath, content: bytes) -> Iterator[SecretRef]:
    """``path`` within the project. A file that is no YAML refers to nothing."""
    try:
        tops = list(yaml.compose_all(content, _LOADER))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return
    for top in tops:
        yield from _tagged(top, set())
        yield from _compose_secrets(path, top)


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
    """What stands under ``secrets:`` and ``configs:`` of a role, in Compose's own words. Any file of it may
    be included by its Compose file."""
    if path.parts[0] != "roles" or path.suffix not in {".yml", ".yaml"}:
        return
    sections = dict(_items(top))
    for section in ("secrets", "configs"):
        for _, item in _items(sections.get(section)):
            for key, value in _items(item):
                if key == "environment" and isinstance(value, ScalarNode):
                    yield SecretRef("env", value.value)
                elif key == "file" and section == "secrets" and isinstance(value, ScalarNode):
                    yield SecretRef("file", str(path.parent / value.value))


def _items(node: Node | None) -> Iterator[tuple[str, Node]]:
    if isinstance(node, MappingNode):
        yield from ((key.value, value) for key, value in node.value if isinstance(key, ScalarNode))
