"""The mappings below a service of a Compose file, and what may be written shorter."""

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

from fleet.config.roles import rules, short_syntax
from fleet.config.roles.scalars import (
    Bool,
    Duration,
    Int,
    Labels,
    Natural,
    Number,
    OctalMode,
    Size,
    Str,
    StrList,
    wrong,
)
from fleet.config.roles.strict import MAP, TEXT, Strict, shape
from fleet.model.services import Port


class LongPort(Strict):
    target: Annotated[Int, Field(ge=1, le=65535)]
    published: Annotated[Str, AfterValidator(short_syntax.host_ports)] = ""
    protocol: Literal["tcp", "udp", "sctp"] = "tcp"
    host_ip: Str = ""

    @property
    def port(self) -> Port | short_syntax.PortRange:
        first, _, last = self.published.partition("-")
        if last and first != last:
            return short_syntax.PortRange(self.target, int(first), int(last), self.protocol, self.host_ip)
        return Port(self.target, int(first or 0), self.protocol, self.host_ip)


ShortPort = Annotated[Any, PlainValidator(short_syntax.ports, json_schema_input_type=str | int)]
PortItem = Annotated[Annotated[ShortPort, Tag(TEXT)] | Annotated[LongPort, Tag(MAP)], Discriminator(shape)]
Exposed = Annotated[Any, PlainValidator(short_syntax.exposed, json_schema_input_type=str | int)]


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


MountItem = Annotated[
    LongMount, BeforeValidator(short_syntax.mount, json_schema_input_type=str | dict[str, Any])
]


class Attachment(Strict):
    aliases: StrList = []
    ipv4_address: Str = ""
    ipv6_address: Str = ""
    mac_address: Str = ""
    link_local_ips: StrList = []
    priority: Number = 0


class Healthcheck(Strict):
    test: Annotated[list[Str], BeforeValidator(rules.health_test)] = []
    interval: Duration = 0
    timeout: Duration = 0
    retries: Natural = 0
    start_period: Duration = 0
    disable: Bool = False


class LoggingOptions(Strict):
    driver: Str = ""
    options: dict[str, Str] = {}


class Include(Strict):
    path: Str


class Extends(Strict):
    service: Str
    file: Str = ""

    @model_validator(mode="after")
    def _taken_in(self) -> Self:
        # Files are put together before templates are rendered; then there is none of it left.
        raise wrong("a template cannot bring this in: it is read before there are variables")


class Dependency(Strict):
    condition: Literal["service_started", "service_healthy"] = "service_started"
    restart: Literal[False] = False
    required: Bool = True


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


class ConfigUse(Strict):
    source: Str
    target: Annotated[Str, AfterValidator(rules.config_target)] = ""
    uid: Natural = 0
    gid: Natural = 0
    mode: OctalMode = "0444"


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


class DeviceWeight(Strict):
    path: Str
    weight: Annotated[Int, Field(ge=10, le=1000)]


class ByteRate(Strict):
    path: Str
    rate: Size


class OperationRate(Strict):
    path: Str
    rate: Natural


class BlockIoLimits(Strict):
    weight: Annotated[Int, Field(ge=10, le=1000)] | None = None
    weight_device: list[DeviceWeight] = []
    device_read_bps: list[ByteRate] = []
    device_read_iops: list[OperationRate] = []
    device_write_bps: list[ByteRate] = []
    device_write_iops: list[OperationRate] = []


class Limits(Strict):
    cpus: Number = 0
    memory: Size = 0
    pids: Int = 0


class ReservedDevice(Strict):
    capabilities: Annotated[StrList, Field(min_length=1)]
    driver: Str = ""
    count: Annotated[Int, BeforeValidator(rules.all_or_some)] | None = None
    device_ids: StrList = []
    options: Labels = {}

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.count is not None and self.device_ids:
            raise wrong("count and device_ids exclude each other")
        return self


class Reservations(Strict):
    memory: Size = 0
    devices: list[ReservedDevice] = []


class Resources(Strict):
    limits: Limits = Limits()
    reservations: Reservations = Reservations()


MOST = 1000
"""Replicas on a host: a bridge of the kernel has no room for more."""


class Deploy(Strict):
    replicas: Annotated[Int, Field(ge=1, le=MOST)] = 1
    update_config: UpdateConfig = UpdateConfig()
    rollback_config: RollbackConfig = RollbackConfig()
    resources: Resources = Resources()
