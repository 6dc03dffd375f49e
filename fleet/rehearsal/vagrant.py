"""The machines of a rehearsal as Vagrant makes them: the Vagrantfile says how, and this what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import paramiko
import yaml

from fleet.errors import FleetError
from fleet.rehearsal.engine import Engine, Say, apt_install
from fleet.rehearsal.host import HostSpec
from fleet.rehearsal.hosts import HostFleet
from fleet.rehearsal.keys import Keys
from fleet.rehearsal.registry import REGISTRY_PORT, Serving

ENV = "vagrant"
"""The environment with these machines: the rehearsal's files, and how Vagrant logs in."""
DOCKER = "docker"
UP_SECONDS = 1800
LAST_LINES = 15
ATTEMPTS = 5
GONE = "No such object"
"""What Docker says of a container that was removed."""


class VagrantFleet(HostFleet):
    """Machines of the provider that ``VAGRANT_DEFAULT_PROVIDER`` names, else in containers."""

    def __init__(
        self, engine: Engine, project: Path, env: str, specs: Sequence[HostSpec], keys: Keys, say: Say
    ) -> None:
        super().__init__(engine, "", specs, keys, say)
        # As the Vagrantfile calls it: two projects may be up at once, in two networks.
        self.name = f"vagrant-{self.subnet.network_address.exploded.rpartition('.')[0]}"
        self.provider = os.environ.get("VAGRANT_DEFAULT_PROVIDER") or DOCKER
        self._project = project
        self._of = project / "inventories" / env
        self._environment = project / "inventories" / ENV
        self._files = project / ".fleet" / "vagrant"
        self._address = engine.address

    def up(self) -> None:
        """Raises FleetError: no Vagrantfile, no Vagrant, or what Vagrant said last."""
        if not (self._project / "Vagrantfile").is_file():
            hint = "copy the one of Fleet's own checkout: it reads any project's inventory"
            raise FleetError("this project has no Vagrantfile", hint=hint)
        if not shutil.which("vagrant"):
            apt_install(self._say, "vagrant")
        for spec in self.specs:
            self._write_identity(spec)
        if self.provider == DOCKER:
            for image in {spec.image for spec in self.specs}:
                self._images.ensure(image)
            self._network()
        self._say(f"vagrant up --provider={self.provider}")
        self._bring_up()
        if self.provider == DOCKER:
            for spec in self.specs:
                self.host(spec.name).wait_ready()
        self._write_environment(logins(self._vagrant("ssh-config"), [spec.name for spec in self.specs]))

    def down(self) -> None:
        """Raises FleetError."""
        if (self._project / ".vagrant").is_dir() and shutil.which("vagrant") and self._files.is_dir():
            self._say("vagrant destroy --force")
            self._vagrant("destroy", "--force")
        super().down()
        for directory in (self._project / ".vagrant", self._files, self._environment):
            shutil.rmtree(directory, ignore_errors=True)

    def serving(self, name: str) -> Serving:
        if self.provider == DOCKER:
            return self.host(name)
        port = self._vagrant("port", name, "--guest", str(REGISTRY_PORT)).strip()
        return Forwarded(name, next(spec.address for spec in self.specs if spec.name == name), port)

    def _bring_up(self, attempts: int = ATTEMPTS) -> None:
        """Provider docker looks at every container of the engine, and gives up when one of them, whoever's
        it is, goes meanwhile. Machines that are up stay so."""
        try:
            self._vagrant("up", f"--provider={self.provider}")
        except FleetError as error:
            if GONE not in error.why or attempts == 1:
                raise
            self._bring_up(attempts - 1)

    def _write_identity(self, spec: HostSpec) -> None:
        """What the host has of its own, as it lies on it."""
        for name, (mode, content) in self.identity(spec).items():
            path = self._files / "machines" / spec.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.touch(mode=mode)
            path.write_bytes(content)

    def _write_environment(self, found: Mapping[str, Mapping[str, str]]) -> None:
        shutil.rmtree(self._environment, ignore_errors=True)
        ignored = shutil.ignore_patterns("hosts.yml", "known_hosts", ".*")
        shutil.copytree(self._of, self._environment, ignore=ignored)
        hosts = self._environment / "hosts"
        hosts.mkdir()
        shutil.copy(self._of / "hosts.yml", hosts / "1-hosts.yml")
        (hosts / "2-vagrant.yml").write_text(yaml.safe_dump({"all": {"hosts": dict(found)}}))
        (self._environment / ".gitignore").write_text("*\n")

    def _vagrant(self, *words: str) -> str:
        environment = {**os.environ, "DOCKER_HOST": self._address, "VAGRANT_CHECKPOINT_DISABLE": "1"}
        done = subprocess.run(
            ["vagrant", *words],
            cwd=self._project,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=UP_SECONDS,
            check=False,
        )
        if done.returncode:
            said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise FleetError(
                f"vagrant {words[0]} failed",
                why="\n".join(said[-LAST_LINES:]),
                hint="inv rehearse --vagrant --down begins anew",
            )
        return done.stdout


class Forwarded:
    """A machine whose registry answers on a port of this machine's own."""

    def __init__(self, name: str, address: str, port: str) -> None:
        self.name = name
        self.address = address
        self._port = port

    def published(self, port: int) -> str:
        return f"127.0.0.1:{self._port}"


def logins(text: str, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What ``vagrant ssh-config`` says of users and keys, as variables of hosts.

    Not the addresses: roles name those of the inventory, and each provider gives them to the machines.
    """
    config = paramiko.SSHConfig.from_text(text)
    missing = [name for name in names if name not in config.get_hostnames()]
    if missing:
        raise FleetError(
            f"vagrant ssh-config does not know {', '.join(missing)}", hint="vagrant status tells more"
        )
    found = {name: config.lookup(name) for name in names}
    return {
        name: {"ansible_user": one["user"], "ansible_ssh_private_key_file": one["identityfile"][0]}
        for name, one in found.items()
    }
