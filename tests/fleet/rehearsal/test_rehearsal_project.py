"""The rehearsal of a project: hosts from its inventory, and a registry with a login."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.errors import ConfigError, FleetError
from fleet.rehearsal import Rehearsal
from fleet.rehearsal.engine import engine
from fleet.rehearsal.hosts import LABEL

HOSTS = """\
all:
  children:
    web: {hosts: {web-1: {ansible_host: 172.31.250.21}}}
    registry: {hosts: {registry-1: {ansible_host: 172.31.250.51}}}
"""
REGISTRY = "172.31.250.51:5000"


def project(directory: Path, hosts: str = HOSTS) -> Path:
    inventory = directory / "inventories" / "try"
    inventory.mkdir(parents=True)
    (inventory / "hosts.yml").write_text(hosts)
    return directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def rehearsal(directory: Path, said: list[str]) -> Iterator[Rehearsal]:
    rehearsal = Rehearsal(directory, said.append, env="try")
    try:
        rehearsal.up()
        yield rehearsal
    finally:
        rehearsal.down()


def test_images_are_pulled_with_the_password_and_refused_without(
    rehearsal: Rehearsal, directory: Path
) -> None:
    password = (directory / ".fleet" / "try" / "registry-password").read_text()
    web = rehearsal.host("web-1")
    with pytest.raises(FleetError, match="no basic auth credentials"):
        web.run(f"docker pull {REGISTRY}/shop:v41")
    web.run(f"echo {password} | docker login --username fleet --password-stdin {REGISTRY}")
    web.run(f"docker pull {REGISTRY}/shop:v41 && docker pull {REGISTRY}/shop:v42")
    versions = [web.run(f"docker run --rm {REGISTRY}/shop:{v} printenv SHOP_VERSION") for v in ("v41", "v42")]
    assert versions == ["v41\n", "v42\n"]


def test_versions_share_all_layers(rehearsal: Rehearsal) -> None:
    images = engine(lambda _: None).client.images
    layers = {
        tuple(images.get(f"fleet-rehearsal/shop:v{n}").attrs["RootFS"]["Layers"]) for n in (41, 42, 43, 44)
    }
    assert len(layers) == 1


def test_a_second_up_has_nothing_to_build_or_push(rehearsal: Rehearsal, said: list[str]) -> None:
    said.clear()
    rehearsal.up()
    assert said == ["2 hosts: web-1, registry-1", "starting the hosts"]


def test_secrets_are_private_and_host_keys_known(rehearsal: Rehearsal, directory: Path) -> None:
    secrets = [
        path for path in (directory / ".fleet" / "try").rglob("*") if path.is_file() and path.name[0] != "."
    ]
    assert {"id_ed25519", "registry-password", "db-password", "queue-password"} <= {
        path.name for path in secrets
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    known = (directory / "inventories" / "try" / "known_hosts").read_text()
    assert [line.split()[:2] for line in known.splitlines()] == [
        ["172.31.250.21", "ssh-ed25519"],
        ["172.31.250.51", "ssh-ed25519"],
    ]


def test_a_host_of_another_checkout_is_made_anew(
    rehearsal: Rehearsal, tmp_path: Path, said: list[str]
) -> None:
    other = Rehearsal(project(tmp_path), said.append, env="try")
    other.up()
    key = (tmp_path / ".fleet" / "try" / "id_ed25519.pub").read_text()
    assert other.host("web-1").run("cat /etc/ssh/authorized_keys") == key


def test_down_leaves_nothing(directory: Path, said: list[str], rehearsal: Rehearsal) -> None:
    client = engine(lambda _: None).client
    with pytest.MonkeyPatch.context() as patch:
        # Whether the engine goes too depends on who else uses it; the other tests go on with it.
        patch.setattr("fleet.rehearsal.engine.stop", lambda *_, **__: None)
        rehearsal.down()
    ours = {"label": f"{LABEL}=try"}
    assert client.containers.list(all=True, filters=ours) == []
    assert client.volumes.list(filters=ours) == []
    assert client.networks.list(filters=ours) == []
    assert not (directory / "inventories" / "try" / "known_hosts").exists()


def test_an_inventory_without_addresses_is_an_error(tmp_path: Path) -> None:
    broken = Rehearsal(project(tmp_path, "all: {hosts: {web-1: }}\n"), lambda _: None, env="try")
    with pytest.raises(ConfigError, match="web-1 has no IPv4 address"):
        broken.up()
