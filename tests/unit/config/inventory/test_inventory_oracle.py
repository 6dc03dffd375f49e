"""The same files, read by Fleet and by Ansible: the same hosts, groups and variables."""

from __future__ import annotations

import json
import pathlib

import pytest

from fleet.app.inventory import read_inventory
from fleet.config.inventory import to_list_json
from fleet.config.inventory.graph import graph

CASES = pathlib.Path(__file__).parent / "cases"


def hosts_file(root: pathlib.Path) -> pathlib.Path:
    return next((root / "inventories" / "test").glob("hosts*"))


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
class TestEveryCase:
    def test_the_list_is_what_ansible_inventory_prints(self, case, ansible):
        root = CASES / case
        ours = json.loads(json.dumps(to_list_json(read_inventory(root, "test"))))
        assert ours == ansible.load(hosts_file(root)).list_json()

    def test_groups_have_the_same_hosts_in_the_same_order(self, case, ansible):
        root = CASES / case
        groups = read_inventory(root, "test").groups
        assert {name: list(group.members) for name, group in groups.items()} == ansible.load(
            hosts_file(root)
        ).group_hosts()

    def test_the_graph_is_what_ansible_inventory_prints(self, case, ansible):
        root = CASES / case
        assert "\n".join(graph(read_inventory(root, "test"))) == ansible.load(hosts_file(root)).graph()
