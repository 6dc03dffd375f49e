"""``x-fleet``: what Compose has no word for."""

# ruff: noqa: RUF012 (pydantic copies the default of a field)

from __future__ import annotations

import re
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

from fleet.config.roles import rules
from fleet.config.roles.scalars import (
    Bool,
    Duration,
    FileMode,
    Int,
    Natural,
    NeededWords,
    Sealable,
    Str,
    StrList,
    Words,
    as_list,
    integer,
    text,
    wrong,
)
from fleet.config.roles.short_syntax import alone
from fleet.config.roles.strict import MAP, TEXT, Strict, shape
from fleet.config.roles.traffic_keys import (
    BalancerModel,
    LoadBalancerModel,
    PortNumber,
    StrategyItem,
    VirtualAddressModel,
    WatchModel,
)
from fleet.config.roles.volume_keys import VolumeKeys


def count_or_percent(value: Any) -> int | str:
    """``3`` or ``"50%"``."""
    percent = re.fullmatch(r"(\d{1,3})%", value) if isinstance(value, str) else None
    if percent:
        if int(percent[1]) > 100:
            raise wrong(f"{value!r} is more than all: a percentage goes up to 100%")
        return f"{int(percent[1])}%"
    try:
        count = integer(value)
    except ValueError:
        count = -1
    if count < 0:
        raise wrong(f"{text(value)!r} is neither a count nor a percentage: write 2 or 50%")
    return count


def batch_size(value: Any) -> int | str:
    size = count_or_percent(value)
    if size in (0, "0%"):
        raise wrong("a batch has at least one host")
    return size


CountOrPercent = Annotated[Any, PlainValidator(count_or_percent, json_schema_input_type=int | str)]
BatchSize = Annotated[Any, PlainValidator(batch_size, json_schema_input_type=int | str)]


class JobModel(Strict):
    service: Str
    command: NeededWords
    entrypoint: Words = None
    at: Literal["before", "after"] = "before"
    timeout: Annotated[Duration, Field(gt=0)] = 600
    down: NeededWords = ()


JobName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$")]
VolumeName = Annotated[str, Field(pattern=r"^([a-zA-Z0-9._-]+|/[^%,:\"\\\s]*)$")]


class RoleExtension(Strict):
    needs: StrList = []
    min_healthy: CountOrPercent = 0
    jobs: dict[JobName, JobModel] = {}
    volumes: dict[VolumeName, VolumeKeys] = {}


class SecretExtension(Strict):
    value: Sealable


class ConfigTemplate(Strict):
    template: Str
    mode: FileMode | None = None


ConfigItem = Annotated[
    ConfigTemplate, BeforeValidator(alone("template"), json_schema_input_type=str | dict[str, str])
]


class ReloadModel(Strict):
    signal: Annotated[Str, AfterValidator(rules.signal)] = ""
    command: NeededWords = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.signal) == bool(self.command):
            raise wrong("exactly one of signal and command")
        return self


class ConfigModel(Strict):
    directory: Str
    files: Annotated[dict[Annotated[str, AfterValidator(rules.file_name)], ConfigItem], Field(min_length=1)]
    uid: Natural = 0
    gid: Natural = 0
    validate_: NeededWords = Field(default=(), alias="validate")
    reload: ReloadModel | None = None


Pattern = Annotated[Str, AfterValidator(rules.regular_expression)]


class HttpModel(Strict):
    port: PortNumber
    path: Annotated[Str, Field(pattern="^/")] = "/"
    status: Annotated[Int, Field(ge=100, le=599)] = 200
    match: Pattern = ""


class TcpModel(Strict):
    port: PortNumber


class CheckModel(Strict):
    http: HttpModel | None = None
    tcp: TcpModel | None = None
    exec: NeededWords = ()
    controller: NeededWords = ()
    log: Pattern = ""
    any: Annotated[list[CheckItem], Field(min_length=1)] = []

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise wrong("a check is exactly one of http, tcp, exec, controller, log or any")
        return self


CheckItem = Annotated[
    Annotated[Literal["docker", "running"], Tag(TEXT)] | Annotated[CheckModel, Tag(MAP)], Discriminator(shape)
]


class AddressedHttp(HttpModel):
    host: Str = ""


class AddressedTcp(TcpModel):
    host: Str = ""


class FreeModel(Strict):
    port: PortNumber


class TransitionCheckModel(Strict):
    http: AddressedHttp | None = None
    tcp: AddressedTcp | None = None
    exec: NeededWords = ()
    command: NeededWords = ()
    free: FreeModel | None = None
    sleep: Annotated[Duration, Field(gt=0)] = 0

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise wrong("a check is exactly one of http, tcp, exec, command, free or sleep")
        return self


class TransitionModel(Strict):
    deadline: Annotated[Duration, Field(gt=0)] = 60
    interval: Annotated[Duration, Field(gt=0)] = 1
    checks: Annotated[list[TransitionCheckModel], Field(min_length=1)]


class GateModel(Strict):
    deadline: Duration = 60
    interval: Annotated[Duration, Field(gt=0)] = 1
    rise: Annotated[Int, Field(ge=1)] = 2
    fall: Annotated[Int, Field(ge=1)] = 3
    healthy_for: Duration | None = None
    checks: list[CheckItem] = []


class ServiceExtension(Strict):
    batches: Annotated[
        list[BatchSize],
        BeforeValidator(as_list, json_schema_input_type=int | str | list[int | str]),
    ] = []
    port_pair: dict[PortNumber, Annotated[list[PortNumber], Field(min_length=2, max_length=2)]] = {}
    config: list[ConfigModel] = []
    gate: GateModel = GateModel()
    pre_start: TransitionModel | None = None
    pre_stop: TransitionModel | None = None
    stopped: TransitionModel | None = None
    load_balancer: LoadBalancerModel | None = None
    balancer: BalancerModel | None = None
    virtual_address: VirtualAddressModel | None = None
    strategy: StrategyItem = "rolling"
    guest_environment: Bool = False
    watch: WatchModel | None = None


CheckModel.model_rebuild()
GateModel.model_rebuild()
ServiceExtension.model_rebuild()
