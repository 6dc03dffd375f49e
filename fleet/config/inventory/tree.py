"""Groups and hosts while the sources are read, and the rules that every inventory ends up obeying."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fleet.config.order import Cycle, ordered
from fleet.config.problems import Problems
from fleet.errors import Position

PRIORITY = "ansible_group_priority"
BUILT_IN = ("all", "ungrouped")


@dataclass(frozen=True, slots=True)
class Placed:
    """A variable's value and where it was written."""

    value: Any
    at: Position


@dataclass(slots=True)
class GroupNode:
    name: str
    # Dicts are used as sets that keep their order.
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Position | None] = field(default_factory=dict)
    vars: dict[str, Placed] = field(default_factory=dict)
    priority: int = 1
    depth: int = 0
    """The longest way down from ``all``."""
    above: set[str] = field(default_factory=set)
    """All groups that it is in."""


@dataclass(slots=True)
class HostNode:
    name: str
    at: Position
    vars: dict[str, Placed] = field(default_factory=dict)


class Tree:
    """What the sources said. Sources add; :meth:`settle` then makes it a valid inventory."""

    def __init__(self, problems: Problems) -> None:
        self.groups: dict[str, GroupNode] = {name: GroupNode(name) for name in BUILT_IN}
        self.hosts: dict[str, HostNode] = {}
        self.groups["all"].children["ungrouped"] = None
        self._problems = problems

    def add_group(self, name: str) -> GroupNode:
        return self.groups.setdefault(name, GroupNode(name))

    def add_child(self, parent: str, child: str, at: Position) -> None:
        if child == "all" or (child == "ungrouped" and parent != "all"):
            self._problems.error(f"group {child!r} cannot be a child of {parent!r}", at)
        elif parent == "ungrouped":
            what = "group 'ungrouped' cannot have children: it holds the hosts that no other group has"
            self._problems.error(what, at)
        else:
            self.groups[parent].children.setdefault(child, at)

    def add_host(self, name: str, group: str, port: int | None, at: Position) -> None:
        if name not in self.hosts:
            self.hosts[name] = HostNode(name, at)
            if port:
                self.hosts[name].vars["ansible_port"] = Placed(port, at)
        self.groups[group].hosts.setdefault(name)

    def set_group_var(self, group: str, name: str, placed: Placed) -> None:
        if name == PRIORITY:
            self._set_priority(self.groups[group], placed)
        else:
            self.groups[group].vars[name] = placed

    def set_host_var(self, host: str, name: str, placed: Placed) -> None:
        # Ansible looks a name up among the groups first: of a host that is called like a group that is
        # already known, the variables become the group's.
        if host in self.groups:
            self.set_group_var(host, name, placed)
        else:
            self.hosts[host].vars[name] = placed

    def _set_priority(self, group: GroupNode, placed: Placed) -> None:
        try:
            group.priority = int(placed.value)
        except (TypeError, ValueError):
            self._problems.error(f"{PRIORITY} is a whole number, not {placed.value!r}", placed.at)

    def settle(self) -> bool:
        """Attach what hangs loose, find cycles, compute depths. False: a cycle, nothing more can be said."""
        below = {child for group in self.groups.values() for child in group.children}
        for name in self.groups:
            if name != "all" and name not in below:
                self.groups["all"].children.setdefault(name, None)
        self._settle_ungrouped()
        try:
            children_first = ordered({name: tuple(group.children) for name, group in self.groups.items()})
        except Cycle as cycle:
            parent, child = cycle.names[-2:]
            at = self.groups[parent].children[child]
            self._problems.error(f"group {child!r} contains itself: {cycle}", at)
            return False
        for parent in reversed(children_first):
            for child in self.groups[parent].children:
                node = self.groups[child]
                node.depth = max(node.depth, self.groups[parent].depth + 1)
                node.above |= {parent} | self.groups[parent].above
        for name, host in self.hosts.items():
            if name in self.groups:
                self._problems.warn(f"{name!r} is the name of both a group and a host", host.at)
        return True

    def _settle_ungrouped(self) -> None:
        grouped = {
            host for group in self.groups.values() if group.name not in BUILT_IN for host in group.hosts
        }
        ungrouped = self.groups["ungrouped"]
        for name in self.hosts:
            if name in grouped:
                ungrouped.hosts.pop(name, None)
            elif name in self.groups and name not in ungrouped.hosts:
                # The name is looked up among the groups first here too, as Ansible does.
                ungrouped.children.setdefault(name, None)
            else:
                ungrouped.hosts.setdefault(name)

    def members(self, group: str) -> tuple[str, ...]:
        """All hosts of ``group``: its own, then level by level those of the groups below."""
        order = dict.fromkeys(self.groups[group].hosts)
        level = [group]
        seen = {group}
        while level:
            below = dict.fromkeys(child for name in level for child in self.groups[name].children)
            level = [name for name in below if name not in seen]
            seen.update(level)
            for name in level:
                order.update(dict.fromkeys(self.groups[name].hosts))
        return tuple(order)
