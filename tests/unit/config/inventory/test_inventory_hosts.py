"""Hosts as the rest of Fleet sees them: connection, groups, secrets, places."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time

import pytest

from fleet.config.inventory import limit, load_inventory, to_list_json
from fleet.errors import ConfigError, Position
from fleet.model.hosts import Host
from fleet.secret import SecretRef

CASES = pathlib.Path(__file__).parent / "cases"


class TestConnection:
    @pytest.fixture
    def hosts(self):
        return load_inventory(CASES / "connection", "test").hosts

    def test_defaults(self):
        host = Host("web-1")
        assert (host.address, host.port, host.user, host.key_file) == ("web-1", None, None, None)
        assert (host.become, host.become_user, host.become_method) == (False, "root", "sudo")
        assert (host.common_args, host.connection) == ("", "ssh")

    def test_what_the_inventory_says(self, hosts):
        host = hosts["a"]
        assert (host.address, host.port, host.user, host.become) == ("192.0.2.1", 2222, "deploy", True)
        assert host.common_args == "-o ProxyJump=jump"
        assert (hosts["d"].key_file, hosts["d"].become_user) == ("~/.ssh/d", "app")
        assert (hosts["c"].connection, hosts["c"].become) == ("local", False)

    def test_the_older_names_win_as_in_ansible(self, hosts):
        assert (hosts["b"].address, hosts["b"].port) == ("192.0.2.2", 2200)

    def test_a_port_may_be_a_part_of_the_name(self, hosts):
        assert (hosts["2001:db8::1"].address, hosts["2001:db8::1"].port) == ("2001:db8::1", 2022)
        assert hosts["2001:db8::2"].port is None

    def test_a_template_stays_raw_until_it_is_rendered(self, hosts):
        assert hosts["c"].vars["ansible_host"] == "{{ base }}.3"
        rendered = dataclasses.replace(hosts["c"], vars={**hosts["c"].vars, "ansible_host": "192.0.2.3"})
        assert rendered.address == "192.0.2.3"

    def test_a_value_that_is_wrong_only_after_rendering_still_has_its_place(self, hosts):
        rendered = dataclasses.replace(hosts["a"], vars={"ansible_port": "none"})
        with pytest.raises(
            ConfigError, match=r"inventories/test/hosts\.yml:4:48: ansible_port cannot be 'none'"
        ):
            _ = rendered.port


class TestHost:
    def test_variables_cannot_be_changed(self):
        host = load_inventory(CASES / "nested", "test").hosts["paris-1"]
        with pytest.raises(TypeError):
            host.vars["level"] = "mine"

    def test_hosts_hash_and_compare_by_what_they_are(self):
        one, other = (load_inventory(CASES / "nested", "test").hosts["paris-1"] for _ in range(2))
        assert one == other
        assert len({one, other}) == 1
        assert one != dataclasses.replace(one, vars={})

    def test_groups_are_sorted_and_without_all(self):
        assert load_inventory(CASES / "nested", "test").hosts["paris-1"].groups == ("europe", "france", "web")

    def test_the_place_is_that_of_the_winning_value(self):
        host = load_inventory(CASES / "merge_order", "test").hosts["h1"]
        assert host.at("v4") == Position("inventories/test/group_vars/child", 1, 5)
        assert host.at("v5") == Position("inventories/test/hosts.yml", 10, 22)
        assert host.at("nothing") is None


def test_a_secret_is_a_reference_and_is_listed_as_one(project):
    root = project(
        {
            "hosts.yml": "web: {hosts: {a: {password: !secret env:DB_PASSWORD}}}\n",
            "group_vars/all.yml": "fleet_registries: {'r:5000': {username: u, password: !secret file:k}}\n",
        }
    )
    inventory = load_inventory(root, "test")
    assert inventory.hosts["a"].vars["password"] == SecretRef("env", "DB_PASSWORD")
    variables = to_list_json(inventory)["_meta"]["hostvars"]["a"]
    assert json.loads(json.dumps(variables)) == {
        "password": "!secret env:DB_PASSWORD",
        "fleet_registries": {"r:5000": {"username": "u", "password": "!secret file:k"}},
    }


def test_a_limit_keeps_the_order_of_the_inventory():
    inventory = load_inventory(CASES / "nested", "test")
    assert [host.name for host in limit(inventory, "berlin-1,paris-1")] == ["paris-1", "berlin-1"]
    assert [host.name for host in limit(inventory, None)] == list(inventory.groups["all"].members)


def test_a_thousand_hosts_load_in_well_under_a_second(project):
    hosts = "".join(
        f"    web{n:04}.example.com: {{ansible_host: 10.0.{n // 250}.{n % 250}, zone: {n}}}\n"
        for n in range(1000)
    )
    files = {f"host_vars/web{n:04}.example.com.yml": f"rack: {n}\n" for n in range(0, 1000, 10)}
    root = project(
        {"hosts.yml": f"web:\n  vars: {{a: 1}}\n  hosts:\n{hosts}", "group_vars/web.yml": "b: 2\n", **files}
    )
    start = time.process_time()
    inventory = load_inventory(root, "test")
    assert time.process_time() - start < 0.9
    assert len(inventory.hosts) == 1000
    assert inventory.hosts["web0990.example.com"].vars["rack"] == 990
