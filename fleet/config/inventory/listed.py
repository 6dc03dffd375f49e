"""What an executable inventory answers to ``--list`` and ``--host`` → the tree."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fleet.config.inventory.tree import BUILT_IN, Placed, Tree
from fleet.config.inventory.var_names import check_name
from fleet.config.problems import Problems
from fleet.errors import ConfigError, Position
from fleet.model.unsafe import Unsafe

Run = Callable[[pathlib.Path, tuple[str, ...]], str]
"""Runs the file with these words and answers what it prints. Raises ConfigError."""

META = "_meta"
KEYS = ("hosts", "vars", "children")
UNSAFE = "__ansible_unsafe"


def read_listed(path: pathlib.Path, shown: str, run: Run, tree: Tree, problems: Problems) -> None:
    """Hosts are asked for one by one only where ``--list`` does not tell their variables. Raises
    ConfigError."""
    at = Position(shown)
    listed = _asked(path, ("--list",), run, at)
    meta = listed.pop(META, None)
    reader = _Reader(at, tree, problems)
    for name, group in listed.items():
        reader.group(name, group)
    variables = meta.get("hostvars") if isinstance(meta, dict) else None
    for host in reader.hosts:
        if isinstance(variables, dict):
            reader.variables(host, variables.get(host, {}))
        else:
            reader.variables(host, _asked(path, ("--host", host), run, at))


def _asked(path: pathlib.Path, words: tuple[str, ...], run: Run, at: Position) -> dict[str, Any]:
    said = run(path, words)
    try:
        # A program that knows nothing of a host may say nothing.
        found = json.loads(said) if said.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{' '.join(words)}: its answer is no JSON", why=str(error), at=at) from error
    if not isinstance(found, dict):
        raise ConfigError(f"{' '.join(words)}: its answer is no JSON object", at=at)
    return found


class _Reader:
    def __init__(self, at: Position, tree: Tree, problems: Problems) -> None:
        self._at = at
        self._tree = tree
        self._problems = problems
        self.hosts: dict[str, None] = {}

    def group(self, name: str, value: Any) -> None:
        if isinstance(value, list):
            value = {"hosts": value}
        elif isinstance(value, dict) and not any(key in value for key in KEYS):
            # The oldest form: a host with its variables, in a group of its name.
            value = {"hosts": [name], "vars": {key: _marked(item) for key, item in value.items()}}
        if not isinstance(value, dict):
            self._wrong(f"group {name!r} is a list of hosts, or has hosts, vars and children")
            return
        self._tree.add_group(name)
        for host in self._items(name, "hosts", value):
            if host in BUILT_IN:
                self._wrong(f"a host cannot be called {host!r}: that is a group")
            else:
                self.hosts[host] = None
                self._tree.add_host(host, name, None, self._at)
        variables = value.get("vars") or {}
        if not isinstance(variables, Mapping):
            self._wrong(f"vars of group {name!r} is a mapping")
            return
        for variable, placed in self._placed(variables):
            self._tree.set_group_var(name, variable, placed)
        for child in self._items(name, "children", value):
            self._tree.add_group(child)
            self._tree.add_child(name, child, self._at)

    def variables(self, host: str, found: Any) -> None:
        if not isinstance(found, Mapping):
            self._wrong(f"the variables of host {host!r} are a mapping")
            return
        for variable, placed in self._placed(found):
            self._tree.set_host_var(host, variable, placed)

    def _placed(self, variables: Mapping[str, Any]) -> Iterator[tuple[str, Placed]]:
        for name, content in variables.items():
            if check_name(name, self._at, self._problems):
                yield name, Placed(_unmarked(content), self._at)

    def _items(self, group: str, key: str, value: Mapping[str, Any]) -> list[str]:
        names = value.get(key) or []
        if isinstance(names, list) and all(isinstance(name, str) and name for name in names):
            return names
        self._wrong(f"{key} of group {group!r} is a list of names")
        return []

    def _wrong(self, what: str) -> None:
        self._problems.error(what, self._at)


def _marked(value: Any) -> Any:
    """Of the oldest form no text is a template."""
    if isinstance(value, list):
        return [_marked(item) for item in value]
    if isinstance(value, dict):
        return {key: _marked(item) for key, item in value.items()}
    return {UNSAFE: value} if isinstance(value, str) else value


def _unmarked(value: Any) -> Any:
    """Text that the program marks as no template is taken as it stands."""
    if isinstance(value, list):
        return [_unmarked(item) for item in value]
    if isinstance(value, dict):
        if tuple(value) == (UNSAFE,):
            return Unsafe(value[UNSAFE])
        return {key: _unmarked(item) for key, item in value.items()}
    return value
