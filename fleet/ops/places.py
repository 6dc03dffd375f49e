"""Networks and named volumes: made when they are missing, never changed, never removed here."""

from __future__ import annotations

from dataclasses import dataclass

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
        body: dict[str, object] = {
            "Name": network.name,
            "Driver": network.driver,
            "Options": dict(network.options),
            "Internal": network.internal,
            "Attachable": network.attachable,
            "EnableIPv6": network.enable_ipv6,
            "Labels": _marks(self.project, self.env, network.role) | dict(network.labels),
        }
        if network.subnets:
            pools = [
                {"Subnet": subnet} | ({"Gateway": gateway} if gateway else {})
                for subnet, gateway in network.subnets
            ]
            body["IPAM"] = {"Driver": "default", "Config": pools}
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
        return f"create {kind} {self.volume.name}"

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        volume = self.volume
        body = {
            "Name": volume.name,
            "Driver": volume.driver,
            "DriverOpts": dict(volume.options),
            "Labels": _marks(self.project, self.env, volume.role) | dict(volume.labels),
        }
        make: Effect = Api(CreateVolume(body))
        if is_directory(volume.name):
            make = Shell(f"mkdir -p {words([volume.name])}\n")
        # The mark first: cut off between the two there is no volume, and so no data of unknown origin.
        return (make,) if self.mark is None else (born(self.state_dir, volume.name, self.mark), make)


def _marks(project: str, env: str, role: str) -> dict[str, str]:
    return {labels.PROJECT: project, labels.ENV: env, labels.ROLE: role}
