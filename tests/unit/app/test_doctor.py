"""The doctor on a fleet in memory: what it finds, whatever answers, and how it ends."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable

import pytest

from fleet.app.doctor import doctor
from fleet.errors import Exit
from fleet.ops.effects import ApiCall
from fleet.transport.base import ApiFailed
from fleet.transport.known_hosts import HostKeyRefused
from tests.unit.app.conftest import COMPOSE, Shop


@pytest.fixture
def well(shop: Shop) -> Shop:
    """Nothing is wrong with it."""
    (shop.root / "inventories" / "test" / "known_hosts").write_text("")
    return shop


def test_all_is_well(well: Shop) -> None:
    session = well.session("unknown")
    assert doctor(session) == Exit.OK
    assert well.told.lines[-1] == "all is well", well.told.text
    checks = [line.split()[1] for line in well.told.lines if line.startswith("  ✓")]
    assert checks == ["files", "secrets", "host", "disk", "open", "ssh", "docker", "ports", "disk", "inodes",
                      "dns", "registry", "clock"]  # fmt: skip
    assert {host.log[-1] for host in well.fleet.hosts.values()} == {"ResolveDigest"}
    assert {name: host.log for name, host in well.fleet.hosts.items()}["web-2"] == [
        "probe", "examine", "ResolveDigest",
    ], "two scripts and a question are all that a host is asked"  # fmt: skip


def test_a_version_has_to_be_there(well: Shop) -> None:
    assert doctor(well.session("v1")) == Exit.OK
    assert "registry.example:5000 answers and has registry.example:5000/app:v1" in well.told.text
    assert doctor(well.session("v9")) == Exit.FAILED
    assert "✗ registry    web-[1-3]: there is no image registry.example:5000/app:v9" in well.told.text


def test_hosts_that_do_not_answer_hide_no_other(well: Shop) -> None:
    well.fleet.unreachable.add("web-2")
    assert doctor(well.session("unknown")) == Exit.UNREACHABLE
    assert "  ✗ ssh         web-2: connection refused" in well.told.lines
    assert "  ✓ docker      web-1 web-3: 26.1" in well.told.lines
    assert well.told.lines[-1] == "1 error"


def test_a_host_key_is_told_apart(well: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    well.fleet.unreachable.add("web-2")
    monkeypatch.setattr("tests.support.memory.Unreachable", HostKeyRefused)
    assert doctor(well.session("unknown")) == Exit.UNREACHABLE
    assert "  ✗ host keys   web-2: connection refused" in well.told.lines


def test_what_is_wrong_with_hosts(well: Shop) -> None:
    for name in ("web-1", "web-2", "web-3"):
        well.fleet.host(name)
    hosts = well.fleet.hosts
    hosts["web-1"].sections["engine"] = "docker is not installed"
    hosts["web-2"].sections["ports"] = "  0: 00000000:1F41 00000000:0000 0A"
    hosts["web-3"].sections["examine"] = (
        "clock 0 5\nblocks 0 /dev/sda1 1 1 1 1% /\nblocks 1 /dev/sda1 1 1 1 1% /\nname 0 2\n"
    )
    compose = COMPOSE.replace("    environment", '    ports: ["8001:8000"]\n    environment')
    (well.root / "roles" / "web" / "compose.yml").write_text(compose)
    assert doctor(well.session("unknown")) == Exit.FAILED
    text = well.told.text
    assert "✗ ports       web-2: web.app: port 8001 is taken by a process on the host" in text
    assert "✗ disk        web-3: 0.0 GB of 0.0 GB free in /var/lib/docker" in text
    assert "! dns         web-3: registry.example: it is not known" in text
    assert "✗ clock       web-3: " in text
    assert "s behind this machine" in text


def test_a_host_that_lets_us_in_and_does_nothing(well: Shop) -> None:
    well.fleet.host("web-1").lost = True
    assert doctor(well.session("unknown")) == Exit.FAILED
    assert "  ✗ commands    web-1: the connection was lost" in well.told.lines


def test_files_that_are_wrong_are_one_finding_among_others(well: Shop) -> None:
    (well.root / "roles" / "web" / "compose.yml").write_text("servics: {}\n")
    assert doctor(well.session("unknown")) == Exit.CONFIG
    assert "✗ files       roles/web/compose.yml:1:1: 'services' is missing" in well.told.text
    assert "✓ docker      web-[1-3]: 26.1" in well.told.text, "the hosts are looked at all the same"


def test_hooks_are_files_too(well: Shop) -> None:
    (well.root / "hooks").mkdir()
    (well.root / "hooks" / "pre-deplyo").write_text("#!/bin/sh\n")
    doctor(well.session("unknown"))
    assert "✗ files" in well.told.text


def test_a_secret_that_cannot_be_had(well: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APP_PASSWORD")
    assert doctor(well.session("unknown")) == Exit.FAILED
    assert "✗ secrets" in well.told.text
    assert "✓ registry" in well.told.text, "it needs none"


def test_a_registry_whose_password_is_missing_is_not_asked(
    well: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = '"registry.example:5000": {username: u, password: !secret env:NONE}'
    hosts = well.root / "inventories" / "test" / "hosts.yml"
    more = f"fleet_registries: {{{login}}}, mode: plain"
    hosts.write_text(hosts.read_text().replace("mode: plain", more))
    assert doctor(well.session("unknown")) == Exit.FAILED
    assert "! registry    web-[1-3]: registry.example:5000 was not asked: its password" in well.told.text


def test_a_registry_that_refuses(well: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(call: ApiCall, *_: object) -> Callable[[], None]:
        raise ApiFailed("the registry refuses the login", status=401, hint="set a password")

    monkeypatch.setattr(well.fleet.host("web-3").engine, "carry_out", refuse)
    assert doctor(well.session("unknown")) == Exit.FAILED
    assert "  ✗ registry    web-3: the registry refuses the login" in well.told.lines


def test_json_is_a_line_for_each_check_of_each_host(well: Shop) -> None:
    doctor(well.session("unknown", json=True))
    assert {"event": "Diagnosis", "check": "docker", "host": "web-1", "verdict": "ok", "text": "26.1",
            "remedy": ""} in well.told.records  # fmt: skip
    assert json.dumps(well.told.records)


def test_this_machine(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    monkeypatch.setattr("fleet.app.controller.LITTLE", 10**18)
    assert doctor(shop.session("unknown")) == Exit.OK, "warnings are no failure"
    text = shop.told.text
    assert "! host keys   there is no inventories/test/known_hosts: your own files decide" in text
    assert "! open files  this shell may open 64 files, and 3 hosts may need 76" in text
    assert f" GB free in {shop.root}" in text
    assert "→ remove old runs: " in text
    monkeypatch.setattr("os.access", lambda *_: False)
    assert doctor(shop.session("unknown")) == Exit.FAILED
    assert "cannot be written" in shop.told.text
