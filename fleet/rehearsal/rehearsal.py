"""The rehearsal of a project: the hosts of its inventory, made of containers, with a registry and images."""

from __future__ import annotations

from functools import cached_property
from ipaddress import IPv4Address
from pathlib import Path

from fleet.config.inventory.load import load_inventory
from fleet.errors import ConfigError
from fleet.rehearsal import engine as engines
from fleet.rehearsal.engine import Engine, Say
from fleet.rehearsal.host import Host, HostSpec
from fleet.rehearsal.hosts import LABEL, REGISTRY_PASSWORD, HostFleet
from fleet.rehearsal.images import Images
from fleet.rehearsal.keys import Keys
from fleet.rehearsal.registry import Registry
from fleet.rehearsal.vagrant import ENV, VagrantFleet

PASSWORDS = (REGISTRY_PASSWORD, "db-password", "queue-password", "vip-password")
VERSIONS = ("v41", "v42", "v43", "v44")
SERVERS = {
    "haproxy:2.6": "haproxy",
    "redis:7.0": "redis",
    "postgres:15": "postgres",
    "ucarp:1.5": "ucarp",
    "fleet-volumes:1": "volumes",
}
REGISTRY_GROUP = "registry"


class Rehearsal:
    """The hosts that ``inventories/<env>/hosts.yml`` names, at the addresses it gives them.

    Keys and passwords are in the project's ``.fleet/<env>/``, host keys in the inventory's ``known_hosts``.
    ``vagrant``: the same hosts, made by Vagrant; they are the environment ``vagrant`` then.
    """

    def __init__(self, project: Path, say: Say, env: str = "rehearsal", *, vagrant: bool = False) -> None:
        self._project = project
        self._vagrant = vagrant
        self._known_hosts = project / "inventories" / (ENV if vagrant else env) / "known_hosts"
        self._env = env
        self._say = say
        self._keys = Keys(project / ".fleet" / env)

    def up(self) -> None:
        """Bring up what is missing: engine, images, hosts, registry and what it serves. Raises FleetError."""
        with engines.told():
            self._up()

    def _up(self) -> None:
        self._say(f"{len(self._specs)} hosts: {', '.join(spec.name for spec in self._specs)}")
        images = Images(self._engine, self._say)
        served = {
            **{
                f"shop:{version}": images.ensure("shop", tag=version, VERSION=version) for version in VERSIONS
            },
            **{reference: images.ensure(name) for reference, name in SERVERS.items()},
            "haproxy:2.6-next": images.ensure("haproxy", tag="next", BUILD="2"),
        }
        for name in PASSWORDS:
            self._keys.password(name)
        self._say("starting the hosts")
        self._hosts.up()
        self._known_hosts.write_text(self._hosts.known_hosts())
        for spec in self._specs:
            if spec.image == "registry":
                password = self._keys.password(REGISTRY_PASSWORD)
                Registry(self._engine, self._hosts.serving(spec.name), password, self._say).publish(served)

    def down(self, *, purge: bool = False) -> None:
        """Remove hosts, volumes and network, and stop the engine if it is ours.

        The images stay as a cache for the next time, and this says where; ``purge`` removes them too.
        Raises FleetError.
        """
        with engines.told():
            self._down(purge=purge)

    def _down(self, *, purge: bool) -> None:
        self._known_hosts.unlink(missing_ok=True)
        found = engines.running()
        if found:
            self._fleet(found).down()
            if found.client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
                self._say("another rehearsal is up on this engine: it and the images stay")
                return
            if purge and not found.ours:
                Images(found, self._say).remove()
        if found is None or found.ours:
            engines.stop(self._say, purge=purge)
        if not purge:
            self._say("the images stay for the next time; remove them with --purge")

    @property
    def address(self) -> str:
        """Where the application answers: the first host of the inventory, a balancer."""
        return self._specs[0].address

    def host(self, name: str) -> Host:
        """One host, to stop, pause, cut off, slow down or kill it."""
        return self._hosts.host(name)

    @cached_property
    def _engine(self) -> Engine:
        return engines.engine(self._say)

    @cached_property
    def _hosts(self) -> HostFleet:
        return self._fleet(self._engine)

    def _fleet(self, engine: Engine) -> HostFleet:
        if self._vagrant:
            return VagrantFleet(engine, self._project, self._env, self._specs, self._keys, self._say)
        return HostFleet(engine, self._env, self._specs, self._keys, self._say)

    @cached_property
    def _specs(self) -> list[HostSpec]:
        specs = []
        for host in load_inventory(self._project, self._env).hosts.values():
            try:
                address = str(IPv4Address(host.address))
            except ValueError as error:
                raise ConfigError(
                    f"{host.name} has no IPv4 address",
                    at=host.at("ansible_host"),
                    why="a rehearsal makes its hosts at the addresses that the inventory gives",
                    hint="set ansible_host to an address of one private /24 network",
                ) from error
            specs.append(
                HostSpec(host.name, address, "registry" if REGISTRY_GROUP in host.groups else "host")
            )
        return specs
