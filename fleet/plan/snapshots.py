"""Snapshots in a plan: before a service that mounts the volume is changed, and how many of them stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fleet.model.desired import Desired, Volume
from fleet.model.found import Container, Facts, HostFacts
from fleet.model.place import Place
from fleet.model.snapshots import Taking, Within
from fleet.model.volume_care import Inside
from fleet.model.volumes import FoundVolume, Mark, State, Writer
from fleet.ops.snapshots import DropSnapshot
from fleet.plan.keeping import TakeSnapshot
from fleet.plan.snapshots_kept import kept
from fleet.plan.tree import Node, Phase, Stage, Step, Turn
from fleet.plan.volume_cases import Case
from fleet.plan.volume_order import has_user
from fleet.plan.volume_places import mark_at, users, volume_at


@dataclass(frozen=True, slots=True)
class Snapshots:
    """``cases``: what becomes of the volumes; ``image``: of the helper, by digest."""

    desired: Desired
    facts: Facts
    cases: tuple[Case, ...]
    image: str

    @property
    def possible(self) -> tuple[str, ...]:
        """Hosts that may need the helper."""
        return tuple(dict.fromkeys(one.host for one, _ in self._cared()))

    def before(self, stages: Sequence[Stage]) -> tuple[Phase, ...]:
        """Of each volume whose role wants that, when ``stages`` start something anew that mounts it."""
        desired, turns = self.desired, dict[str, list[Node]]()
        for one, mark in self._cared():
            if has_user(stages, one.host, one.volume.name):
                why = f"before {desired.version}"
                made = taking(desired, self.facts, one.host, one.volume, mark, self.image, why)
                nodes = turns.setdefault(one.host, [])
                nodes.append(TakeSnapshot(one.host, made))
                nodes += beyond(desired, self.facts, one.host, one.volume)
        if not turns:
            return ()
        found = tuple(Turn(host, tuple(nodes)) for host, nodes in turns.items())
        return (phase(found),)

    def _cared(self) -> Iterator[tuple[Case, Mark]]:
        """Live here, or about to be adopted. On the way back of a run that failed, its own is enough."""
        for one in () if self.desired.moving.back else self.cases:
            there = volume_at(self.facts, one.host, one.volume.name)
            mark = (there.mark or one.mark) if there else None
            # Before an upgrade there is another one anyway.
            if one.volume.care.before_deploy and mark and mark.state is State.LIVE and not one.data:
                yield one, mark


def phase(turns: tuple[Turn, ...]) -> Phase:
    """One host after the other: what pauses on one of them goes on on the others."""
    return Phase("take snapshots", turns, limit=1, harmless=True)


def taking(
    desired: Desired, facts: Facts, host: str, volume: Volume, mark: Mark, image: str, why: str
) -> Taking:
    """A snapshot of ``volume``, as its role says. What its commands need does not run: as by default."""
    seen = facts.hosts[host]
    found = volume_at(facts, host, volume.name) or FoundVolume(volume.name)
    ours = users(found, seen)
    care, writers = volume.care, writing(found, ours)
    freeze, thaw = (within(seen, volume.role, one) for one in (care.freeze, care.thaw))
    dump = within(seen, volume.role, care.dump)
    ran = sorted(ours, key=lambda one: (not one.running, bool(one.job)))
    return Taking(
        volume.name, volume.role, host, mark, image, Place(desired.state_dir, desired.project, desired.env),
        writers=tuple(Writer(one.id, one.name, grace(one)) for one in writers),
        readers=tuple(one.id for one in ours if one not in writers),
        freeze=freeze if thaw else None,
        thaw=thaw if freeze else None,
        dump=dump,
        version=ran[0].release if ran else "",
        why=why,
    )  # fmt: skip


def beyond(desired: Desired, facts: Facts, host: str, volume: Volume) -> Iterator[Step]:
    """Those that go once there is another one."""
    place, keep = Place(desired.state_dir, desired.project, desired.env), volume.care.keep
    counted = [one for one in kept(facts, host, volume.name) if not one.of_upgrade]
    for one in counted[: 1 - keep or None]:
        yield Step(host, DropSnapshot(one, place, f"the newest {keep} stay" if keep > 1 else "one stays"))
    yield from outlived(desired, facts, host, volume)


def outlived(desired: Desired, facts: Facts, host: str, volume: Volume, coming: int = 0) -> Iterator[Step]:
    """What data was before an upgrade, or another owner, the version from before needs: so it is counted by
    itself, and only what is older than as many others goes. ``coming``: how many more there will be."""
    place, keep = Place(desired.state_dir, desired.project, desired.env), volume.care.keep
    mark = mark_at(facts, host, volume.name)
    counted = [one for one in kept(facts, host, volume.name) if one.of_upgrade]
    which = f"the newest {keep} of them stay" if keep > 1 else "the newest of them stays"
    for one in counted[: max(len(counted) + coming - keep, 0)]:
        # What is half restored is to be had from nowhere else.
        if mark is None or one.id != mark.snapshot:
            yield Step(host, DropSnapshot(one, place, f"{one.why}; {which}"))


def all_outlived(desired: Desired, facts: Facts) -> tuple[Phase, ...]:
    """On all hosts of the run, as ``inv prune`` removes them."""
    turns = (
        Turn(
            state.host,
            tuple(step for one in state.volumes for step in outlived(desired, facts, state.host, one)),
        )
        for state in desired.hosts
        if state.host in facts.hosts
    )
    found = tuple(turn for turn in turns if turn.steps)
    return (Phase("remove old snapshots", found),) if found else ()


def writing(found: FoundVolume, ours: Sequence[Container]) -> tuple[Container, ...]:
    """Those that run and do not only read it."""
    return tuple(one for one in ours if one.running and not _reads(found, one))


def grace(found: Container) -> float:
    return found.definition.container.stop_grace_period if found.definition else 10


def _reads(found: FoundVolume, one: Container) -> bool:
    mounts = one.definition.container.mounts if one.definition else ()
    here = [mount for mount in mounts if mount.type == "volume" and mount.source == found.name]
    return bool(here) and all(mount.read_only for mount in here)


def within(host: HostFacts, role: str, inside: Inside | None) -> Within | None:
    """The container that the command runs in; None: there is no such, or no command."""
    for one in host.of_services if inside else ():
        if inside and one.running and (one.role, one.service) == (role, inside.service):
            return Within(one.id, f"{role}.{inside.service}", inside.command)
    return None
