"""``x-fleet``'s words for traffic: who sends requests to a service, and how a new version takes over."""

# ruff: noqa: RUF012 (pydantic copies the default of a field)

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from fleet.config.roles import rules
from fleet.config.roles.scalars import Duration, Int, NeededWords, Number, Str, number, wrong
from fleet.config.roles.strict import MAP, TEXT, Strict, shape

CANARY = "strategy: {canary: [{weight: 5, for: 2m}, {weight: 50}]}"

PortNumber = Annotated[Int, Field(ge=1, le=65535)]
Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$")]
# What HAProxy admits in the name of a section, without the colon; a slash parts backend and server.
Backend = Annotated[Str, Field(pattern=r"^[a-zA-Z0-9_.-]+$")]
HostPath = Annotated[Str, AfterValidator(rules.host_path)]
Url = Annotated[Str, Field(pattern=r"^https?://[^/]")]
Pattern = Annotated[Str, AfterValidator(rules.regular_expression)]


class LoadBalancerModel(Strict):
    role: Str
    backend: Backend
    port: PortNumber
    drain_timeout: Duration = 30
    slow_start: Duration = 0


class BalancerModel(Strict):
    kind: Literal["haproxy"]
    socket: HostPath
    master: HostPath = ""
    state: HostPath = ""
    maintenance: HostPath = ""


class VirtualAddressModel(Strict):
    address: Annotated[Str, AfterValidator(rules.ipv4)]


class ShareModel(Strict):
    weight: Annotated[Int, Field(ge=1, le=99)]
    seconds: Annotated[Duration, Field(gt=0)] | None = Field(default=None, alias="for")


def rising(shares: list[ShareModel]) -> list[ShareModel]:
    weights = [share.weight for share in shares]
    if weights != sorted(set(weights)):
        raise wrong(f"the weights do not rise: {', '.join(map(str, weights))}", hint=CANARY)
    return shares


class CanaryModel(Strict):
    canary: Annotated[list[ShareModel], Field(min_length=1), AfterValidator(rising)]


def with_steps(kind: str) -> str:
    if kind == "canary":
        raise wrong("canary needs its steps", hint=CANARY)
    return kind


Kind = Annotated[Literal["rolling", "blue-green", "canary"], AfterValidator(with_steps)]
StrategyItem = Annotated[
    Annotated[Kind, Tag(TEXT)] | Annotated[CanaryModel, Tag(MAP)],
    Discriminator(shape),
]


def ratio(value: Any) -> float:
    """``1%`` and ``0.01`` are the same."""
    percent = isinstance(value, str) and value.endswith("%")
    try:
        found = number(value[:-1]) / 100 if percent else number(value)
    except ValueError:
        found = -1
    if not 0 <= found <= 1:
        raise wrong(f"{value!r} is no share of the requests: write 1% or 0.01")
    return found


class HttpValueModel(Strict):
    url: Url
    path: Str


class PrometheusModel(Strict):
    url: Url
    query: Str


class MeasureModel(Strict):
    http: HttpValueModel | None = None
    prometheus: PrometheusModel | None = None
    log: Pattern = ""
    command: NeededWords = ()
    least: Number | None = None
    most: Number | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        limits = self.model_fields_set & {"least", "most"}
        kinds = self.model_fields_set - limits
        if len(kinds) != 1:
            raise wrong("a measure is exactly one of http, prometheus, log or command")
        if self.log and limits != {"most"}:
            raise wrong("log needs most, and nothing else: lines a minute and container")
        if self.command and limits:
            raise wrong("a command is good when it exits 0: it has no least and no most")
        if (self.http or self.prometheus) and not limits:
            raise wrong("a number needs a limit: least, most, or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise wrong(f"nothing is at least {self.least:g} and at most {self.most:g}")
        return self


class WatchModel(Strict):
    window: Annotated[Duration, Field(gt=0)] = 60
    requests: Annotated[Int, Field(ge=1)] = 100
    errors: Annotated[float, BeforeValidator(ratio, json_schema_input_type=float | str)] = 0.01
    slower: Annotated[Number, Field(ge=1)] = 1.5
    on_failure: Literal["abort", "pause"] = "abort"
    measures: dict[Name, MeasureModel] = {}
