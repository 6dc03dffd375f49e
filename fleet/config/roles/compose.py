"""The Compose file as it is validated: every field here is carried out, the rest is in keys.py."""

# ruff: noqa: RUF012 (pydantic copies the default of a field)

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    model_validator,
)

from fleet.config.roles import rules, shorts
from fleet.config.roles.base import MAP, TEXT, Strict, shape
from fleet.config.roles.scalars import (
    Bool,
    Duration,
    Environment,
    Int,
    Labels,
    Microseconds,
    Natural,
    Number,
    OctalMode,
    Sealable,
    Size,
    Str,
    StrList,
    SwapSize,
    Words,
    as_list,
    as_names,
    wrong,
)
from fleet.config.roles.xfleet import RoleExtension, SecretExtension, ServiceExtension
from fleet.model.services import Port


class LongPort(Strict):
    target: Annotated[Int, Field(ge=1, le=65535)]
    published: Annotated[Str, AfterValidator(shorts.one_port)] = ""
    protocol: Literal["tcp", "udp", "sctp"] = "tcp"
    host_ip: Str = ""

    @property
    def port(self) -> Port:
        return Port(self.target, int(self.published or 0), self.protocol, self.host_ip)


ShortPort = Annotated[Any, PlainValidator(shorts.ports, json_schema_input_type=str | int)]
PortItem = Annotated[Annotated[ShortPort, Tag(TEXT)] | Annotated[LongPort, Tag(MAP)], Discriminator(shape)]
Exposed = Annotated[Any, PlainValidator(shorts.exposed, json_schema_input_type=str | int)]


class BindOptions(Strict):
    propagation: Literal["", "shared", "slave", "private", "rshared", "rslave", "rprivate"] = ""
    create_host_path: Bool = False


class VolumeOptions(Strict):
    nocopy: Bool = False


class TmpfsOptions(Strict):
    size: Size = 0
    mode: Natural = 0


class LongMount(Strict):
    type: Literal["bind", "volume", "tmpfs"]
    target: Str
    source: Str = ""
    read_only: Bool = False
    bind: BindOptions = BindOptions()
    volume: VolumeOptions = VolumeOptions()
    tmpfs: TmpfsOptions = TmpfsOptions()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.target.startswith("/"):
            raise wrong(f"the target {self.target!r} is not an absolute path")
        if self.type == "bind" and not self.source.startswith("/"):
            hint = "use an absolute path of the host, or x-fleet.config for files that belong to the role"
            raise wrong(f"{self.source!r} is relative: a host has no project directory", hint=hint)
        if self.type == "tmpfs" and self.source:
            raise wrong("a tmpfs mount has no source")
        for kind in ({"bind", "volume", "tmpfs"} & self.model_fields_set) - {self.type}:
            raise wrong(f"{kind!r} options on a mount of type {self.type!r}")
        return self


MountItem = Annotated[LongMount, BeforeValidator(shorts.mount, json_schema_input_type=str | dict[str, Any])]


class Attachment(Strict):
    aliases: StrList = []
    ipv4_address: Str = ""
    ipv6_address: Str = ""
    mac_address: Str = ""
    priority: Number = 0


class Healthcheck(Strict):
    test: Annotated[list[Sealable], BeforeValidator(rules.health_test)] = []
    interval: Duration = 0
    timeout: Duration = 0
    retries: Natural = 0
    start_period: Duration = 0
    disable: Bool = False


class LoggingOptions(Strict):
    driver: Str = ""
    options: dict[str, Str] = {}


class Dependency(Strict):
    condition: Literal["service_started", "service_healthy"] = "service_started"
    restart: Literal[False] = False
    required: Literal[True] = True


class EnvFile(Strict):
    path: Str
    required: Bool = True
    format: Literal["", "raw"] = ""


class UlimitPair(Strict):
    soft: Int
    hard: Int


class DeviceMapping(Strict):
    source: Str
    target: Str = ""
    permissions: Str = "rwm"


class SecretUse(Strict):
    source: Str
    target: Str = ""
    uid: Natural = 0
    gid: Natural = 0
    mode: OctalMode = "0444"


class UpdateConfig(Strict):
    parallelism: Natural = 1
    delay: Duration = 0
    failure_action: Literal["pause", "continue", "rollback"] = "pause"
    monitor: Duration | None = None
    max_failure_ratio: Annotated[Number, Field(ge=0, le=1)] = 0
    order: Literal["stop-first", "start-first"] = "stop-first"


class RollbackConfig(UpdateConfig):
    failure_action: Literal["pause", "continue"] = "pause"


class Limits(Strict):
    cpus: Number = 0
    memory: Size = 0
    pids: Int = 0


class Reservations(Strict):
    memory: Size = 0


class Resources(Strict):
    limits: Limits = Limits()
    reservations: Reservations = Reservations()


class Deploy(Strict):
    replicas: Literal[1] = 1
    update_config: UpdateConfig = UpdateConfig()
    rollback_config: RollbackConfig = RollbackConfig()
    resources: Resources = Resources()


