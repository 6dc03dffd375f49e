"""Who is who in a project, a registry that wants to be left alone, and customers whom nobody serves."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fleet.errors import FleetError, UsageError
from fleet.rehearsal.faults import FAULTS, play
from fleet.rehearsal.faults.registry_429 import busy_registry
from fleet.rehearsal.faults.site import Site
from fleet.rehearsal.host import Host

HOSTS = """\
all:
  children:
    loadbalancer: {hosts: {lb-1: {ansible_host: 10.1.2.11, vip: 10.1.2.10}}}
    web:
      hosts:
        web-1: {ansible_host: 10.1.2.21}
        web-2: {ansible_host: 10.1.2.22}
        web-3: {ansible_host: 10.1.2.23}
    database: {hosts: {db-1: {ansible_host: 10.1.2.41}}}
    registry: {hosts: {registry-1: {ansible_host: 10.1.2.51}}}
"""


def named(name: str) -> Host:
    return cast(Host, SimpleNamespace(name=name))


def site(root: Path, hosts: str = HOSTS) -> Site:
    directory = root / "inventories" / "try"
    directory.mkdir(parents=True)
    (directory / "hosts.yml").write_text(hosts)
    return Site(root, "try", named)


def test_the_inventory_says_who_is_who(tmp_path: Path) -> None:
    found = site(tmp_path)
    assert found.url == "http://10.1.2.10/"
    assert found.database.name == "db-1"
    assert found.sight.hosts == ("lb-1", "web-1", "web-2", "web-3", "db-1")
    assert found.sight.balancers == ("lb-1",)
    scene = found.scene("v42")
    assert [scene.first.name, scene.next.name, scene.last.name] == ["web-1", "web-2", "web-3"]
    assert (scene.keeper, scene.registry, scene.gateway) == ("lb-1", "registry-1", "10.1.2.1")
    assert (scene.others, scene.image) == (("lb-1", "db-1"), "10.1.2.51:5000/shop:v42")


def test_without_a_shared_address_the_first_balancer_is_asked(tmp_path: Path) -> None:
    assert site(tmp_path, HOSTS.replace(", vip: 10.1.2.10", "")).url == "http://10.1.2.11/"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("loadbalancer:", "balancers:", "has no group loadbalancer"),
        ("        web-3: {ansible_host: 10.1.2.23}\n", "", "its group web has fewer than 3 hosts"),
    ],
)
def test_a_project_that_lacks_what_the_faults_need(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as told:
        site(tmp_path, HOSTS.replace(old, new))
    assert "the faults are made for the shop" in told.value.hint


def test_a_busy_registry_answers_and_says_how_long_to_wait() -> None:
    with busy_registry("127.0.0.1") as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/") as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/shop/manifests/v42")
    assert (told.value.code, told.value.headers["Retry-After"]) == (429, "3")
    assert b"retry-after: 3 s" in told.value.read()


def test_where_nobody_is_served_nothing_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "SERVED", 0.3)
    found = site(tmp_path)
    found.url = "http://127.0.0.1:1/"
    monkeypatch.setattr("fleet.rehearsal.faults.look.Sight.volumes", lambda _: {})
    monkeypatch.setattr("fleet.rehearsal.traffic.orders.latest", lambda _: 0)
    with pytest.raises(FleetError, match=r"nobody is served at .+ nothing was broken") as told:
        play.play("host-dies", FAULTS["host-dies"], found, "v42", lambda _: None)
    assert "refused" in told.value.why


def test_a_balancer_that_was_silent_is_told_with_its_time(tmp_path: Path) -> None:
    line = "2026-11-21T22:54:07.240366123Z the balancer does not answer: this host gives 10.1.2.10 up\n"
    asked: list[str] = []

    def host(name: str) -> Host:
        return cast(Host, SimpleNamespace(run=lambda command: asked.append(command) or line))

    directory = tmp_path / "inventories" / "try"
    directory.mkdir(parents=True)
    (directory / "hosts.yml").write_text(HOSTS)
    assert Site(tmp_path, "try", host).sight.given_up(1795301600.5) == [(1795301647.0, "lb-1")]
    assert "--since 1795301600 " in asked[0]
