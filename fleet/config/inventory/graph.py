"""Groups and hosts as a tree, as ``ansible-inventory --graph`` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.model.hosts import Inventory


def graph(inventory: Inventory, group: str = "all", depth: int = 0) -> Iterator[str]:
    yield f"{_margin(depth)}@{group}:"
    node = inventory.groups[group]
    for child in node.children:
        yield from graph(inventory, child, depth + 1)
    # A host of "all" stands below "ungrouped".
    for host in node.hosts if group != "all" else ():
        yield f"{_margin(depth + 1)}{host}"


def _margin(depth: int) -> str:
    return "  |" * depth + "--" * bool(depth)
