"""What Vagrant is asked, and what becomes of its answers; Vagrant itself is a script here."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import FleetError
from fleet.rehearsal.engine import Engine
from fleet.rehearsal.host import HostSpec
from fleet.rehearsal.keys import Keys
from fleet.rehearsal.vagrant import ATTEMPTS, VagrantFleet, logins

CONFIG = """\
Host web-1
  HostName 127.0.0.1
  User vagrant
  Port 2200
  IdentityFile /home/me/it's mine/private_key
  IdentitiesOnly yes

"""
SPECS = [HostSpec("web-1", "172.31.247.21"), HostSpec("registry-1", "172.31.247.51", "registry")]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the provider libvirt: no engine has a part in it."""
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "libvirt")
    for name, text in {
        "hosts.yml": "all: {hosts: {web-1: {ansible_host: 172.31.247.21}}}\n",
        "group_vars/all.yml": "ansible_user: deploy\n",
        "known_hosts": "old\n",
    }.items():
        path = tmp_path / "inventories" / "rehearsal" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "Vagrantfile").touch()
    return tmp_path


class Vagrant:
    """``said``: what a command prints; others fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **said: str) -> None:
        self.asked: list[list[str]] = []
        self.environ: dict[str, str] = {}
        self._said = said
        self.last = "The box is gone\n"
        monkeypatch.setattr("subprocess.run", self.run)
        monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    def run(self, words: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.asked.append(words[1:])
        self.environ = env
        known = self._said.get(words[1].replace("-", "_"))
        return subprocess.CompletedProcess(words, known is None, known or "", "" if known else self.last)


def fleet(project: Path, specs: list[HostSpec] = SPECS[:1]) -> VagrantFleet:
    engine: Any = Engine(None, "unix:///run/e.sock", ours=True)  # type: ignore[arg-type]
    return VagrantFleet(
        engine, project, "rehearsal", specs, Keys(project / ".fleet" / "rehearsal"), lambda _: None
    )


def test_users_and_keys_are_vagrants_and_addresses_the_inventorys(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vagrant = Vagrant(monkeypatch, up="", ssh_config=CONFIG)
    fleet(project).up()
    assert vagrant.asked == [["up", "--provider=libvirt"], ["ssh-config"]]
    assert vagrant.environ["DOCKER_HOST"] == "unix:///run/e.sock"
    made = project / "inventories" / "vagrant"
    assert sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()) == [
        ".gitignore", "group_vars/all.yml", "hosts/1-hosts.yml", "hosts/2-vagrant.yml",
    ]  # fmt: skip
    from fleet.config.inventory.load import load_inventory

    host = load_inventory(project, "vagrant").hosts["web-1"]
    assert (host.address, host.user) == ("172.31.247.21", "vagrant")
    assert host.key_file == "/home/me/it's mine/private_key"
    key = project / ".fleet" / "vagrant" / "machines" / "web-1" / "etc" / "ssh" / "ssh_host_ed25519_key"
    assert key.stat().st_mode & 0o777 == 0o600


def test_what_vagrant_says_last_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Vagrant(monkeypatch)
    with pytest.raises(FleetError, match="vagrant up failed") as caught:
        fleet(project).up()
    assert caught.value.why == "The box is gone"


def test_a_container_of_others_that_goes_meanwhile_ends_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vagrant = Vagrant(monkeypatch)
    vagrant.last = "Stderr: Error: No such object: f9175c0e85c8\n"
    with pytest.raises(FleetError, match="vagrant up failed"):
        fleet(project).up()
    assert len(vagrant.asked) == ATTEMPTS


def test_a_project_without_a_vagrantfile(project: Path) -> None:
    (project / "Vagrantfile").unlink()
    with pytest.raises(FleetError, match="this project has no Vagrantfile"):
        fleet(project).up()


def test_a_machine_that_vagrant_does_not_know() -> None:
    with pytest.raises(FleetError, match="vagrant ssh-config does not know web-2"):
        logins(CONFIG, ["web-1", "web-2"])


def test_a_registry_in_a_virtual_machine_is_reached_by_the_port_that_vagrant_forwards(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vagrant = Vagrant(monkeypatch, port="5001\n")
    serving = fleet(project, SPECS).serving("registry-1")
    assert (serving.address, serving.published(5000)) == ("172.31.247.51", "127.0.0.1:5001")
    assert vagrant.asked == [["port", "registry-1", "--guest", "5000"]]
