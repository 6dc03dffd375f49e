"""The Compose file as it is validated: every field here is carried out, the rest is in keys.py."""

# ruff: noqa: RUF012 (pydantic copies the default of a field)

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from fleet.config.roles import compose_parts as parts
from fleet.config.roles import rules, short_syntax
from fleet.config.roles.scalars import (
    Bool,
    Duration,
    Environment,
    Int,
    Labels,
    Microseconds,
    Natural,
    Number,
    Sealable,
    Size,
    Str,
    StrList,
    SwapSize,
    Words,
    as_list,
    as_names,
)
from fleet.config.roles.strict import Strict
from fleet.config.roles.xfleet import RoleExtension, SecretExtension, ServiceExtension

Capabilities = Annotated[StrList, AfterValidator(rules.capabilities)]
Namespace = Annotated[Str, AfterValidator(rules.namespace)] | None
SecurityOption = Annotated[Str, AfterValidator(rules.security_option)]
TmpfsPath = Annotated[Str, AfterValidator(rules.container_path)]
NamesOr = BeforeValidator(as_names, json_schema_input_type=list[str] | dict[str, Any])


class ServiceModel(Strict):
    image: Annotated[Str, AfterValidator(rules.image)]
    blkio_config: parts.BlockIoLimits | None = None
    cap_add: Capabilities = []
    cap_drop: Capabilities = []
    cgroup: Literal["host", "private"] | None = None
    cgroup_parent: Str | None = None
    command: Words = None
    configs: list[Annotated[parts.ConfigUse, BeforeValidator(short_syntax.alone("source"))]] = []
    container_name: Annotated[Str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$")] | None = None
    cpu_period: Microseconds = 0
    cpu_quota: Microseconds = 0
    cpu_shares: Natural = 0
    cpus: Annotated[Number, Field(ge=0)] = 0
    cpuset: Str = ""
    depends_on: Annotated[dict[str, parts.Dependency | None], NamesOr] = {}
    deploy: parts.Deploy = parts.Deploy()
    device_cgroup_rules: StrList = []
    devices: list[Annotated[parts.DeviceMapping, BeforeValidator(short_syntax.device)]] = []
    dns: StrList = []
    dns_opt: StrList = []
    dns_search: StrList = []
    domainname: Str | None = None
    entrypoint: Words = None
    env_file: Annotated[
        list[Annotated[parts.EnvFile, BeforeValidator(short_syntax.alone("path"))]], BeforeValidator(as_list)
    ] = []
    environment: Environment = {}
    expose: list[parts.Exposed] = []
    extends: Annotated[parts.Extends, BeforeValidator(short_syntax.alone("service"))] | None = None
    extra_hosts: Annotated[list[Str], BeforeValidator(short_syntax.extra_hosts)] = []
    group_add: Annotated[StrList, AfterValidator(rules.sorted_once)] = []
    healthcheck: parts.Healthcheck | None = None
    hostname: Str | None = None
    init: Bool | None = None
    ipc: Namespace = None
    labels: Labels = {}
    logging: parts.LoggingOptions | None = None
    mac_address: Str = ""
    mem_limit: Size = 0
    mem_reservation: Size = 0
    mem_swappiness: Annotated[Int, Field(ge=0, le=100)] | None = None
    memswap_limit: SwapSize = 0
    network_mode: Annotated[Str, AfterValidator(rules.network_mode)] | None = None
    networks: Annotated[dict[str, parts.Attachment | None], NamesOr] = {}
    oom_kill_disable: Bool = False
    oom_score_adj: Annotated[Int, Field(ge=-1000, le=1000)] = 0
    pid: Namespace = None
    pids_limit: Int = 0
    ports: list[parts.PortItem] = []
    privileged: Bool = False
    profiles: StrList = []
    pull_policy: Literal["missing", "if_not_present", "always", "never"] = "missing"
    read_only: Bool = False
    restart: Annotated[Str, AfterValidator(rules.restart)] = "no"
    runtime: Str | None = None
    secrets: list[Annotated[parts.SecretUse, BeforeValidator(short_syntax.alone("source"))]] = []
    security_opt: Annotated[list[SecurityOption], BeforeValidator(as_list)] = []
    shm_size: Size = 0
    stdin_open: Bool = False
    stop_grace_period: Duration = 10
    stop_signal: Str | None = None
    sysctls: Labels = {}
    tmpfs: Annotated[list[TmpfsPath], BeforeValidator(as_list)] = []
    tty: Bool = False
    ulimits: dict[str, Annotated[parts.UlimitPair, BeforeValidator(short_syntax.ulimit)]] = {}
    user: Str | None = None
    userns_mode: Str | None = None
    uts: Str | None = None
    volumes: list[parts.MountItem] = []
    working_dir: Str | None = None
    x_fleet: ServiceExtension = Field(default=ServiceExtension(), alias="x-fleet")


class Subnet(Strict):
    subnet: Str
    gateway: Str = ""
    ip_range: Str = ""
    aux_addresses: dict[str, Str] = {}


class Ipam(Strict):
    driver: Str = "default"
    config: list[Subnet] = []
    options: dict[str, Str] = {}


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


class ConfigModel(Strict):
    content: Sealable = ""
    environment: Str = ""
    file: Str = ""


class SecretModel(Strict):
    environment: Str = ""
    file: Str = ""
    x_fleet: SecretExtension | None = Field(default=None, alias="x-fleet")


Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]+$")]


class ComposeFile(Strict):
    services: Annotated[dict[Name, ServiceModel], Field(min_length=1)]
    version: Str = ""
    include: list[Annotated[parts.Include, BeforeValidator(short_syntax.alone("path"))]] = []
    networks: dict[Name, NetworkModel | None] = {}
    volumes: dict[Name, VolumeModel | None] = {}
    configs: dict[Name, ConfigModel] = {}
    secrets: dict[Name, SecretModel] = {}
    x_fleet: RoleExtension = Field(default=RoleExtension(), alias="x-fleet")
