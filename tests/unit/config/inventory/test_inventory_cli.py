"""The real commands, so that the oracle in this process is known to be the one that operators run."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

from fleet.config.inventory import load_inventory, select, to_list_json

HERE = pathlib.Path(__file__).parent
CASES = HERE / "cases"


def run(command: str, *arguments: str) -> str:
    program = pathlib.Path(sys.executable).with_name(command)
    environment = {**os.environ, "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


def test_the_list_is_what_the_command_prints():
    root = CASES / "merge_order"
    printed = run("ansible-inventory", "-i", str(root / "inventories/test/hosts.yml"), "--list")
    assert json.dumps(to_list_json(load_inventory(root, "test")), sort_keys=True, indent=4) == printed.rstrip(
        "\n"
    )


def test_a_pattern_picks_the_hosts_that_the_command_lists():
    root = CASES / "nested"
    pattern = "web:europe:!paris-2"
    printed = run("ansible", pattern, "-i", str(root / "inventories/test/hosts.yml"), "--list-hosts")
    names = [host.name for host in select(load_inventory(root, "test"), pattern)]
    assert [f"  hosts ({len(names)}):", *(f"    {name}" for name in names)] == printed.splitlines()
