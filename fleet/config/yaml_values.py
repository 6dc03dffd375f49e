"""YAML nodes → plain values: what words mean, tags, merge keys, duplicate keys."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from fleet.config.yaml_errors import excerpt, shortened
from fleet.errors import ConfigError, Position
from fleet.model.unsafe import Unsafe
from fleet.secret import PROVIDERS, SecretRef
from fleet.suggest import suggest

_STANDARD = "tag:yaml.org,2002:"
_KINDS: dict[type, set[str]] = {
    MappingNode: {"map"},
    SequenceNode: {"seq"},
    # A lone << or = is text unless it is a key.
    ScalarNode: {"null", "bool", "int", "float", "timestamp", "str", "merge", "value"},
}
_RESOLVER: Any = Resolver()
_REPEATS = 1_000_000
"""Values that aliases may stand for: a few lines of aliases of aliases are billions."""


class Scalars(enum.Enum):
    """What unquoted words mean."""

    ANSIBLE = "YAML 1.1: yes/no/on/off are booleans, 22:22 is a number in base 60, 2026-01-31 is a date"
    COMPOSE = "as Compose reads them: of these only true and false are more than text"


class Builder:
    """Nodes to values; goes on after an error so that one run shows them all."""

    def __init__(self, text: str, file: str, scalars: Scalars) -> None:
        self.errors: list[ConfigError] = []
        self.index: dict[int, dict[Any, tuple[Node, Node]]] = {}
        self._text = text
        self._file = file
        self._scalars = scalars
        self._constructor = SafeConstructor()
        self._done: dict[tuple[int, bool], Any] = {}
        self._open: set[int] = set()
        self._sizes: dict[tuple[int, bool], int] = {}
        self._values = 0
        self._repeats = 0

    def value(self, node: Node, unsafe: bool = False) -> Any:
        key = (id(node), unsafe)
        if key in self._done:
            self._repeat(node, self._sizes[key])
            return self._done[key]
        if id(node) in self._open:
            return self._error(node, "an alias inside the very value that it stands for")
        self._open.add(id(node))
        before = self._values
        self._values += 1
        try:
            result = self._done[key] = self._build(node, unsafe)
            self._sizes[key] = self._values - before
        finally:
            self._open.discard(id(node))
        return result

    def _repeat(self, node: Node, size: int) -> None:
        self._values += size
        room, self._repeats = self._repeats <= _REPEATS, self._repeats + size
        if room and self._repeats > _REPEATS:
            what = f"aliases repeat this and other values until there are more than {_REPEATS}"
            self._error(node, what, "use fewer aliases of aliases")

    def _build(self, node: Node, unsafe: bool) -> Any:
        kind = node.tag.removeprefix(_STANDARD)
        if node.tag == "!secret":
            return self._secret(node)
        if node.tag == "!unsafe":
            unsafe = True
        elif node.tag in ("!vault", "!vault-encrypted"):
            hint = "refer to the secret instead: !secret env:NAME, !secret file:PATH or !secret command:WORDS"
            return self._error(node, f"{node.tag} is not supported: Fleet holds no vault password", hint)
        elif kind not in _KINDS[type(node)]:
            tag = node.tag.replace(_STANDARD, "!!")
            near = "" if tag.startswith("!!") else suggest(tag, ("!secret", "!unsafe"))
            return self._error(node, f"unknown tag {tag!r}{near}")
        if isinstance(node, MappingNode):
            return self._mapping(node, unsafe)
        if isinstance(node, SequenceNode):
            return [self.value(item, unsafe) for item in node.value]
        return self._scalar(node, kind, unsafe)

    def _scalar(self, node: Node, kind: str, unsafe: bool) -> Any:
        if node.tag == "!unsafe":
            # As Ansible does it: the tag hides whether there were quotes, so !unsafe "5" is a number.
            kind = _RESOLVER.resolve(ScalarNode, node.value, (True, False)).removeprefix(_STANDARD)
        if self._scalars is Scalars.COMPOSE and _text_in_compose(kind, node.value):
            kind = "str"
        if kind in ("str", "merge", "value"):
            return Unsafe(node.value) if unsafe else node.value
        try:
            return getattr(self._constructor, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError, ConstructorError, AttributeError):
            return self._error(
                node, f"{shortened(node.value)!r} is not a valid {kind}", "quote it if it is text"
            )

    def _secret(self, node: Node) -> Any:
        if not isinstance(node, ScalarNode):
            return self._error(node, "!secret takes one word, such as env:NAME")
        provider, colon, name = node.value.partition(":")
        if not colon or not name.strip():
            return self._error(
                node, f"!secret {node.value!r} is not of the form provider:name", "such as env:NAME"
            )
        if provider not in PROVIDERS:
            known = ", ".join(PROVIDERS)
            what = f"unknown secret provider {provider!r}{suggest(provider, PROVIDERS)}"
            return self._error(node, what, f"known: {known}")
        return SecretRef(provider, name.strip(), at=position_of(self._file, node))

    def _mapping(self, node: MappingNode, unsafe: bool) -> dict[Any, Any]:
        merged: dict[Any, tuple[Node, Node]] = {}
        own: dict[Any, tuple[Node, Node]] = {}
        merge_key: Node | None = None
        for key_node, value_node in node.value:
            if key_node.tag == _STANDARD + "merge":
                if merge_key is not None:
                    self._duplicate(key_node, merge_key, "<<", "merge several at once: <<: [*one, *other]")
                merge_key = key_node
                merged = dict(self._merged(value_node, unsafe))
                continue
            if not isinstance(key_node, ScalarNode):
                self._unhashable(node, key_node)
                continue
            key = self.value(key_node)
            if isinstance(key, SecretRef):
                self._error(key_node, "a mapping key cannot be a secret")
            elif key in own:
                self._duplicate(key_node, own[key][0], key_node.value)
            else:
                own[key] = (key_node, value_node)
        # A merged key keeps its place in the order, its value yields to the mapping's own.
        entries = {**merged, **own}
        self.index[id(node)] = entries
        return {key: self.value(value_node, unsafe) for key, (_, value_node) in entries.items()}

    def _merged(self, node: Node, unsafe: bool) -> Iterator[tuple[Any, tuple[Node, Node]]]:
        sources = reversed(node.value) if isinstance(node, SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, MappingNode):
                self._error(source, "'<<' merges a mapping or a list of mappings")
                continue
            self.value(source, unsafe)
            yield from self.index.get(id(source), {}).items()

    def _duplicate(self, node: Node, first: Node, key: str, hint: str = "remove one of them") -> None:
        self._error(node, f"duplicate key {key!r}, first at {position_of(self._file, first)}", hint)

    def _unhashable(self, mapping: Node, key: Node) -> None:
        braces = self._text[mapping.start_mark.index : mapping.start_mark.index + 2] == "{{"
        if braces and isinstance(key, MappingNode):
            self._error(mapping, "a value that begins with '{{' must be quoted", 'write "{{ … }}"')
        else:
            self._error(key, "a mapping key must be a single word or text, not a list or mapping")

    def _error(self, node: Node, what: str, hint: str = "") -> Any:
        at = position_of(self._file, node)
        self.errors.append(ConfigError(what, why=excerpt(self._text, at), hint=hint, at=at))


def _text_in_compose(kind: str, text: str) -> bool:
    if kind == "bool":
        return text.lower() not in ("true", "false")
    return kind == "timestamp" or (kind in ("int", "float") and ":" in text)


def position_of(file: str, node: Node) -> Position:
    return Position(file, node.start_mark.line + 1, node.start_mark.column + 1)
