"""Upgrades of data in a plan, and changes of its owner: right before the version starts that needs one, or
brought back before the one from before does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fleet.model.desired import Desired
from fleet.model.found import Container, Facts
from fleet.model.images import ImageRef
from fleet.model.jobs import UPGRADE, Job
from fleet.model.place import Place
from fleet.model.services import Service
from fleet.model.snapshots import BEFORE_UPGRADE, Restoring, Snapshot, Upgrading
from fleet.model.volume_care import Upgrade
from fleet.model.volumes import State, Writer
from fleet.ops.containers import Recipe, Remove, Replace
from fleet.ops.job import RunJob, one_off
from fleet.ops.snapshots import DropSnapshot
from fleet.plan.jobs import Due
from fleet.plan.keeping import OwnVolume, RestoreVolume, UpgradeVolume
from fleet.plan.snapshots import grace, outlived, taking
from fleet.plan.snapshots_kept import kept
from fleet.plan.traffic import drains
from fleet.plan.tree import Finding, Node, Phase, Stage, Step, Turn
from fleet.plan.volume_cases import Case, short
from fleet.plan.volume_order import before_its_user, has_user
from fleet.plan.volume_places import users, volume_at
from fleet.plan.volume_upgrades import Data, due
from fleet.plan.well import well


@dataclass(frozen=True, slots=True)
class Upgrades:
    """``cases``: what becomes of the volumes; ``helper``: its image by digest."""

    desired: Desired
    facts: Facts
    cases: tuple[Case, ...]
    helper: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """Those that need the helper."""
        return tuple(one.host for one in self._concerned())

    @property
    def images(self) -> dict[str, tuple[str, ...]]:
        """As they are written, with the hosts that need them."""
        found: dict[str, tuple[str, ...]] = {}
        for one, upgrade in self._upgrades():
            found[upgrade.image] = (*found.get(upgrade.image, ()), one.host)
        return found

    @property
    def due(self) -> tuple[Due, ...]:
        """The commands, as jobs that are due."""
        found = ((one, self._command(one, upgrade)) for one, upgrade in self._upgrades())
        return tuple(Due(one.host, op, first=True, on_failure="rollback") for one, op in found if op)

    def findings(self) -> Iterator[Finding]:
        for one, upgrade in self._upgrades():
            name = short(self.desired, one.volume)
            if self._command(one, upgrade) is None:
                what = f"the image {upgrade.image}, which upgrades volume {name}, is not to be had"
                yield Finding(True, what, "push it, or correct x-fleet.volumes: upgrade", one.host)
        for one in self._concerned():
            state = next(state for state in self.desired.hosts if state.host == one.host)
            using = [service.key for service in state.services if _mounts(service, one.volume.name)]
            if tried := [key for key in using if key in self.desired.trial]:
                changed = "is to get another owner" if one.data is Data.OWN else "is to be upgraded"
                what = f"{tried[0]} cannot be tried beside its old version, whose data {changed}"
                yield Finding(True, what, "do that with strategy: rolling first", one.host)

    def placed(self, stages: Sequence[Stage]) -> list[Stage]:
        """``stages`` with what is done to the data right before its first user starts; where none does, what
        runs on it now stops for that alone."""
        done, alone, last = list(stages), list[Turn](), list[Turn]()
        for one in self._concerned():
            stopping = self._running(one)
            away = [node for each in stopping for node in drains(self.desired, self.facts, one.host, each)]
            node = self._node(one, stopping, _gone(stages, one.host))
            if node is None:
                continue
            if gone := tuple(self._needless(one)):
                last.append(Turn(one.host, gone))
            if has_user(stages, one.host, one.volume.name):
                done = before_its_user(done, one.host, one.volume.name, (*away, node))
            else:
                again = (more for each in stopping for more in well(self.desired, self.facts, one.host, each))
                alone.append(Turn(one.host, (*away, node, *again), disrupts=True))
        if alone:
            done.insert(0, Phase("upgrade volumes", tuple(alone), limit=1, on_failure="rollback"))
        if last:
            done.append(Phase("remove snapshots", tuple(last), harmless=True))
        return done

    def _node(self, one: Case, stopping: Sequence[Container], gone: Iterable[str]) -> Node | None:
        # It may be adopted before.
        desired, mark = self.desired, one.mark
        if mark is None:
            return None
        there = {each.id for each in self._ours(one)}
        replaced = tuple(each for each in gone if each in there)
        writers = tuple(Writer(each.id, each.name, grace(each)) for each in stopping)
        place = Place(desired.state_dir, desired.project, desired.env)
        live = replace(
            mark,
            generation=mark.generation + 1,
            state=State.LIVE,
            snapshot="",
            peer="",
            called="",
            proven=False,
        )
        upgrade = one.volume.care.upgrade
        if one.data is Data.REVERT and one.snapshot:
            live = replace(live, upgrades=one.snapshot.upgrades)
            back = Restoring(
                one.volume.name, one.host, one.snapshot, mark, live, self.helper, place, writers=writers,
                replaced=replaced,
            )  # fmt: skip
            return RestoreVolume(one.host, back)
        owner, was, entries = self._owners(one) if one.data is Data.OWN else ("", "", 0)
        why = (
            f"before owner {owner} of {desired.version}"
            if owner
            else f"{BEFORE_UPGRADE} of {desired.version}"
        )
        keeping = taking(desired, self.facts, one.host, one.volume, mark, self.helper, why)
        # What stops needs no pause, and comes back by a copy.
        keeping = replace(keeping, freeze=None, thaw=None, dump=None, owner=was)
        if owner:
            live = replace(live, owned=(mark.owned or was) if one.volume.care.owner else "")
        else:
            had = one.snapshot.upgrades if one.snapshot else mark.upgrades
            live = replace(live, upgrades=(*had, one.volume.care.needs))
        what = Upgrading(
            one.volume.name, one.host, mark, live, self.helper, place,
            None if one.snapshot else keeping, one.snapshot, writers, replaced,
        )  # fmt: skip
        if owner:
            return OwnVolume(one.host, what, was, owner, entries)
        command = self._command(one, upgrade) if upgrade else None
        return UpgradeVolume(one.host, what, command) if command else None

    def _owners(self, one: Case) -> tuple[str, str, int]:
        """Whose it is to be, whose it was, and how many entries that concerns; 0: nobody has counted."""
        there = volume_at(self.facts, one.host, one.volume.name)
        assert there and one.mark  # noqa: S101, PT018 - of a volume that is there
        return (
            due(one.volume, one.mark),
            one.snapshot.owner if one.snapshot else there.owner,
            there.entries,
        )

    def _needless(self, one: Case) -> Iterator[Step]:
        """Of tries that came to nothing: now there is one from before the upgrade that was carried out. And
        those from before so many others that nobody goes back to them."""
        place = Place(self.desired.state_dir, self.desired.project, self.desired.env)
        tries: list[Snapshot] = []
        had = one.snapshot.upgrades if one.snapshot else one.mark.upgrades if one.mark else ()
        for each in kept(self.facts, one.host, one.volume.name) if one.data is Data.UPGRADE else ():
            if not each.owner and each.of_upgrade and each.upgrades == had and each != one.snapshot:
                tries.append(each)
                yield Step(one.host, DropSnapshot(each, place, "a newer one is from before this upgrade"))
        for step in outlived(self.desired, self.facts, one.host, one.volume, 0 if one.snapshot else 1):
            if isinstance(step.op, DropSnapshot) and step.op.snapshot not in (*tries, one.snapshot):
                yield step

    def _command(self, one: Case, upgrade: Upgrade) -> RunJob | None:
        """None: its image is not known."""
        desired, role = self.desired, one.volume.role
        state = next(state for state in desired.hosts if state.host == one.host)
        key = f"{role}.{upgrade.service}"
        service = next((each for each in state.services if each.key == key), None)
        image = self._image(upgrade)
        if service is None or not image:
            return None
        name = f"{UPGRADE}{short(desired, one.volume)}"
        job = Job(role, name, upgrade.service, upgrade.command, upgrade.entrypoint, timeout=upgrade.timeout)
        made = one_off(desired.project, desired.env, job, service, upgrade.command)
        mounts = tuple(each for each in made.container.mounts if each.source == one.volume.name)
        # The entrypoint is the image's own, unless another one is said.
        spec = replace(made.container, image=upgrade.image, entrypoint=upgrade.entrypoint, mounts=mounts)
        made = replace(made, container=spec)
        recipe = Recipe(desired.project, desired.env, desired.version, made, image, upgrade.id, job=name)
        return RunJob(job, recipe, upgrade.id)

    def _image(self, upgrade: Upgrade) -> str:
        ref = ImageRef.parse(upgrade.image)
        digest = ref.digest or self.facts.digests.get(upgrade.image, "")
        return ref.pinned(digest) if digest else ""

    def _concerned(self) -> Iterator[Case]:
        return (one for one in self.cases if one.data)

    def _upgrades(self) -> Iterator[tuple[Case, Upgrade]]:
        for one in self._concerned():
            if one.data is Data.UPGRADE and one.volume.care.upgrade:
                yield one, one.volume.care.upgrade

    def _ours(self, one: Case) -> tuple[Container, ...]:
        there = volume_at(self.facts, one.host, one.volume.name)
        return users(there, self.facts.hosts[one.host]) if there else ()

    def _running(self, one: Case) -> list[Container]:
        return [each for each in self._ours(one) if each.running and not each.job]


def _gone(stages: Sequence[Stage], host: str) -> list[str]:
    """Ids of the containers in whose place another one starts, or none."""
    steps = [step for stage in stages for turn in stage.turns for step in turn.steps if turn.host == host]
    ops = [step.op for step in steps if isinstance(step, Step)]
    return [op.old_id if isinstance(op, Replace) else op.id for op in ops if isinstance(op, Replace | Remove)]


def _mounts(service: Service, volume: str) -> bool:
    return any(each.source == volume for each in service.container.mounts)
