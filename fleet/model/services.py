"""A service as one host shall run it: fully rendered, normalised, comparable.

Field names are Compose's own, values are in one normal form (seconds, bytes, sorted tuples), so
that two equal wishes compare equal and a difference can be shown field by field.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.errors import Position
from fleet.model.balancing import Balancer, Membership
from fleet.model.gates import GateSpec
from fleet.model.strategy import ROLLING, Strategy
from fleet.model.transitions import Transition
from fleet.model.virtual import VirtualAddress
from fleet.model.watch import WatchSpec
from fleet.secret import Text

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Port:
    """A published port. ``published`` 0 means: the engine chooses."""

    target: int
    published: int = 0
    protocol: str = "tcp"
    host_ip: str = ""

    def __str__(self) -> str:
        address = f"{self.host_ip}:" if self.host_ip else ""
        return f"{address}{self.published or ''}:{self.target}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Mount:
    """A bind mount, a named volume or a tmpfs; ``source`` of a volume is its full name on the host."""

    type: str
    target: str
    source: str = ""
    read_only: bool = False
    propagation: str = ""
    nocopy: bool = False
    create_host_path: bool = True
    tmpfs_size: int = 0
    tmpfs_mode: int = 0

    def __str__(self) -> str:
        return f"{self.type}:{self.source}:{self.target}{':ro' if self.read_only else ''}"


@dataclass(frozen=True, slots=True)
class NetworkAttachment:
    """``name`` is the network's full name on the host."""

    name: str
    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    mac_address: str = ""
    link_local_ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """Durations in seconds; 0 keeps the engine's default. ``test`` as the Docker API takes it."""

    test: tuple[str, ...]
    interval: float = 0
    timeout: float = 0
    retries: int = 0
    start_period: float = 0


@dataclass(frozen=True, slots=True)
class Logging:
    driver: str
    options: Pairs = ()


@dataclass(frozen=True, slots=True)
class Ulimit:
    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Device:
    source: str
    target: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True)
class DeviceRate:
    """A limit of one block device; ``kind`` as Compose names it: ``device_read_bps``, …"""

    kind: str
    path: str
    rate: int


@dataclass(frozen=True, slots=True)
class BlockIo:
    """``weight`` from 10 to 1000, 0: the engine's default; ``weights`` are of single devices."""

    weight: int = 0
    weights: tuple[tuple[str, int], ...] = ()
    rates: tuple[DeviceRate, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """Devices that a driver of the engine hands out, such as GPUs. ``count`` -1: all that there are; 0: those
    of ``device_ids``."""

    capabilities: tuple[str, ...]
    driver: str = ""
    count: int = 0
    device_ids: tuple[str, ...] = ()
    options: Pairs = ()


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """Everything a container is created from. ``image`` is the reference as the operator wrote it.

    Memory in bytes, durations in seconds, ``cpus`` in cores. ``None`` means: as the image says.
    """

    name: str
    image: str
    hostname: str | None = None
    domainname: str | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[tuple[str, Text], ...] = ()
    labels: tuple[tuple[str, Text], ...] = ()
    user: str | None = None
    working_dir: str | None = None
    ports: tuple[Port, ...] = ()
    expose: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    tmpfs: Pairs = ()
    networks: tuple[NetworkAttachment, ...] = ()
    network_mode: str | None = None
    healthcheck: Healthcheck | None = None
    restart: str = "no"
    stop_signal: str | None = None
    stop_grace_period: float = 10
    logging: Logging | None = None
    init: bool | None = None
    tty: bool = False
    stdin_open: bool = False
    read_only: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    group_add: tuple[str, ...] = ()
    devices: tuple[Device, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    sysctls: Pairs = ()
    ulimits: tuple[Ulimit, ...] = ()
    ipc: str | None = None
    pid: str | None = None
    uts: str | None = None
    userns_mode: str | None = None
    cgroup: str | None = None
    cgroup_parent: str | None = None
    runtime: str | None = None
    shm_size: int = 0
    mem_limit: int = 0
    mem_reservation: int = 0
    memswap_limit: int = 0
    mem_swappiness: int | None = None
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    cpus: float = 0
    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset: str = ""
    pids_limit: int = 0
    blkio_config: BlockIo | None = None
    device_requests: tuple[DeviceRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One rendered file. ``mode`` in octal digits; a file with holes is never readable by others."""

    name: str
    content: Text
    mode: str = "0644"


@dataclass(frozen=True, slots=True)
class Reload:
    """How a running container takes up new files: a signal, or a command inside it."""

    signal: str = ""
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.signal or " ".join(self.command)


@dataclass(frozen=True, slots=True)
class ConfigDir:
    """A host directory whose content Fleet owns, bind-mounted into the container at ``mounted_at``."""

    directory: str
    mounted_at: str
    files: tuple[ConfigFile, ...]
    uid: int = 0
    gid: int = 0
    validate: tuple[str, ...] = ()
    reload: Reload | None = None


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file below ``/run/secrets`` of the container, kept in memory only on the host."""

    name: str
    content: Text
    uid: int = 0
    gid: int = 0
    mode: str = "0400"


@dataclass(frozen=True, slots=True)
class PortPair:
    """Two host ports for one container port: the slots of ``order: start-first``."""

    target: int
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Batches:
    """Hosts per batch, each a count or a percentage of the role's hosts in the run; the last repeats."""

    sizes: tuple[int | str, ...] = (1,)


@dataclass(frozen=True, slots=True)
class UpdatePolicy:
    """Compose's ``deploy.update_config``, with Compose's defaults. Durations in seconds."""

    batches: Batches = Batches()
    delay: float = 0
    failure_action: str = "pause"
    max_failure_ratio: float = 0
    order: str = "stop-first"


@dataclass(frozen=True, slots=True)
class Service:
    """One service on one host."""

    role: str
    name: str
    container: ContainerSpec
    gate: GateSpec
    update: UpdatePolicy = UpdatePolicy()
    rollback: UpdatePolicy = UpdatePolicy()
    pull_policy: str = "missing"
    depends_on: tuple[str, ...] = ()
    port_pair: tuple[PortPair, ...] = ()
    configs: tuple[ConfigDir, ...] = ()
    secret_dir: str = ""
    secrets: tuple[SecretFile, ...] = ()
    load_balancer: Membership | None = None
    balancer: Balancer | None = None
    virtual_address: VirtualAddress | None = None
    strategy: Strategy = ROLLING
    watch: WatchSpec | None = None
    release: str = ""
    """The release it belongs to when that is not the run's own: on the way back to an earlier one."""
    instance: int = 1
    """Which of the ``replicas`` it is. Each is a service of its own, those after the first are called
    ``app-2``, ``app-3``."""
    replicas: int = 1
    pre_start: Transition | None = None
    pre_stop: Transition | None = None
    stopped: Transition | None = None
    at: Position | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        """``role.service``: what the service is called in a plan."""
        return f"{self.role}.{self.name}"

    @property
    def base(self) -> str:
        """What all its instances are called in the role's file."""
        return self.name.removesuffix(f"-{self.instance}") if self.instance > 1 else self.name
