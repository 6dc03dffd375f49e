"""``inv inventory --explain`` and ``--graph``: where each value comes from, and what it beat."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.app.inventory import explained, read_inventory
from fleet.errors import UsageError
from tests.unit.test_cli import process

HOSTS = """\
all:
  vars: {level: 1, ansible_connection: local}
web:
  hosts:
    web-1: {level: 5}
    web-2:
  vars: {level: 2, ansible_group_priority: 2}
near:
  hosts: {web-1: }
  vars: {level: 3}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    env = tmp_path / "inventories" / "test"
    (env / "group_vars").mkdir(parents=True)
    (env / "host_vars").mkdir()
    (env / "hosts.yml").write_text(HOSTS)
    (env / "group_vars" / "all.yml").write_text("level: 4\npassword: !secret env:P\n")
    (env / "host_vars" / "web-1.yml").write_text("level: [6, {deep: ö}]\n")
    return tmp_path


def test_every_value_with_its_place_the_strongest_first(root: Path) -> None:
    assert list(explained(root, read_inventory(root, "test"), "web-1")) == [
        "ansible_connection: local",
        "    inventories/test/hosts.yml:2:40 (group all)",
        'level: [6, {"deep": "ö"}]',
        "    inventories/test/host_vars/web-1.yml:1:8 (host web-1)",
        "    beats 5 of inventories/test/hosts.yml:5:20 (host web-1)",
        "    beats 4 of inventories/test/group_vars/all.yml:1:8 (group all)",
        "    beats 2 of inventories/test/hosts.yml:7:17 (group web)",
        "    beats 3 of inventories/test/hosts.yml:10:17 (group near)",
        "    beats 1 of inventories/test/hosts.yml:2:17 (group all)",
        "password: !secret env:P",
        "    inventories/test/group_vars/all.yml:2:11 (group all)",
    ]


def test_what_wins_is_what_the_host_has(root: Path) -> None:
    inventory = read_inventory(root, "test")
    (line,) = (one for one in explained(root, inventory, "web-2") if one.startswith("level: "))
    assert line == f"level: {inventory.hosts['web-2'].vars['level']}"


def test_a_host_that_is_none(root: Path) -> None:
    with pytest.raises(UsageError, match="--explain web-3: no such host, did you mean 'web-"):
        list(explained(root, read_inventory(root, "test"), "web-3"))


def test_the_commands(root: Path) -> None:
    graph = process(root, "inventory", "--env", "test", "--graph")
    assert graph.stdout == (
        "@all:\n  |--@ungrouped:\n  |--@web:\n  |  |--web-1\n  |  |--web-2\n  |--@near:\n  |  |--web-1\n"
    )
    assert "beats 5 of" in process(root, "inventory", "--env", "test", "--explain", "web-1").stdout
    assert process(root, "inventory", "--env", "test", "--explain", "none").returncode == 64


def test_an_executable_inventory_is_one_like_others(tmp_path: Path) -> None:
    env = tmp_path / "inventories" / "test"
    env.mkdir(parents=True)
    hosts = env / "hosts"
    hosts.write_text(
        '#!/bin/sh\necho \'{"web": {"hosts": ["web-1"], "vars": {"ansible_connection": "local"}},'
        ' "_meta": {"hostvars": {}}}\'\n'
    )
    hosts.chmod(0o755)
    done = process(tmp_path, "exec", "--env", "test", "--", "echo", "hello")
    assert done.returncode == 0, done.stderr
    assert "web-1 | hello" in done.stdout
