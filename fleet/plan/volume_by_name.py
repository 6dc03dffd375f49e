"""Plans for a volume that somebody names: a snapshot of it, or one of them brought back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fleet.facts.volumes import made_with
from fleet.model.desired import Desired, Volume
from fleet.model.found import Container, Facts
from fleet.model.images import ImageRef
from fleet.model.place import Place
from fleet.model.snapshots import Kind, Restoring, Snapshot, Within
from fleet.model.volumes import FoundVolume, Mark, State, Writer
from fleet.ops.effects import RegistryAuth
from fleet.ops.places import MakeVolume
from fleet.ops.pull import Pull
from fleet.ops.restoring import half
from fleet.plan import images
from fleet.plan.keeping import RestoreVolume, TakeSnapshot
from fleet.plan.lint import readable
from fleet.plan.snapshots import grace, phase, taking, within
from fleet.plan.snapshots_kept import kept
from fleet.plan.snapshots_sent import away, fetched, sending, wrong_place
from fleet.plan.traffic import drains
from fleet.plan.tree import Finding, Node, Phase, Plan, Step, Turn
from fleet.plan.volume_cases import short
from fleet.plan.volume_lint import helper
from fleet.plan.volume_places import users, volume_at
from fleet.plan.volumes import Volumes
from fleet.plan.well import well
from fleet.suggest import suggest

Registries = Mapping[str, RegistryAuth]


@dataclass(frozen=True, slots=True)
class Named:
    """What somebody calls ``name``: as its role does, or in full. ``places``: hosts of the run that want
    it."""

    name: str
    places: tuple[tuple[str, Volume], ...]
    known: tuple[str, ...]

    @classmethod
    def of(cls, desired: Desired, name: str) -> Named:
        wanted = [(state.host, one) for state in desired.hosts for one in state.volumes if one.of_host]
        found = tuple((host, one) for host, one in wanted if name in {one.name, short(desired, one)})
        return cls(name, found, tuple(dict.fromkeys(short(desired, one) for _, one in wanted)))

    def missing(self) -> Iterator[Finding]:
        if not self.places:
            what = f"no host of this run has a role with a volume {self.name}{suggest(self.name, self.known)}"
            yield Finding(True, what, f"known: {', '.join(self.known) or 'none'}")


def snapshot(desired: Desired, facts: Facts, name: str, registries: Registries, to: str = "") -> Plan:
    """Of the volume ``name``, on each host of the run that has it; ``to``: the host that it is kept on."""
    if unread := tuple(readable(desired, facts)):
        return Plan(desired.project, desired.env, desired.version, findings=unread)
    named, data = Named.of(desired, name), Volumes.of(desired, facts)
    findings, turns = [*named.missing(), *wrong_place(desired, facts, named.places, to)], []
    for host, volume in named.places:
        there = volume_at(facts, host, volume.name)
        if there and there.mark and there.mark.state is State.LIVE:
            made = taking(desired, facts, host, volume, there.mark, data.pinned, "by hand")
            turns.append(Turn(host, (TakeSnapshot(host, made),)))
        else:
            findings.append(Finding(True, f"volume {name}: {_not_whole(there)}", host=host))
    if turns:
        findings += helper(desired, data.pinned, "take a snapshot of a volume")
    if any(finding.error for finding in findings):
        return Plan(desired.project, desired.env, desired.version, findings=tuple(findings))
    hosts = [*(one.host for one in turns), *([to] if to else [])]
    stages = (*pulled(desired, facts, hosts, data.pinned, registries),
              *([phase(tuple(turns))] if turns else []),
              *sending(desired, named.places, to, data.pinned))  # fmt: skip
    return Plan(desired.project, desired.env, desired.version, stages, findings=tuple(findings))


def restore(desired: Desired, facts: Facts, name: str, id_: str, registries: Registries) -> Plan:
    """The volume ``name`` becomes what its snapshot ``id_`` holds, on the host that has it."""
    if unread := tuple(readable(desired, facts)):
        return Plan(desired.project, desired.env, desired.version, findings=unread)
    named, data = Named.of(desired, name), Volumes.of(desired, facts)
    findings = [*named.missing()]
    held = [(host, volume, one) for host, volume in named.places
            for one in kept(facts, host, volume.name) if one.id == id_]  # fmt: skip
    stages: tuple[Phase, ...] = ()
    brought: tuple[Phase, ...] = ()
    sources: tuple[str, ...] = ()
    for host, volume, source, one in () if held else away(facts, named.places, id_)[:1]:
        held, sources = [(host, volume, one)], (source,)
        brought = (fetched(desired, host, volume, source, one, data.pinned),)
    if len(held) > 1:
        where = ", ".join(host for host, _, _ in held)
        findings.append(Finding(True, f"snapshot {id_} is on {where}", "name one of them: --limit"))
    elif not held and not findings:
        others = [one.id for host, volume in named.places for one in kept(facts, host, volume.name)]
        what = f"no host of this run has a snapshot {id_} of volume {name}{suggest(id_, others)}"
        findings.append(Finding(True, what, f"inv volumes list {name} tells which there are"))
    elif not findings:
        host, volume, one = held[0]
        made = _One(desired, facts, host, volume, one, data.pinned)
        findings += [*made.wrong(), *helper(desired, data.pinned, "restore a volume")]
        if not any(finding.error for finding in findings):
            turn = Turn(host, tuple(made.nodes()), disrupts=True)
            stages = (*pulled(desired, facts, [host, *sources], data.pinned, registries), *brought,
                      Phase("restore volumes", (turn,)))  # fmt: skip
    return Plan(desired.project, desired.env, desired.version, stages, findings=tuple(findings))


@dataclass(frozen=True, slots=True)
class _One:
    desired: Desired
    facts: Facts
    host: str
    volume: Volume
    snapshot: Snapshot
    image: str

    def wrong(self) -> Iterator[Finding]:
        name, mark, dump = self.volume.name, self.mark, self.snapshot.kind is Kind.DUMP
        elsewhere = [one.host for one in self.facts.homes.get(name, ()) if one.host != self.host]
        whole = mark is not None and mark.state is State.LIVE
        if self.there and not whole and not (mark and mark.snapshot):
            yield self._error(f"volume {name}: {_not_whole(self.there)}")
        elif self.there is None and elsewhere:
            yield self._error(f"the data of volume {name} lives on {', '.join(elsewhere)}",
                              "inv volumes export and import bring a snapshot there")  # fmt: skip
        if dump and not whole:
            yield self._error("a dump is loaded by a service that runs, and the volume is not live",
                              "deploy first; --allow-empty, if there is nothing else")  # fmt: skip
        elif dump and self.volume.care.load is None:
            yield self._error("the snapshot is a dump, and its role has no command to load it",
                              "x-fleet.volumes: load")  # fmt: skip
        elif dump and self._load is None:
            service = self.volume.care.load.service if self.volume.care.load else ""
            yield self._error(f"the dump is loaded in {self.volume.role}.{service}, which does not run",
                              "deploy first")  # fmt: skip
        for one in () if dump else self._running:
            if one.job:
                yield self._error(f"job {one.job} uses volume {name}", "wait until it has ended")

    def nodes(self) -> Iterator[Node]:
        desired, facts, mark = self.desired, self.facts, self.mark
        dump = self.snapshot.kind is Kind.DUMP
        stopping = () if dump else self._running
        # What runs is of a version for which this data is not, or not any more.
        owner, was = self.volume.care.owner, self.snapshot.owner
        upgraded = mark is not None and mark.upgrades != self.snapshot.upgrades
        other = not dump and (upgraded or bool(owner and was and owner != was))
        replaced = tuple(one.id for one in self._ours) if other else ()
        keeping = None
        if mark and not mark.snapshot:
            why = f"before restore of {self.snapshot.id}"
            keeping = taking(desired, facts, self.host, self.volume, mark, self.image, why)
            # What stops needs no pause, and comes back by a copy.
            keeping = keeping if dump else replace(keeping, freeze=None, thaw=None, dump=None)
        make = MakeVolume(desired.project, desired.env, self.volume, state_dir=desired.state_dir)
        what = Restoring(
            self.volume.name, self.host, self.snapshot, mark, self._live(make), self.image, self._place,
            keeping,
            tuple(Writer(one.id, one.name, grace(one)) for one in stopping),
            self._load if dump else None,
            replaced,
        )  # fmt: skip
        for one in stopping:
            yield from drains(desired, facts, self.host, one)
        yield RestoreVolume(self.host, what, None if self.there else replace(make, mark=half(what)))
        for one in self._running if dump else (*stopping, *self._stopped):
            if one.id not in replaced:
                yield from well(desired, facts, self.host, one)

    def _live(self, make: MakeVolume) -> Mark:
        mark, one = self.mark, self.snapshot
        if mark:
            # That a service was healthy here before keeps it from being given up for what is elsewhere.
            return replace(
                mark, generation=mark.generation + 1, state=State.LIVE, snapshot="", upgrades=one.upgrades
            )
        homes = [home for home in self.facts.homes.get(self.volume.name, ()) if home.host == self.host]
        lineage = homes[0].lineage if homes else one.lineage
        generation = max([one.generation, *(home.generation for home in homes)]) + 1
        made = self.there.made if self.there else made_with(make.labels)
        return Mark(lineage, generation, State.LIVE, made=made, upgrades=one.upgrades)

    @property
    def there(self) -> FoundVolume | None:
        return volume_at(self.facts, self.host, self.volume.name)

    @property
    def mark(self) -> Mark | None:
        return self.there.mark if self.there else None

    @property
    def _ours(self) -> tuple[Container, ...]:
        return users(self.there, self.facts.hosts[self.host]) if self.there else ()

    @property
    def _running(self) -> tuple[Container, ...]:
        return tuple(one for one in self._ours if one.running)

    @property
    def _stopped(self) -> tuple[Container, ...]:
        """By a run that was cut off: it starts them again."""
        half_way = self.mark is not None and bool(self.mark.snapshot)
        stays = [one for one in self._ours if any(word.endswith("→ no") for word in one.altered)]
        return tuple(one for one in stays if half_way and not one.running)

    @property
    def _load(self) -> Within | None:
        care = self.volume.care
        return within(self.facts.hosts[self.host], self.volume.role, care.load)

    @property
    def _place(self) -> Place:
        return Place(self.desired.state_dir, self.desired.project, self.desired.env)

    def _error(self, what: str, hint: str = "") -> Finding:
        return Finding(True, what, hint, self.host)


def _not_whole(there: FoundVolume | None) -> str:
    """What is the matter with it, after ``volume NAME:``."""
    if there is None:
        return "it is not here"
    mark = there.mark
    if mark is None:
        return "nobody knows yet what it is; the next deploy adopts it"
    if mark.snapshot:
        return f"it is half restored from snapshot {mark.snapshot}"
    if mark.state is State.FENCED:
        return f"its data went to {mark.peer}"
    return f"it is an incomplete copy from {mark.peer}" if mark.state is State.INCOMING else "it is live"


def pulled(
    desired: Desired, facts: Facts, hosts: Sequence[str], pinned: str, registries: Registries
) -> Iterator[Phase]:
    written = desired.moving.image
    auth = registries.get(ImageRef.parse(written).registry) if written else None
    lack = [host for host in hosts if pinned and not images.present(pinned, facts.hosts[host])]
    turns = tuple(Turn(host, (Step(host, Pull(pinned, written, auth)),)) for host in lack)
    if turns:
        yield Phase("pull images", turns, desired.pull_parallel, harmless=True)
