"""A Docker Engine and its registry in memory, for tests of what stands on a transport.

It refuses what the real one refuses, in the real one's words; the contract suite runs on both. In one thing
it is stricter: an unknown key in a create body is refused, where the real engine ignores it in silence.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.errors import Drift
from fleet.ops import effects as fx
from fleet.secret import Keyring
from fleet.transport.base import OnProgress
from fleet.transport.docker_call import revealed
from fleet.transport.docker_errors import Refusal, registry_of
from fleet.transport.docker_images import split_digest, split_tag

BODY_KEYS = frozenset(
    """
    ArgsEscaped AttachStderr AttachStdin AttachStdout Cmd Domainname Entrypoint Env ExposedPorts
    Healthcheck HostConfig Hostname Image Labels MacAddress NetworkDisabled NetworkingConfig OnBuild
    OpenStdin Shell StdinOnce StopSignal StopTimeout Tty User Volumes WorkingDir
    """.split()  # noqa: SIM905 - read as the prose it is in the engine's reference
)
HOST_KEYS = frozenset(
    """
    AutoRemove Binds BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps
    BlkioWeight BlkioWeightDevice CapAdd CapDrop Cgroup CgroupParent CgroupnsMode ContainerIDFile
    CpuCount CpuPercent CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpuShares CpusetCpus
    CpusetMems DeviceCgroupRules DeviceRequests Devices Dns DnsOptions DnsSearch ExtraHosts GroupAdd
    Init IpcMode Isolation KernelMemoryTCP Links LogConfig MaskedPaths Memory MemoryReservation
    MemorySwap MemorySwappiness Mounts NanoCpus NetworkMode OomKillDisable OomScoreAdj PidMode
    PidsLimit PortBindings Privileged PublishAllPorts ReadonlyPaths ReadonlyRootfs RestartPolicy
    Runtime SecurityOpt ShmSize StorageOpt Sysctls Tmpfs UTSMode Ulimits UsernsMode VolumeDriver
    VolumesFrom
    """.split()  # noqa: SIM905 - read as the prose it is in the engine's reference
)
NETWORK_KEYS = frozenset(
    """
    Attachable CheckDuplicate ConfigFrom ConfigOnly Driver EnableIPv4 EnableIPv6 IPAM Ingress
    Internal Labels Name Options Scope
    """.split()  # noqa: SIM905 - read as the prose it is in the engine's reference
)
VOLUME_KEYS = frozenset({"Name", "Driver", "DriverOpts", "Labels", "ClusterVolumeSpec"})
BUILT_IN = frozenset({"", "default", "bridge", "host", "none"})


@dataclass(slots=True)
class FakeRegistry:
    """Shared by the engines of a fake fleet. ``logins``: user and password, by registry address."""

    digests: dict[str, str] = field(default_factory=dict)
    logins: dict[str, tuple[str, str]] = field(default_factory=dict)
    down: bool = False
    busy: list[float | None] = field(default_factory=list)
    """For each coming request one answer 429 with this many seconds to wait; None leaves them unsaid."""
    requests: int = 0

    def push(self, image: str, content: str = "") -> str:
        """Answers the digest, which follows from ``content`` (by default the reference)."""
        digest = "sha256:" + hashlib.sha256((content or image).encode()).hexdigest()
        self.digests[image] = digest
        return digest

    def find(self, image: str, login: tuple[str, str] | None) -> str:
        """The digest. Raises Refusal."""
        address = registry_of(image)
        self.requests += 1
        if self.down:
            raise Refusal(500, f'Get "http://{address}/v2/": dial tcp: connect: connection refused')
        if self.busy:
            raise Refusal(429, "toomanyrequests: You have reached your pull rate limit", self.busy.pop(0))
        if address in self.logins and login != self.logins[address]:
            raise Refusal(401, f"Get http://{address}/v2/: unauthorized: authentication required")
        name, digest = split_digest(image)
        found = self.digests.get(image if not digest else "")
        if digest and any(digest == d and split_tag(ref)[0] == name for ref, d in self.digests.items()):
            found = digest
        if found is None:
            raise Refusal(404, f"manifest for {image} not found: manifest unknown")
        return found


@dataclass(slots=True)
class FakeContainer:
    """``state``: created, running or exited, as Docker names them."""

    id: str
    name: str
    body: dict[str, Any]
    networks: dict[str, Any]
    state: str = "created"
    exit_code: int = 0

    @property
    def host_ports(self) -> set[int]:
        bindings = self.body.get("HostConfig", {}).get("PortBindings") or {}
        return {
            int(one["HostPort"]) for ones in bindings.values() for one in ones or () if one.get("HostPort")
        }


class FakeEngine:
    """One host's engine. ``on_start`` may change a container that has just started (let it exit, say)."""

    def __init__(self, registry: FakeRegistry | None = None) -> None:
        self.registry = registry if registry is not None else FakeRegistry()
        self.images: dict[str, str] = {}
        """Digest by every reference the host knows: ``name:tag`` and ``name@sha256:…``."""
        self.containers: dict[str, FakeContainer] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.on_start: Callable[[FakeContainer], None] = lambda container: None
        self._made = 0
        self._lock = threading.RLock()

    def carry_out(self, call: fx.ApiCall, keyring: Keyring, on_progress: OnProgress | None = None) -> Any:
        """Raises Refusal, Drift."""
        with self._lock:
            return CALLS[type(call)](self, call, keyring, on_progress)

    def container(self, name: str) -> FakeContainer | None:
        """By name or id."""
        return next((c for c in self.containers.values() if name in {c.name, c.id}), None)

    def _resolve(self, call: fx.ResolveDigest, keyring: Keyring, _: Any) -> str:
        return self.registry.find(call.image, _login(call.auth, keyring))

    def _pull(self, call: fx.PullImage, keyring: Keyring, on_progress: OnProgress | None) -> None:
        digest = self.registry.find(call.image, _login(call.auth, keyring))
        for done in (0, 500, 1000) if on_progress else ():
            on_progress(done, 1000) if on_progress else None
        name = split_digest(call.image)[0] if "@" in call.image else split_tag(call.image)[0]
        self.images[f"{name}@{digest}"] = digest
        if "@" not in call.image:
            self.images[call.image] = digest
        if call.tag:
            self.images[call.tag] = digest

    def _create(self, call: fx.CreateContainer, keyring: Keyring, _: Any) -> str:
        body = revealed(call.body, keyring)
        check_body(body)
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", call.name):
            raise Refusal(
                400, f"Invalid container name ({call.name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )
        if body["Image"] not in self.images and body["Image"] not in self.images.values():
            raise Refusal(404, f"No such image: {body['Image']}")
        self._check_name(call.name)
        for network in call.networks:
            if network in {"host", "none"}:
                raise Refusal(403, f"container cannot be connected to the {network} network")
        self._made += 1
        made = hashlib.sha256(f"{id(self)} {self._made}".encode()).hexdigest()
        self.containers[made] = FakeContainer(made, call.name, body, revealed(call.networks, keyring))
        return made

    def _check_name(self, name: str) -> None:
        if (other := self.container(name)) and other.name == name:
            raise Refusal(
                409, f'Conflict. The container name "/{name}" is already in use by container "{other.id}".'
            )

    def _check_network(self, name: str) -> None:
        if name not in BUILT_IN | set(self.networks) and not name.startswith("container:"):
            raise Refusal(404, f"network {name} not found")

    def _known(self, name: str) -> FakeContainer:
        if container := self.container(name):
            return container
        raise Refusal(404, f"No such container: {name}")

    def _start(self, call: fx.StartContainer, keyring: Keyring, _: Any) -> None:
        container = self._known(call.container)
        if container.state == "running":
            return
        # As on a real engine: only the start finds out.
        for network in (container.body.get("HostConfig", {}).get("NetworkMode", ""), *container.networks):
            self._check_network(network)
        for other in self.containers.values():
            if other.state == "running" and (taken := other.host_ports & container.host_ports):
                port = taken.pop()
                raise Refusal(
                    500,
                    f"driver failed programming external connectivity on endpoint {container.name}: "
                    f"Bind for 0.0.0.0:{port} failed: port is already allocated",
                )
        container.state = "running"
        self.on_start(container)

    def _stop(self, call: fx.StopContainer, keyring: Keyring, _: Any) -> None:
        container = self._known(call.container)
        if container.state == "running":
            container.state, container.exit_code = "exited", 143

    def _remove(self, call: fx.RemoveContainer, keyring: Keyring, _: Any) -> None:
        if container := self.container(call.container):
            del self.containers[container.id]

    def _rename(self, call: fx.RenameContainer, keyring: Keyring, _: Any) -> None:
        container = self._known(call.container)
        self._check_name(call.name)
        container.name = call.name

    def _reinstate(self, call: fx.ReinstateContainer, keyring: Keyring, _: Any) -> None:
        container = self._known(call.id)
        if container.name != call.name:
            self._remove(fx.RemoveContainer(call.name), keyring, _)
            container.name = call.name
        self._start(fx.StartContainer(call.id), keyring, _)

    def _expect(self, call: fx.ExpectContainer, keyring: Keyring, _: Any) -> None:
        found = next((c.id for c in self.containers.values() if c.name == call.name), "")
        if found != call.id:
            raise Drift(
                f"the container {call.name!r} is not the one that was planned for",
                why=f"planned: {call.id[:12] or 'none'}\nfound: {found[:12] or 'none'}",
            )

    def _network(self, call: fx.CreateNetwork, keyring: Keyring, _: Any) -> None:
        body = revealed(call.body, keyring)
        _only(body, NETWORK_KEYS, "network")
        if body["Name"] in self.networks:
            raise Refusal(409, f"network with name {body['Name']} already exists")
        self.networks[body["Name"]] = body

    def _volume(self, call: fx.CreateVolume, keyring: Keyring, _: Any) -> None:
        body = revealed(call.body, keyring)
        _only(body, VOLUME_KEYS, "volume")
        self.volumes.setdefault(body["Name"], body)


CALLS: Mapping[type, Callable[[FakeEngine, Any, Keyring, OnProgress | None], Any]] = {
    fx.ResolveDigest: FakeEngine._resolve,
    fx.PullImage: FakeEngine._pull,
    fx.CreateContainer: FakeEngine._create,
    fx.StartContainer: FakeEngine._start,
    fx.StopContainer: FakeEngine._stop,
    fx.RemoveContainer: FakeEngine._remove,
    fx.RenameContainer: FakeEngine._rename,
    fx.ReinstateContainer: FakeEngine._reinstate,
    fx.ExpectContainer: FakeEngine._expect,
    fx.CreateNetwork: FakeEngine._network,
    fx.CreateVolume: FakeEngine._volume,
}


def check_body(body: Mapping[str, Any]) -> None:
    """Raises Refusal for a create body that the engine could not read or would read in part only."""
    _only(body, BODY_KEYS, "container")
    _only(body.get("HostConfig") or {}, HOST_KEYS, "HostConfig")
    if not isinstance(body.get("Image"), str) or not body["Image"]:
        raise Refusal(400, "no image specified")
    for key in ("Env", "Cmd", "Entrypoint", "Shell"):
        if not isinstance(body.get(key), (list, type(None))) or not all(
            isinstance(word, str) for word in body.get(key) or ()
        ):
            raise Refusal(400, f"json: cannot unmarshal into field .{key} of type []string")
    for key, value in (body.get("Labels") or {}).items():
        if not isinstance(value, str):
            raise Refusal(400, f"json: cannot unmarshal into field .Labels[{key}] of type string")


def _only(body: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    if unknown := sorted(set(body) - known):
        raise Refusal(400, f"unknown keys in the body of a {what}: {', '.join(unknown)}")


def _login(auth: fx.RegistryAuth | None, keyring: Keyring) -> tuple[str, str] | None:
    return (keyring.reveal(auth.username), keyring.reveal(auth.password)) if auth else None
