"""The plan: stages in sequence, hosts side by side within a stage, steps in sequence on a host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleet.model.balancing import WEIGHT, Server
from fleet.model.services import Service, UpdatePolicy
from fleet.model.strategy import Share
from fleet.model.volumes import Relocation, is_directory
from fleet.model.watch import WatchSpec
from fleet.ops.op import Op
from fleet.ops.places import MakeVolume
from fleet.plan.keeping import Keep


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on one host. The id is stable and reads well: ``web-1/container:web.app``."""

    host: str
    op: Op

    @property
    def id(self) -> str:
        return f"{self.host}/{self.op.target}"

    def describe(self) -> str:
        return self.op.describe()


@dataclass(frozen=True, slots=True)
class Gate:
    """Wait until the container is healthy by its service's gate. ``fresh``: it has just been made,
    so that any restart counts. ``server``: its balancers must find it healthy, too. ``tests``: those of its
    role must pass on the host."""

    host: str
    service: Service
    container: str
    state_dir: str
    fresh: bool = True
    server: Server | None = None
    tests: bool = False

    @property
    def id(self) -> str:
        return f"{self.host}/gate:{self.service.key}"

    def describe(self) -> str:
        return f"wait until {self.passed}"

    @property
    def passed(self) -> str:
        tests = f" and the tests of {self.service.role} pass" if self.tests else ""
        return f"{self.service.key} is healthy{tests}"


@dataclass(frozen=True, slots=True)
class Drain:
    """No balancer sends new requests to the server, and its sessions have ended or had ``timeout`` seconds
    to. ``empty``: nothing runs there yet, so there is nothing to wait for."""

    host: str
    service: str
    server: Server
    timeout: float
    empty: bool = False
    later: bool = False
    """What is there ends by itself, and is waited for later."""

    @property
    def id(self) -> str:
        return f"{self.host}/drain:{self.server}"

    def describe(self) -> str:
        if self.later:
            return f"no more requests to {place(self)}"
        if self.empty:
            return f"keep requests from {place(self)} until it is healthy"
        return f"drain {place(self)}"


@dataclass(frozen=True, slots=True)
class Admit:
    """Every balancer that answers finds the server healthy, and sends it its share of the requests.
    ``weight``: its share beside others, of which :data:`WEIGHT` is the usual one; ``slow_start``: seconds in
    which the share grows."""

    host: str
    service: str
    server: Server
    weight: int = WEIGHT
    slow_start: float = 0
    why: str = ""

    @property
    def id(self) -> str:
        return f"{self.host}/admit:{self.server}"

    def describe(self) -> str:
        share = f" at weight {self.weight}" if self.weight != WEIGHT else ""
        return f"send requests to {place(self)}{share}{f' ({self.why})' if self.why else ''}"


@dataclass(frozen=True, slots=True)
class Handover:
    """The virtual address goes from ``host`` to the host ``to`` before ``host`` is touched. ``containers``:
    (host, name) of those that hold it, on every host that might."""

    host: str
    to: str
    address: str
    containers: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        return f"{self.host}/address:{self.address}"

    def describe(self) -> str:
        return f"hand {self.address} over to {self.to}"


Lead = Drain | Admit | Handover
"""Where requests are led: done on the balancers, for the sake of ``host``."""


@dataclass(frozen=True, slots=True)
class CopyVolume:
    """A volume's data is copied to ``host``, or to another name there, while it is written, until what is
    left is small. Nothing that runs is touched. ``make``: the volume at the target."""

    host: str
    move: Relocation
    make: MakeVolume

    @property
    def id(self) -> str:
        return f"{self.host}/copy:{self.move.volume}"

    def describe(self) -> str:
        move = self.move
        if move.source == self.host:
            return f"copy {named(move.at_source)} to {named(move.volume)}, while it is used"
        return f"copy volume {move.volume} from {move.source}, while it is used there"


