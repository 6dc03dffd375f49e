"""The settled tree and the vars directories → hosts with their merged variables."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

from fleet.config.inventory.tree import Placed, Tree
from fleet.config.inventory.vars_files import VarsDirectory
from fleet.config.problems import Problems
from fleet.errors import ConfigError
from fleet.model.hosts import Group, Host, is_template

# Reading a property checks its variable.
_CHECKED = (
    *("address", "port", "user", "key_file", "common_args", "connection"),
    *("become", "become_user", "become_method"),
)


def merge_hosts(
    tree: Tree, group_vars: VarsDirectory, host_vars: VarsDirectory, problems: Problems
) -> dict[str, Host]:
    """Later ones win: ``all`` in the file, its groups, ``group_vars/all``, the groups' ``group_vars``,
    the host in the file, ``host_vars``. Groups among themselves: by depth, priority, name.
    """
    from_files = {name: group_vars.variables(name) for name in tree.groups}
    direct: dict[str, list[str]] = {name: [] for name in tree.hosts}
    for group in tree.groups.values():
        for host in group.hosts:
            direct[host].append(group.name)
    shared: dict[frozenset[str], dict[str, Placed]] = {}
    hosts = {}
    for name, node in tree.hosts.items():
        own = direct[name]
        names = frozenset(own).union(*(tree.groups[group].above for group in own)) - {"all"}
        if names not in shared:
            shared[names] = _group_variables(tree, names, from_files)
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


def _group_variables(
    tree: Tree, names: frozenset[str], from_files: dict[str, dict[str, Placed]]
) -> dict[str, Placed]:
    nodes = [tree.groups[name] for name in names]
    order = sorted(nodes, key=lambda group: (group.depth, group.priority, group.name))
    merged: dict[str, Placed] = dict(tree.groups["all"].vars)
    for group in order:
        merged.update(group.vars)
    # All of group_vars/ comes after all of the inventory file: group_vars/all beats a child group's own vars.
    merged.update(from_files["all"])
    for group in order:
        merged.update(from_files[group.name])
    return merged


def _check_connection(host: Host, problems: Problems) -> None:
    known = {name: value for name, value in host.vars.items() if not is_template(value)}
    host = dataclasses.replace(host, vars=known)
    for name in _CHECKED:
        try:
            getattr(host, name)
        except ConfigError as error:
            problems.add(error)
