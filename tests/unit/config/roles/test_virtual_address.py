"""A service that holds a virtual address; and the scripts of the sample's own, as every host gets them."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from fleet.config.inventory import load_inventory
from fleet.config.project import load_desired, open_project
from fleet.model.virtual import VirtualAddress
from tests.unit.config.roles.project_files import Files

ROOT = pathlib.Path(__file__).resolve().parents[4]
SERVICE = "services: {app: {image: x, %s, x-fleet: {virtual_address: {address: %s}}}}\n"


@pytest.fixture
def files(tmp_path: pathlib.Path) -> Files:
    return Files(tmp_path)


def test_the_address_is_read(files: Files) -> None:
    found = files.service(SERVICE % ("network_mode: host", "192.0.2.10"))
    assert found.virtual_address == VirtualAddress("192.0.2.10")


@pytest.mark.parametrize(
    ("mode", "address", "words"),
    [
        ("network_mode: host", "'2001:db8::1'", "is not an IPv4 address"),
        ("network_mode: host", "192.0.2.300", "is not an IPv4 address"),
        ("restart: always", "192.0.2.10", "network_mode: host"),
    ],
)
def test_only_an_ipv4_address_of_the_host_can_move(files: Files, mode: str, address: str, words: str) -> None:
    (error,) = files.errors(SERVICE % (mode, address), hosts=["web-1"])
    assert words in error


@pytest.mark.parametrize("env", ["rehearsal", "production"])
def test_the_scripts_of_the_sample_are_good_shell_and_its_password_is_hidden(env: str) -> None:
    inventory = load_inventory(ROOT, env)
    hosts = [inventory.hosts[name] for name in inventory.hosts if name.startswith("lb-")]
    desired = load_desired(open_project(ROOT, inventory), inventory, hosts, "v41")
    skews = []
    for state in desired.hosts:
        (ucarp,) = (one for one in state.services if one.virtual_address)
        assert not ucarp.container.privileged
        assert ucarp.container.cap_add == ("NET_ADMIN", "NET_RAW")
        written = {one.name: one for one in ucarp.configs[0].files}
        assert written["password"].mode == "0600"
        assert not isinstance(written["password"].content, str)
        for name in ("start-ucarp.sh", "vip-up.sh", "vip-down.sh"):
            assert written[name].mode == "0755"
            script = str(written[name].content)
            subprocess.run(["sh", "-n"], input=script.encode(), check=True, timeout=10)
        start = str(written["start-ucarp.sh"].content)
        skews.append(start.partition("--advskew=")[2].split()[0])
    assert skews == ["0", "10"]
