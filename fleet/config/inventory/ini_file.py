"""An inventory in Ansible's INI: sections of hosts, ``:children`` and ``:vars`` → the tree."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from collections.abc import Iterator
from typing import Any

from fleet.config.inventory.host_names import expand
from fleet.config.inventory.tree import BUILT_IN, Placed, Tree
from fleet.config.inventory.var_names import check_name
from fleet.config.problems import Problems
from fleet.errors import Position
from fleet.suggest import suggest

SECTION = re.compile(r"\[([^\s:\]]+)(?::(\w+))?\]\s*(?:#.*)?")
GROUP = re.compile(r"([^\s:\]]+)\s*(?:#.*)?")
KINDS = ("hosts", "children", "vars")


def read_ini(text: str, file: str, tree: Tree, problems: Problems) -> None:
    """Add what ``text`` says to ``tree``. Hosts before the first section are in no group."""
    reader = _Reader(tree, problems)
    for at, line in _lines(text, file):
        reader.line(line, at)
    if not reader.something:
        problems.error("the inventory is empty", Position(file), hint="name a group and its hosts")
    reader.end()


def _lines(text: str, file: str) -> Iterator[tuple[Position, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if said and said[0] not in "#;":
            yield Position(file, number, line.index(said) + 1), said


class _Reader:
    def __init__(self, tree: Tree, problems: Problems) -> None:
        self._tree = tree
        self._problems = problems
        self._group, self._kind = "ungrouped", "hosts"
        self._waiting: dict[str, list[tuple[str, Position]]] = {}
        """Child that no section has declared yet → its parents."""
        self._vars: dict[str, Position] = {}
        """Group of which only variables are known yet."""
        self.something = False

    def line(self, line: str, at: Position) -> None:
        self.something = True
        if line.startswith("[") and (found := SECTION.fullmatch(line)):
            self._section(found[1], found[2] or "hosts", at)
        elif line.startswith("[") and line.endswith("]"):
            hint = "it is [group], [group:children] or [group:vars], without spaces"
            self._problems.error(f"the section {line} cannot be read", at, hint=hint)
        elif self._kind == "hosts":
            self._host(line, at)
        elif self._kind == "children":
            self._child(line, at)
        else:
            self._variable(line, at)

    def end(self) -> None:
        for child, parents in self._waiting.items():
            for parent, at in parents:
                what = f"there is no group {child!r}, which is to be a child of {parent!r}"
                self._problems.error(f"{what}{suggest(child, self._tree.groups)}", at)
        for group, at in self._vars.items():
            what = f"variables of group {group!r}, which no other section declares"
            known = [name for name in self._tree.groups if name not in self._vars]
            self._problems.error(f"{what}{suggest(group, known)}", at)

    def _section(self, group: str, kind: str, at: Position) -> None:
        if kind not in KINDS:
            self._problems.error(
                f"the section [{group}:{kind}] is of no known kind{suggest(kind, KINDS)}", at
            )
        self._group, self._kind = group, kind
        known = group in self._tree.groups
        self._tree.add_group(group)
        if kind == "vars":
            if not known and group not in self._waiting:
                self._vars[group] = at
            return
        self._vars.pop(group, None)
        # A child stands where it is declared, as Ansible has it.
        for parent, place in self._waiting.pop(group, ()):
            self._tree.add_child(parent, group, place)

    def _child(self, line: str, at: Position) -> None:
        found = GROUP.fullmatch(line)
        if not found:
            self._problems.error(f"{line!r} is no name of a group", at)
        elif found[1] in self._tree.groups and found[1] not in self._waiting:
            self._tree.add_child(self._group, found[1], at)
        else:
            self._waiting.setdefault(found[1], []).append((self._group, at))

    def _variable(self, line: str, at: Position) -> None:
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            self._problems.error(f"{line!r} sets no variable", at, hint="it is: name=value")
        elif check_name(name, at, self._problems):
            self._tree.set_group_var(self._group, name, Placed(self._value(value, at), at))

    def _host(self, line: str, at: Position) -> None:
        try:
            pattern, *settings = shlex.split(line, comments=True)
            names, port = expand(pattern)
        except ValueError as error:
            self._problems.error(f"the host {line!r} cannot be read", at, why=str(error))
            return
        placed = {}
        for setting in settings:
            name, equals, value = setting.partition("=")
            if not equals:
                what = f"{setting!r} sets no variable of {pattern!r}"
                self._problems.error(what, at, hint="it is: host name=value; quote values that have spaces")
            elif check_name(name, at, self._problems):
                placed[name] = Placed(self._value(value, at), at)
        for host in names:
            if host in BUILT_IN:
                self._problems.error(f"a host cannot be called {host!r}: that is a group", at)
                continue
            self._tree.add_host(host, self._group, port, at)
            for name, variable in placed.items():
                self._tree.set_host_var(host, name, variable)

    def _value(self, text: str, at: Position) -> Any:
        """As Python would read it, else text."""
        if text.startswith("!secret "):
            what = "a secret cannot be referred to from INI"
            self._problems.error(what, at, hint="set the variable in group_vars or host_vars, which are YAML")
        try:
            with warnings.catch_warnings():
                # Of text that only looks like Python.
                warnings.simplefilter("ignore", SyntaxWarning)
                return _plain(ast.literal_eval(text))
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return text


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if value is ... or isinstance(value, complex):
        return "..." if value is ... else str(value)
    return value
