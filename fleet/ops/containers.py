"""Create, replace and remove a service's container.

A replacement is made under a name of its own before the old one stops: what the engine refuses
(a bad option, a missing network) costs no second of service. The old one is removed when the new one
has started, and is put back when it cannot. Killed at any point, a leftover ``….next`` or ``….old``
is removed by the next plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fleet.health.transition import waiting
from fleet.model import codec, labels
from fleet.model.images import ImageRef
from fleet.model.services import ContainerSpec, Mount, Service
from fleet.model.slots import in_slot
from fleet.model.transitions import Transition
from fleet.ops.container_body import create_body
from fleet.ops.effects import (
    Api,
    CreateContainer,
    Effect,
    ExpectContainer,
    ReinstateContainer,
    RemoveContainer,
    RenameContainer,
    Shell,
    StartContainer,
    StopContainer,
)

NEXT = ".next"
OLD = ".old"
Changes = tuple[tuple[str, str, str], ...]


def is_leftover(name: str) -> bool:
    """A container that only a run under way has, or one that was killed."""
    return name.endswith((NEXT, OLD))


@dataclass(frozen=True, slots=True)
class Recipe:
    """A container to be made: the service, the slot it goes to, and the image by digest. ``job``: it is
    the one-off container of the job of that name."""

    project: str
    env: str
    release: str
    service: Service
    image: str
    digest: str
    slot: int = 1
    job: str = ""

    @property
    def spec(self) -> ContainerSpec:
        return in_slot(self.service, self.slot)

    def marks(self) -> Mapping[str, str]:
        return {
            labels.PROJECT: self.project,
            labels.ENV: self.env,
            labels.ROLE: self.service.role,
            labels.SERVICE: self.service.name,
            **({labels.INSTANCE: str(self.service.instance)} if self.service.instance > 1 else {}),
            labels.RELEASE: self.release,
            labels.SPEC: self.digest,
            labels.IMAGE: self.image,
            labels.DEFINITION: codec.canonical(codec.dump(self.service)),
            **({labels.JOB: self.job} if self.job else {}),
        }

    def creation(self, name: str, volumes: tuple[tuple[str, str], ...] = ()) -> CreateContainer:
        """``volumes``: anonymous ones of a predecessor, unless something else is mounted there now."""
        spec = self.spec
        anonymous = {one.target for one in spec.mounts if one.type == "volume" and not one.source}
        taken = {one.target for one in spec.mounts} - anonymous | {place for place, _ in spec.tmpfs}
        kept = {place: Mount("volume", place, volume) for volume, place in volumes if place not in taken}
        # The engine refuses two mounts at one place, so the kept one stands for the nameless one.
        mounts = (*(one for one in spec.mounts if one.target not in kept), *kept.values())
        body, networks = create_body(replace(spec, mounts=mounts), self.image, self.marks())
        return CreateContainer(name, body, networks)


@dataclass(frozen=True, slots=True)
class Create:
    recipe: Recipe
    beside: bool = False
    """Start-first: the old one goes on serving meanwhile."""
    why: str = ""
    changes: Changes = ()
    volumes: tuple[tuple[str, str], ...] = ()
    """Anonymous volumes of a predecessor, with their places."""
    left: tuple[tuple[str, str], ...] = ()
    """Anonymous volumes that stay behind with the old one: two containers cannot both own them."""

    @property
    def target(self) -> str:
        return f"container:{self.recipe.service.key}"

    @property
    def timeout(self) -> float:
        return 120

    def describe(self) -> str:
        service = self.recipe.service
        if self.beside:
            return f"start {service.key} beside the old one ({self.why})"
        return f"start {service.key} ({ImageRef.parse(service.container.image).short})"

    def diff(self) -> tuple[str, ...]:
        return _shown(self.changes)

    def effects(self) -> tuple[Effect, ...]:
        name = self.recipe.spec.name
        return (
            Api(ExpectContainer(name)),
            Api(self.recipe.creation(name, self.volumes)),
            Api(StartContainer(name)),
        )


@dataclass(frozen=True, slots=True)
class Replace:
    recipe: Recipe
    old_name: str
    old_id: str
    old_grace: float
    why: str
    changes: Changes = ()
    volumes: tuple[tuple[str, str], ...] = ()
    final: bool = False
    """The old one is not started again: its data is elsewhere, or too new for it."""
    stopped: Transition | None = None
    """What must be seen of the old one between its stop and the start of the new one."""

    @property
    def target(self) -> str:
        return f"container:{self.recipe.service.key}"

    @property
    def timeout(self) -> float:
        return 120 + self.old_grace + (self.stopped.deadline if self.stopped else 0)

    def describe(self) -> str:
        return f"replace {self.recipe.service.key} ({self.why})"

    def diff(self) -> tuple[str, ...]:
        return _shown(self.changes)

    def effects(self) -> tuple[Effect, ...]:
        name = self.recipe.spec.name
        return (
            Api(ExpectContainer(self.old_name, self.old_id)),
            *([Api(ExpectContainer(name))] if name != self.old_name else []),
            Api(RemoveContainer(name + NEXT)),
            Api(self.recipe.creation(name + NEXT, self.volumes)),
            Api(StopContainer(self.old_id, self.old_grace)),
            *([Shell(waiting("stopped", self.stopped, ""))] if self.stopped else []),
            Api(RemoveContainer(name + OLD)),
            Api(RenameContainer(self.old_id, name + OLD)),
            Api(RenameContainer(name + NEXT, name)),
            Api(StartContainer(name)),
            Api(RemoveContainer(self.old_id)),
        )

    def undo(self) -> tuple[Effect, ...]:
        """What the engine refuses at the start (a port, a mount) must not cost the service. What is left of
        a final one is removed by the next plan."""
        if self.final:
            return ()
        return (
            Api(ReinstateContainer(self.old_id, self.old_name)),
            Api(RemoveContainer(self.recipe.spec.name + NEXT)),
        )


@dataclass(frozen=True, slots=True)
class Remove:
    name: str
    id: str
    key: str
    grace: float
    why: str

    @property
    def target(self) -> str:
        return f"container:{self.name}"

    @property
    def timeout(self) -> float:
        return 60 + self.grace

    def describe(self) -> str:
        return f"remove {self.key} ({self.why})"

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        return (
            Api(ExpectContainer(self.name, self.id)),
            Api(StopContainer(self.id, self.grace)),
            Api(RemoveContainer(self.id)),
        )


def _shown(changes: Changes) -> tuple[str, ...]:
    """A line before and a line after; none on a side where there is nothing."""
    return tuple(
        f"{mark}{name}: {value}"
        for name, old, new in changes
        for mark, value in (("-", old), ("+", new))
        if value
    )