@dataclass(frozen=True, slots=True)
class MoveVolume:
    """Its writers stop, the source is fenced, the rest is copied, both sides are compared: then it lives on
    ``host``. Whatever fails before that, its writers go on at the source."""

    host: str
    move: Relocation

    @property
    def id(self) -> str:
        return f"{self.host}/move:{self.move.volume}"

    def describe(self) -> str:
        move = self.move
        if move.source == self.host:
            verb = "move" if is_directory(move.volume) or is_directory(move.at_source) else "rename"
            return f"{verb} {named(move.at_source)} → {move.volume}"
        return f"move volume {move.volume} {move.source} → {self.host}"


Haul = CopyVolume | MoveVolume
"""A volume's data goes to ``host``, from another one or from another name there."""

Node = Step | Gate | Lead | Haul | Keep


def named(volume: str) -> str:
    return volume if is_directory(volume) else f"volume {volume}"


def place(node: Drain | Admit) -> str:
    """The backend, and which of the host's servers in it when there are two."""
    colour = node.server.name.removeprefix(node.host).lstrip("-")
    return f"{colour} in backend {node.server.backend}" if colour else f"backend {node.server.backend}"


@dataclass(frozen=True, slots=True)
class Turn:
    """What happens on one host within a stage. ``disrupts``: the service is away for a while."""

    host: str
    steps: tuple[Node, ...]
    disrupts: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """Hosts independently of each other, ``limit`` at once; a failure ends the run after the phase, and
    with ``on_failure`` ``rollback`` takes it back. ``harmless``: nothing that runs is touched, so there is
    nothing to go back from."""

    title: str
    turns: tuple[Turn, ...]
    limit: int = 32
    harmless: bool = False
    on_failure: str = "pause"


@dataclass(frozen=True, slots=True)
class Rollout:
    """One service, batch by batch. ``total``: hosts of the role in the run; ``healthy``: those of the
    whole role that were healthy when the plan was made; ``min_healthy``: how many always must be."""

    service: str
    role: str
    batches: tuple[tuple[Turn, ...], ...]
    policy: UpdatePolicy
    total: int
    healthy: frozenset[str] = frozenset()
    min_healthy: int = 0
    manner: str = "stop-first"
    """How the new one takes over: stop-first, start-first, blue-green or canary."""

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(turn for batch in self.batches for turn in batch)


@dataclass(frozen=True, slots=True)
class Member:
    """A container of the new version, and its server."""

    host: str
    container: str
    server: Server | None


@dataclass(frozen=True, slots=True)
class Trial:
    """New and old version of one service side by side: the turns give the new one its share, then it is
    watched. ``version`` is tried beside ``before``. ``watch`` None: nothing is compared."""

    service: str
    role: str
    turns: tuple[Turn, ...]
    share: Share
    new: tuple[Member, ...]
    old: tuple[Server, ...]
    version: str
    before: str
    watch: WatchSpec | None = None
    on_failure: str = "rollback"
    """rollback, or pause: then both versions stay as they are."""

    @property
    def seconds(self) -> float:
        """How long it is watched: a share that waits to be promoted for the window of its watch."""
        return self.share.seconds or (self.watch.window if self.watch else 0)


Stage = Phase | Rollout | Trial


@dataclass(frozen=True, slots=True)
class Finding:
    """What the linter has to say; an error forbids to run the plan."""

    error: bool
    what: str
    hint: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A service that needs no change, and why not."""

    host: str
    service: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    project: str
    env: str
    version: str
    stages: tuple[Stage, ...] = ()
    kept: tuple[Kept, ...] = ()
    findings: tuple[Finding, ...] = ()
    trial: tuple[str, ...] = ()
    """Services whose new version stands beside the old one after it."""

    @property
    def steps(self) -> Iterator[Step]:
        return (
            step
            for stage in self.stages
            for turn in stage.turns
            for step in turn.steps
            if isinstance(step, Step)
        )

    @property
    def empty(self) -> bool:
        return not self.stages

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.error)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that something happens on, in the order of the plan."""
        return tuple(dict.fromkeys(turn.host for stage in self.stages for turn in stage.turns))
