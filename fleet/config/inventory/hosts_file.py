"""One ``hosts.yml``: groups with ``hosts``, ``children`` and ``vars`` → the tree."""

from __future__ import annotations

from typing import Any

from fleet.config.inventory.host_names import expand
from fleet.config.inventory.tree import BUILT_IN, Placed, Tree
from fleet.config.inventory.var_names import check_name
from fleet.config.problems import Problems
from fleet.config.yaml import Document, Path
from fleet.suggest import suggest

SECTIONS = ("children", "hosts", "vars")


def read(document: Document, tree: Tree, problems: Problems) -> None:
    """Add what ``document`` says to ``tree``."""
    value = document.value
    if not value:
        problems.error("the inventory is empty", document.at(()), hint="name a group and its hosts")
    elif not isinstance(value, dict):
        problems.error(f"an inventory is a mapping of groups, not {_kind(value)}", document.at(()))
    elif "plugin" in value:
        what = "the configuration of an inventory plugin, which Fleet does not run"
        problems.error(what, document.key_at(("plugin",)), hint="write the hosts down in hosts.yml")
    else:
        reader = _Reader(document, tree, problems)
        for name in value:
            reader.group(name, value[name], (name,))


class _Reader:
    def __init__(self, document: Document, tree: Tree, problems: Problems) -> None:
        self._document = document
        self._tree = tree
        self._problems = problems

    def group(self, name: Any, value: Any, path: Path) -> bool:
        at = self._document.key_at(path)
        if not isinstance(name, str) or not name:
            self._problems.error(f"a group's name is text, not {name!r}", at, hint="put it in quotes")
            return False
        self._tree.add_group(name)
        if value is None:
            return True
        if not isinstance(value, dict):
            what = f"group {name!r} is a mapping with hosts, children or vars, not {_kind(value)}"
            self._problems.error(what, self._document.at(path))
            return True
        for key in value:
            self._section(name, key, value[key], (*path, key))
        return True

    def _section(self, group: str, key: Any, value: Any, path: Path) -> None:
        if key not in SECTIONS:
            what = f"unknown key {key!r} in group {group!r}{suggest(str(key), SECTIONS)}"
            hint = "a group has hosts, children and vars; a group below it goes under children"
            self._problems.error(what, self._document.key_at(path), hint=hint)
            return
        if isinstance(value, str):
            # One word stands for a mapping with that word as its only key.
            value = {value: None}
        if value is None:
            return
        if not isinstance(value, dict):
            what = f"{key!r} of group {group!r} is a mapping, not {_kind(value)}"
            hint = (
                "end each name with ':' instead of beginning it with '- '" if isinstance(value, list) else ""
            )
            self._problems.error(what, self._document.at(path), hint=hint)
            return
        for name in value:
            below = (*path, name)
            if key == "vars":
                self._variable(group, name, value[name], below)
            elif key == "children":
                if self.group(name, value[name], below):
                    self._tree.add_child(group, name, self._document.key_at(below))
            else:
                self._hosts(group, name, value[name], below)

    def _variable(self, group: str, name: Any, value: Any, path: Path) -> None:
        if check_name(name, self._document.key_at(path), self._problems):
            self._tree.set_group_var(group, name, Placed(value, self._document.at(path)))

    def _hosts(self, group: str, pattern: Any, value: Any, path: Path) -> None:
        at = self._document.key_at(path)
        if not isinstance(pattern, str) or not pattern:
            self._problems.error(f"a host's name is text, not {pattern!r}", at, hint="put it in quotes")
            return
        try:
            names, port = expand(pattern)
        except ValueError as error:
            self._problems.error(f"host range {pattern!r} is wrong", at, why=str(error))
            return
        if value and not isinstance(value, dict):
            what = f"host {pattern!r} is a mapping of variables, not {_kind(value)}"
            self._problems.error(what, self._document.at(path))
            return
        placed = {
            name: Placed(value[name], self._document.at((*path, name)))
            for name in value or ()
            if check_name(name, self._document.key_at((*path, name)), self._problems)
        }
        for host in names:
            if host in BUILT_IN:
                self._problems.error(f"a host cannot be called {host!r}: that is a group", at)
                continue
            self._tree.add_host(host, group, port, at)
            for name, variable in placed.items():
                self._tree.set_host_var(host, name, variable)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"{value!r}"
