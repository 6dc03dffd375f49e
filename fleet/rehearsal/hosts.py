"""Several hosts on a network of their own, started and removed together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import bcrypt
import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from fleet.errors import FleetError
from fleet.rehearsal.engine import Engine, Say, engine
from fleet.rehearsal.host import Host, HostSpec
from fleet.rehearsal.images import Images, archive
from fleet.rehearsal.keys import Keys
from fleet.rehearsal.registry import REGISTRY_PORT, REGISTRY_USER, Serving

LABEL = "fleet.rehearsal"
MADE = "fleet.rehearsal.made"
REGISTRY_PASSWORD = "registry-password"  # noqa: S105 — the name of its file

_TEST_SUBNETS = IPv4Network("172.29.0.0/16")
_PRIVILEGED: dict[str, Any] = {"privileged": True}
_UNCONFINED: dict[str, Any] = {
    "cap_add": ["ALL"],
    "cap_drop": ["SYS_RESOURCE"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "device_cgroup_rules": ["a *:* rwm"],
}


class SubnetTaken(FleetError):
    """Another network on this engine overlaps."""


class HostFleet:
    """Hosts on a network of their own, the /24 of their addresses. ``name`` marks all that is made."""

    def __init__(self, engine: Engine, name: str, specs: Sequence[HostSpec], keys: Keys, say: Say) -> None:
        self.name = name
        self.subnet = IPv4Interface(f"{specs[0].address}/24").network
        self.keys = keys
        self.specs = tuple(specs)
        self._client = engine.client
        self._images = Images(engine, say)
        self._say = say
        self._hosts: dict[str, Host] = {}
        self._rights = _PRIVILEGED

    def host(self, name: str) -> Host:
        """A host by its inventory name, also one that an earlier process started. Raises FleetError."""
        if name not in self._hosts:
            spec = {spec.name: spec for spec in self.specs}.get(name)
            if spec is None:
                raise FleetError(f"no host {name}", hint=f"there are {', '.join(s.name for s in self.specs)}")
            try:
                container = self._client.containers.get(self._container_name(name))
            except NotFound as error:
                raise FleetError("this host is not up", host=name, hint="inv rehearse") from error
            self._hosts[name] = Host(self._client, container, self._images, spec)
        return self._hosts[name]

    def serving(self, name: str) -> Serving:
        """The host as its registry is reached."""
        return self.host(name)

    def up(self) -> None:
        """Start every host that does not run, all at once, and wait until all can be used."""
        for image in {spec.image for spec in self.specs}:
            self._images.ensure(image)
        self._network()
        with ThreadPoolExecutor(max_workers=len(self.specs)) as pool:
            list(pool.map(self._boot, self.specs))

    def down(self) -> None:
        """Remove hosts, volumes and network: everything that bears this fleet's mark."""
        ours: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={self.name}"}
        containers = self._client.containers.list(all=True, filters=ours, ignore_removed=True)
        if containers:
            with ThreadPoolExecutor(max_workers=len(containers)) as pool:
                list(pool.map(lambda container: container.remove(force=True, v=True), containers))
        for volume in self._client.volumes.list(filters=ours):
            volume.remove(force=True)
        for network in self._client.networks.list(filters=ours):
            network.remove()
        self._hosts.clear()

    def known_hosts(self) -> str:
        """The host keys, as ``known_hosts`` has them."""
        return "".join(f"{spec.address} {self.keys.host(spec.name).public}\n" for spec in self.specs)

    def _container_name(self, host: str) -> str:
        return f"{self.name}-{host}"

    def _network(self) -> None:
        name = self._container_name("net")
        known = self._client.networks.list(names=[f"^{name}$"])
        if known and known[0].attrs["IPAM"]["Config"][0]["Subnet"] != str(self.subnet):
            self.down()
            known = []
        if not known:
            pool = docker.types.IPAMPool(subnet=str(self.subnet))
            try:
                self._client.networks.create(
                    self._container_name("net"),
                    ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                    labels={LABEL: self.name},
                    # The hosts have no business outside.
                    options={"com.docker.network.bridge.enable_ip_masquerade": "false"},
                )
            except APIError as error:
                if "overlap" in str(error):
                    raise SubnetTaken(f"the subnet {self.subnet} is in use", why=str(error)) from error
                raise

    def _boot(self, spec: HostSpec) -> None:
        name = self._container_name(spec.name)
        try:
            container = self._client.containers.get(name)
        except NotFound:
            container = self._create(name, spec)
        if container.labels.get(MADE) != self._made(spec):
            # Another image, address or key: from another checkout, or from before a change.
            container.remove(force=True, v=True)
            container = self._create(name, spec)
        if container.status == "paused":
            container.unpause()
        container.start()
        host = Host(self._client, container, self._images, spec)
        host.wait_ready()
        self._hosts[spec.name] = host

    def _create(self, name: str, spec: HostSpec) -> Container:
        rights = self._rights
        try:
            return self._start(name, spec, rights)
        except APIError:
            if rights is _UNCONFINED:
                raise
            # A kernel that withholds one capability from us cannot give a container all of them.
            self._client.containers.get(name).remove(force=True, v=True)
            self._rights = _UNCONFINED
            return self._start(name, spec, self._rights)

    def _start(self, name: str, spec: HostSpec, rights: dict[str, Any]) -> Container:
        api = self._client.api
        volume = self._volume(name, spec)
        config = api.create_host_config(
            binds={volume: {"bind": "/var/lib/docker", "mode": "rw"}},
            tmpfs={"/run": "", "/tmp": "exec", **({"/srv": "size=16m"} if spec.disk_mb else {})},  # noqa: S108
            cgroupns="private",
            port_bindings={REGISTRY_PORT: ("127.0.0.1", None)} if spec.image == "registry" else None,
            # No name server: a name that a host does not know is unknown at once, not after a time-out.
            dns=["127.0.0.1"],
            extra_hosts={other.name: other.address for other in self.specs},
            **rights,
        )
        # What `--security-opt systempaths=unconfined` stands for: the engine inside mounts /proc anew.
        config.update({"MaskedPaths": [], "ReadonlyPaths": []})
        network = self._container_name("net")
        created = api.create_container(
            f"fleet-rehearsal/{spec.image}",
            name=name,
            hostname=spec.name,
            labels={LABEL: self.name, MADE: self._made(spec)},
            host_config=config,
            ports=[REGISTRY_PORT] if spec.image == "registry" else None,
            networking_config={"EndpointsConfig": {network: {"IPAMConfig": {"IPv4Address": spec.address}}}},
        )
        api.put_archive(created["Id"], "/", archive(self.identity(spec)))
        api.start(created["Id"])
        return self._client.containers.get(created["Id"])

    def _volume(self, name: str, spec: HostSpec) -> str:
        # A volume, because overlay2 does not work on the overlay that is the container's own root.
        options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={spec.disk_mb}m"} if spec.disk_mb else {}
        self._client.volumes.create(name, driver_opts=options, labels={LABEL: self.name})
        return name

    def _made(self, spec: HostSpec) -> str:
        parts = (
            *(spec, self.specs, self._images.ensure(spec.image).id),
            *(
                self.keys.client().public,
                self.keys.host(spec.name).public,
                self.keys.password(REGISTRY_PASSWORD),
            ),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def identity(self, spec: HostSpec) -> dict[str, tuple[int, bytes]]:
        """The files that this host alone has: mode and content."""
        host = self.keys.host(spec.name)
        files = {
            "etc/ssh/ssh_host_ed25519_key": (0o600, host.private),
            "etc/ssh/ssh_host_ed25519_key.pub": (0o644, host.public.encode()),
            "etc/ssh/authorized_keys": (0o644, self.keys.client().public.encode()),
            "etc/docker/daemon.json": (0o644, _daemon(self.subnet)),
        }
        if spec.image == "registry":
            files["etc/docker/registry/htpasswd"] = (
                0o644,
                _htpasswd(self.keys.password(REGISTRY_PASSWORD)),
            )
        return files


@contextmanager
def host_fleet(
    name: str,
    hosts: Sequence[str],
    keys: Path,
    *,
    disk_mb: Mapping[str, int] | None = None,
    images: Mapping[str, str] | None = None,
    say: Say = lambda _: None,
) -> Iterator[HostFleet]:
    """Hosts for one test, up inside the ``with`` and gone after it, in the first subnet that is free.

    ``keys`` is the directory for the keys; ``disk_mb`` gives a host of that name a small disk of its own,
    ``images`` another image than ``host``.
    """
    found = engine(say)
    for subnet in _TEST_SUBNETS.subnets(new_prefix=24):
        specs = [
            HostSpec(
                host,
                str(subnet[10 + number]),
                image=(images or {}).get(host, "host"),
                disk_mb=(disk_mb or {}).get(host),
            )
            for number, host in enumerate(hosts)
        ]
        fleet = HostFleet(found, name, specs, Keys(keys), say)
        fleet.down()
        try:
            fleet.up()
            yield fleet
        except SubnetTaken:
            continue
        finally:
            fleet.down()
        return
    raise FleetError(f"every subnet of {_TEST_SUBNETS} is in use", hint="docker network prune")


def _daemon(subnet: IPv4Network) -> bytes:
    """The engine's settings on a host: our registry speaks plain http, its own networks stay off ours."""
    return json.dumps(
        {
            "insecure-registries": [str(subnet)],
            "bip": "10.210.0.1/24",
            "default-address-pools": [{"base": "10.211.0.0/16", "size": 24}],
            "dns": ["127.0.0.1"],
        },
        indent=2,
    ).encode()


def _htpasswd(password: str) -> bytes:
    return f"{REGISTRY_USER}:".encode() + bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)) + b"\n"
