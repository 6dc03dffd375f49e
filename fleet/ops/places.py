"""Networks and named volumes: made when they are missing, never changed, never removed here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fleet.facts.volumes import made_with
from fleet.model import labels
from fleet.model.desired import Network, Volume
from fleet.model.volumes import Mark, is_directory
from fleet.ops.adopt import born
from fleet.ops.effects import Api, CreateNetwork, CreateVolume, Effect, Shell
from fleet.shell import words


@dataclass(frozen=True, slots=True)
class MakeNetwork:
    project: str
    env: str
    network: Network

    @property
    def target(self) -> str:
        return f"network:{self.network.name}"

    @property
    def timeout(self) -> float:
        return 60

    def describe(self) -> str:
        return f"create network {self.network.name}"

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        network = self.network
        body: dict[str, Any] = {
            "Name": network.name,
            "Driver": network.driver,
            "Options": dict(network.options),
            "Internal": network.internal,
            "Attachable": network.attachable,
            "EnableIPv6": network.enable_ipv6,
            "Labels": _marks(self.project, self.env, network.role) | dict(network.labels),
        }
        if network.subnets or network.ipam_options or network.ipam_driver != "default":
            pools = [_pool(network, subnet, gateway) for subnet, gateway in network.subnets]
            body["IPAM"] = {"Driver": network.ipam_driver, "Config": pools}
            if network.ipam_options:
                body["IPAM"] |= {"Options": dict(network.ipam_options)}
        return (Api(CreateNetwork(body)),)


@dataclass(frozen=True, slots=True)
class MakeVolume:
    """``mark``: what the host is to say of it, below ``state_dir``. One without a lineage gets a new one
    there; None: its data is not the host's own, and nothing is said."""

    project: str
    env: str
    volume: Volume
    mark: Mark | None = None
    state_dir: str = ""

    @property
    def target(self) -> str:
        return f"volume:{self.volume.name}"

    @property
    def timeout(self) -> float:
        return 60

    def describe(self) -> str:
        kind = "directory" if is_directory(self.volume.name) else "volume"
        owner = self.volume.care.owner
        return f"create {kind} {self.volume.name}{f', owner {owner}' if owner else ''}"

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        volume = self.volume
        body = {
            "Name": volume.name,
            "Driver": volume.driver,
            "DriverOpts": dict(volume.options),
            "Labels": self.labels,
        }
        make: tuple[Effect, ...] = (Api(CreateVolume(body)),)
        if is_directory(volume.name):
            make = (Shell(f"mkdir -p {words([volume.name])}\n"),)
        if volume.care.owner:
            make = (*make, given_to(volume))
        if self.mark is None:
            return make
        # The mark first: cut off between the two there is no volume, and so no data of unknown origin.
        made = "" if is_directory(volume.name) else made_with(self.labels)
        return (born(self.state_dir, volume.name, replace(self.mark, made=made)), *make)

    @property
    def labels(self) -> dict[str, str]:
        volume = self.volume
        return _marks(self.project, self.env, volume.role) | dict(volume.labels)


OWN = """\
[ -n "$path" ] || path=$(docker volume inspect -f '{{.Mountpoint}}' "$volume") || exit
chown "$owner" "$path" && exit
echo "the user of this connection cannot change the owner of $path: ansible_become: true lets it" >&2
exit 1
"""


def given_to(volume: Volume) -> Shell:
    """A volume that is empty gets its owner."""
    path = dict(volume.options).get("device", "")
    given = {"volume": volume.name, "owner": volume.care.owner, "path": path}
    return Shell("".join(f"{name}={words([value])}\n" for name, value in given.items()) + OWN)


def _pool(network: Network, subnet: str, gateway: str) -> dict[str, object]:
    pool: dict[str, object] = {"Subnet": subnet}
    if gateway:
        pool["Gateway"] = gateway
    if part := dict(network.ip_ranges).get(subnet):
        pool["IPRange"] = part
    if aside := {name: address for of, name, address in network.aux_addresses if of == subnet}:
        pool["AuxiliaryAddresses"] = aside
    return pool


def _marks(project: str, env: str, role: str) -> dict[str, str]:
    return {labels.PROJECT: project, labels.ENV: env, labels.ROLE: role}
