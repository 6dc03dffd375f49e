"""The settled tree and the vars directories → hosts with their merged variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Any

from fleet.config.inventory.tree import HostNode, Placed, Tree
from fleet.config.inventory.vars_files import VarsDirectory
from fleet.config.problems import Problems
from fleet.errors import ConfigError, Position
from fleet.model.hosts import Group, Host, is_template

# Reading a property checks its variable.
_CHECKED = (
    *("address", "port", "user", "key_file", "common_args", "connection"),
    *("become", "become_user", "become_method"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """A value of a variable: whose it is, and where it is written."""

    whose: str
    value: Any
    at: Position


def merge_hosts(
    tree: Tree, group_vars: VarsDirectory, host_vars: VarsDirectory, problems: Problems
) -> dict[str, Host]:
    """Later ones win: ``all`` in the file, its groups, ``group_vars/all``, the groups' ``group_vars``,
    the host in the file, ``host_vars``. Groups among themselves: by depth, priority, name.
    """
    from_files = {name: group_vars.variables(name) for name in tree.groups}
    shared: dict[frozenset[str], dict[str, Placed]] = {}
    hosts = {}
    for name, (node, names) in _memberships(tree).items():
        if names not in shared:
            shared[names] = _merged(_group_layers(tree, names, from_files))
        variables = {**shared[names], **node.vars, **host_vars.variables(name)}
        hosts[name] = Host(
            name,
            tuple(sorted(names)),
            MappingProxyType({key: placed.value for key, placed in variables.items()}),
            MappingProxyType({key: placed.at for key, placed in variables.items()}),
        )
        _check_connection(hosts[name], problems)
    return hosts


def freeze_groups(tree: Tree) -> dict[str, Group]:
    return {
        group.name: Group(
            group.name,
            tuple(group.hosts),
            tuple(group.children),
            tree.members(group.name),
            group.depth,
            group.priority,
        )
        for group in tree.groups.values()
    }


def origins(
    tree: Tree, host: str, group_vars: VarsDirectory, host_vars: VarsDirectory
) -> dict[str, tuple[Origin, ...]]:
    """Every value that a variable of ``host`` has somewhere, the one that wins first."""
    node, names = _memberships(tree)[host]
    from_files = {name: group_vars.variables(name) for name in (*names, "all")}
    layers = [*_group_layers(tree, names, from_files), (f"host {host}", node.vars)]
    layers.append((f"host {host}", host_vars.variables(host)))
    found: dict[str, list[Origin]] = {}
    for whose, variables in layers:
        for name, placed in variables.items():
            found.setdefault(name, []).insert(0, Origin(whose, placed.value, placed.at))
    return {name: tuple(found[name]) for name in sorted(found)}


def _memberships(tree: Tree) -> dict[str, tuple[HostNode, frozenset[str]]]:
    """Each host with all groups that it is in, but for ``all``."""
    direct: dict[str, list[str]] = {name: [] for name in tree.hosts}
    for group in tree.groups.values():
        for host in group.hosts:
            direct[host].append(group.name)
    return {
        name: (node, frozenset(own).union(*(tree.groups[group].above for group in own)) - {"all"})
        for name, node in tree.hosts.items()
        for own in [direct[name]]
    }


Layer = tuple[str, dict[str, Placed]]
"""Whose variables, and what they are."""


def _group_layers(
    tree: Tree, names: frozenset[str], from_files: dict[str, dict[str, Placed]]
) -> Iterator[Layer]:
    """The weakest first."""
    nodes = [tree.groups[name] for name in names]
    order = sorted(nodes, key=lambda group: (group.depth, group.priority, group.name))
    yield "group all", tree.groups["all"].vars
    for group in order:
        yield f"group {group.name}", group.vars
    # All of group_vars/ comes after all of the inventory file: group_vars/all beats a child group's own vars.
    yield "group all", from_files["all"]
    for group in order:
        yield f"group {group.name}", from_files[group.name]


def _merged(layers: Iterable[Layer]) -> dict[str, Placed]:
    merged: dict[str, Placed] = {}
    for _, variables in layers:
        merged.update(variables)
    return merged


def _check_connection(host: Host, problems: Problems) -> None:
    known = {name: value for name, value in host.vars.items() if not is_template(value)}
    host = dataclasses.replace(host, vars=known)
    for name in _CHECKED:
        try:
            getattr(host, name)
        except ConfigError as error:
            problems.add(error)