Capabilities = Annotated[StrList, AfterValidator(rules.capabilities)]
Namespace = Annotated[Str, AfterValidator(rules.namespace)] | None
SecurityOption = Annotated[Str, AfterValidator(rules.security_option)]
TmpfsPath = Annotated[Str, AfterValidator(rules.container_path)]
NamesOr = BeforeValidator(as_names, json_schema_input_type=list[str] | dict[str, Any])


class ServiceModel(Strict):
    image: Annotated[Str, AfterValidator(rules.image)]
    cap_add: Capabilities = []
    cap_drop: Capabilities = []
    cgroup_parent: Str | None = None
    command: Words = None
    container_name: Annotated[Str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$")] | None = None
    cpu_period: Microseconds = 0
    cpu_quota: Microseconds = 0
    cpu_shares: Natural = 0
    cpus: Annotated[Number, Field(ge=0)] = 0
    cpuset: Str = ""
    depends_on: Annotated[dict[str, Dependency | None], NamesOr] = {}
    deploy: Deploy = Deploy()
    device_cgroup_rules: StrList = []
    devices: list[Annotated[DeviceMapping, BeforeValidator(shorts.device)]] = []
    dns: StrList = []
    dns_opt: StrList = []
    dns_search: StrList = []
    domainname: Str | None = None
    entrypoint: Words = None
    env_file: Annotated[
        list[Annotated[EnvFile, BeforeValidator(shorts.alone("path"))]], BeforeValidator(as_list)
    ] = []
    environment: Environment = {}
    expose: list[Exposed] = []
    extra_hosts: Annotated[list[Str], BeforeValidator(shorts.extra_hosts)] = []
    group_add: Annotated[StrList, AfterValidator(rules.sorted_once)] = []
    healthcheck: Healthcheck | None = None
    hostname: Str | None = None
    init: Bool | None = None
    ipc: Namespace = None
    labels: Labels = {}
    logging: LoggingOptions | None = None
    mac_address: Str = ""
    mem_limit: Size = 0
    mem_reservation: Size = 0
    mem_swappiness: Annotated[Int, Field(ge=0, le=100)] | None = None
    memswap_limit: SwapSize = 0
    network_mode: Annotated[Str, AfterValidator(rules.network_mode)] | None = None
    networks: Annotated[dict[str, Attachment | None], NamesOr] = {}
    oom_kill_disable: Bool = False
    oom_score_adj: Annotated[Int, Field(ge=-1000, le=1000)] = 0
    pid: Namespace = None
    pids_limit: Int = 0
    ports: list[PortItem] = []
    privileged: Bool = False
    pull_policy: Literal["missing", "if_not_present", "always", "never"] = "missing"
    read_only: Bool = False
    restart: Annotated[Str, Field(pattern=r"^(no|always|unless-stopped|on-failure(:\d+)?)$")] = "no"
    runtime: Str | None = None
    secrets: list[Annotated[SecretUse, BeforeValidator(shorts.alone("source"))]] = []
    security_opt: Annotated[list[SecurityOption], BeforeValidator(as_list)] = []
    shm_size: Size = 0
    stdin_open: Bool = False
    stop_grace_period: Duration = 10
    stop_signal: Str | None = None
    sysctls: Labels = {}
    tmpfs: Annotated[list[TmpfsPath], BeforeValidator(as_list)] = []
    tty: Bool = False
    ulimits: dict[str, Annotated[UlimitPair, BeforeValidator(shorts.ulimit)]] = {}
    user: Str | None = None
    userns_mode: Str | None = None
    uts: Str | None = None
    volumes: list[MountItem] = []
    working_dir: Str | None = None
    x_fleet: ServiceExtension = Field(default=ServiceExtension(), alias="x-fleet")


class Subnet(Strict):
    subnet: Str
    gateway: Str = ""


class Ipam(Strict):
    config: list[Subnet] = []


class NetworkModel(Strict):
    name: Str = ""
    driver: Str = "bridge"
    driver_opts: dict[str, Str] = {}
    ipam: Ipam = Ipam()
    external: Bool = False
    internal: Bool = False
    enable_ipv6: Bool = False
    attachable: Bool = False
    labels: Labels = {}


class VolumeModel(Strict):
    name: Str = ""
    driver: Str = "local"
    driver_opts: dict[str, Str] = {}
    external: Bool = False
    labels: Labels = {}


class SecretModel(Strict):
    environment: Str = ""
    file: Str = ""
    x_fleet: SecretExtension | None = Field(default=None, alias="x-fleet")


Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]+$")]


class ComposeFile(Strict):
    services: Annotated[dict[Name, ServiceModel], Field(min_length=1)]
    version: Str = ""
    networks: dict[Name, NetworkModel | None] = {}
    volumes: dict[Name, VolumeModel | None] = {}
    secrets: dict[Name, SecretModel] = {}
    x_fleet: RoleExtension = Field(default=RoleExtension(), alias="x-fleet")
