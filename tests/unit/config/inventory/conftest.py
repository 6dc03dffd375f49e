"""Ansible itself, in this process: the oracle of the inventory tests."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

# Read by Ansible when it is imported: nothing of this machine's own, and what it cannot read is an error.
os.environ["ANSIBLE_CONFIG"] = str(pathlib.Path(__file__).with_name("ansible.cfg"))


class OrderedSet(dict[Any, None]):
    """Stands in for ``set`` where Ansible walks a set of groups, whose order is that of memory addresses."""

    def __init__(self, items: Any = ()) -> None:
        super().__init__(dict.fromkeys(items))

    def add(self, item: Any) -> None:
        self[item] = None

    def update(self, items: Any) -> None:
        super().update(dict.fromkeys(items))

    def difference_update(self, items: Any) -> None:
        for item in items:
            self.pop(item, None)

    def __contains__(self, item: object) -> bool:
        return super().__contains__(item)


class Ansible:
    """``ansible-inventory --list`` and ``ansible PATTERN --list-hosts`` without a process each."""

    def __init__(self) -> None:
        import ansible.inventory.group as group_module
        from ansible.cli.inventory import InventoryCLI

        self._cli = InventoryCLI(["ansible-inventory", "--list"])
        self._cli.parse()
        group_module.set = OrderedSet  # type: ignore[attr-defined]

    def load(self, hosts_file: pathlib.Path) -> Loaded:
        from ansible.inventory.manager import InventoryManager
        from ansible.parsing.dataloader import DataLoader
        from ansible.plugins.vars import host_group_vars
        from ansible.vars.manager import VariableManager

        for cache in (host_group_vars.CANONICAL_PATHS, host_group_vars.FOUND, host_group_vars.NAK):
            cache.clear()
        loader = DataLoader()
        manager = InventoryManager(loader, sources=[str(hosts_file)])
        return Loaded(self._cli, loader, manager, VariableManager(loader, manager))


class Loaded:
    def __init__(self, cli: Any, loader: Any, manager: Any, variables: Any) -> None:
        self._cli, self._loader, self._manager, self._variables = cli, loader, manager, variables

    def list_json(self) -> dict[str, Any]:
        self._cli.loader, self._cli.inventory, self._cli.vm = self._loader, self._manager, self._variables
        return json.loads(self._cli.dump(self._cli.json_inventory(self._manager.groups["all"])))

    def graph(self) -> str:
        return "\n".join(self._cli._graph_group(self._manager.groups["all"]))

    def list_hosts(self, pattern: str) -> list[str]:
        return [host.name for host in self._manager.list_hosts(pattern)]

    def limited(self, pattern: str) -> list[str]:
        self._manager.subset(pattern)
        try:
            return [host.name for host in self._manager.list_hosts("all")]
        finally:
            self._manager.subset(None)

    def group_hosts(self) -> dict[str, list[str]]:
        return self._manager.get_groups_dict()


@pytest.fixture(scope="session")
def ansible() -> Ansible:
    return Ansible()


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Callable[[dict[str, str]], pathlib.Path]:
    """Writes files below ``inventories/test`` of a project and gives the project's root."""

    def write(files: dict[str, str]) -> pathlib.Path:
        for name, text in files.items():
            path = tmp_path / "inventories" / "test" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write
