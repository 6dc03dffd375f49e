"""YAML as plain values, with the place of every key and value.

The text is composed into nodes once; :meth:`Document.at` walks the nodes only when a message needs a place,
so that positions cost nothing while all is well.
"""

from __future__ import annotations

import contextlib
import errno
import json
import pathlib
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fleet.config.yaml_errors import control_character, not_utf8, syntax_error
from fleet.config.yaml_values import Builder, Scalars, position_of
from fleet.errors import ConfigError, ConfigErrors, Position

__all__ = ["Document", "Path", "Scalars", "is_there", "load", "load_if_there", "parse"]

Path = tuple[str | int, ...]

_UNREADABLE = {
    errno.EISDIR: "put a file in its place",
    errno.ELOOP: "it is a link that leads to itself: put a file in its place",
    errno.ENOENT: "if it is there, it is a link that leads nowhere: put a file in its place",
    errno.EACCES: "let your user read it, and enter its directory",
}
"""What to do about a file that cannot be read."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One parsed file. ``value`` is shared wherever the text uses an alias: read it, do not change it."""

    file: str
    value: Any = field(repr=False)
    _root: Node | None = field(repr=False)
    _index: dict[int, dict[Any, tuple[Node, Node]]] = field(repr=False)

    def at(self, path: Path) -> Position:
        """The place of the value at ``path``, or of its nearest known ancestor."""
        found = self._steps(path)[-1]
        return self._place(found[1])

    def key_at(self, path: Path) -> Position:
        """The place of the mapping key (or list item) that ends ``path``, or of the nearest ancestor."""
        key, value = self._steps(path)[-1]
        return self._place(key or value)

    def written(self, path: Path) -> str:
        """The word that stands at ``path``, as it is written; empty for what is no single word."""
        node = self._steps(path)[-1][1]
        return str(node.value) if isinstance(node, ScalarNode) else ""

    def _steps(self, path: Path) -> list[tuple[Node | None, Node | None]]:
        steps: list[tuple[Node | None, Node | None]] = [(None, self._root)]
        for part in path:
            node = steps[-1][1]
            if isinstance(node, MappingNode) and part in self._index.get(id(node), {}):
                steps.append(self._index[id(node)][part])
            elif isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
                steps.append((None, node.value[part]))
            else:
                break
        return steps

    def _place(self, node: Node | None) -> Position:
        return position_of(self.file, node) if node is not None else Position(self.file)


def load(
    path: pathlib.Path, *, root: pathlib.Path | None = None, scalars: Scalars = Scalars.ANSIBLE
) -> Document:
    """Read and parse one file; it is shown to the operator relative to ``root`` (default: working directory).

    Raises ConfigError, or ConfigErrors for several at once: file unreadable, not UTF-8, syntax, duplicate
    key, unhashable key, unknown tag.
    """
    shown = shown_path(path, root)
    return parse(read_text(path, shown), shown, scalars=scalars)


def load_if_there(
    path: pathlib.Path, *, root: pathlib.Path | None = None, scalars: Scalars = Scalars.ANSIBLE
) -> Document | None:
    """None where nothing has that name. What is no file but stands in its place is an error: passed over, it
    would cost a role its services without a word. Raises as :func:`load` does."""
    return load(path, root=root, scalars=scalars) if is_there(path) else None


def is_there(path: pathlib.Path) -> bool:
    """Whether something has that name, be it a link that leads nowhere; also where nobody may look: reading
    it tells that."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def read_text(path: pathlib.Path, shown: str) -> str:
    """Raises ConfigError: file unreadable, not UTF-8, a NUL in it."""
    try:
        # A pipe would be waited for without end.
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ConfigError("this is no file", at=Position(shown), hint="put a file in its place")
        raw = path.read_bytes()
    except OSError as error:
        why, hint = error.strerror or str(error), _UNREADABLE.get(error.errno or 0, "")
        raise ConfigError("cannot read the file", why=why, at=Position(shown), hint=hint) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(raw, error, shown) from error
    if "\0" in text:
        raise control_character(0, text, shown)
    return text


def shown_path(path: pathlib.Path, root: pathlib.Path | None = None) -> str:
    """``path`` as messages show it: relative to ``root`` or the working directory when below it."""
    absolute = path.absolute()
    for base in (root.absolute() if root else None, pathlib.Path.cwd()):
        if base is not None and absolute.is_relative_to(base):
            return str(absolute.relative_to(base))
    return str(path)


def parse(text: str, file: str, *, scalars: Scalars = Scalars.ANSIBLE) -> Document:
    """Parse ``text``; ``file`` is the name that messages show. Raises as :func:`load` does."""
    loader = _LOADER(text)
    try:
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        raise syntax_error(error, text, file) from error
    finally:
        loader.dispose()
    builder = Builder(text, file, scalars)
    try:
        value = builder.value(root) if root is not None else None
    except RecursionError as error:
        raise ConfigError("nested too deeply", at=Position(file)) from error
    if len(builder.errors) == 1:
        raise builder.errors[0]
    if builder.errors:
        raise ConfigErrors(builder.errors)
    return Document(file, _as_json(text, value, scalars), root, builder.index)


def _as_json(text: str, value: Any, scalars: Scalars) -> Any:
    """Ansible tries JSON first, and JSON knows numbers that YAML 1.1 takes for text, such as 1e3."""
    if scalars is Scalars.ANSIBLE and text.lstrip()[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return value
