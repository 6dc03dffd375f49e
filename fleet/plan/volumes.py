"""Named volumes in a plan: made, adopted, moved, taken back; or refused, with the ways out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fleet.model.desired import Desired
from fleet.model.found import Container, Facts
from fleet.model.images import ImageRef
from fleet.model.place import Place
from fleet.model.volumes import Mark, Relocation, State, Writer
from fleet.ops.adopt import AdoptVolume
from fleet.ops.places import MakeVolume
from fleet.ops.taking_back import GiveUp, TakeBack
from fleet.plan.snapshots import Snapshots, grace
from fleet.plan.tree import CopyVolume, MoveVolume, Node, Phase, Stage, Step, Turn
from fleet.plan.upgrades import Upgrades
from fleet.plan.volume_cases import Case, adoption, cases
from fleet.plan.volume_order import before_its_user, has_user
from fleet.plan.volume_origins import came, place_of
from fleet.plan.volume_places import mark_at, users, volume_at
from fleet.plan.volume_table import MOVES, Change
from fleet.plan.volume_upgrades import anew

LOOPBACK = "127.0.0.1"

Drains = Callable[[str, Container], Iterable[Node]]
"""What leads a container's requests away from a host."""


@dataclass(frozen=True, slots=True)
class Volumes:
    desired: Desired
    facts: Facts
    cases: tuple[Case, ...]

    @classmethod
    def of(cls, desired: Desired, facts: Facts) -> Volumes:
        return cls(desired, facts, cases(desired, facts))

    @property
    def moves(self) -> tuple[Case, ...]:
        return tuple(one for one in self.cases if one.change in MOVES)

    @property
    def pinned(self) -> str:
        """The helper's image by digest; empty: it is not known."""
        image = self.desired.moving.image
        digest = ImageRef.parse(image).digest or self.facts.digests.get(image, "") if image else ""
        return ImageRef.parse(image).pinned(digest) if digest else ""

    @property
    def snapshots(self) -> Snapshots:
        return Snapshots(self.desired, self.facts, self.cases, self.pinned)

    @property
    def upgrades(self) -> Upgrades:
        return Upgrades(self.desired, self.facts, self.cases, self.pinned)

    @property
    def movers(self) -> tuple[str, ...]:
        """Hosts that need the helper for a move."""
        return tuple(dict.fromkeys(host for one in self.moves for host in (one.source, one.host)))

    @property
    def helpers(self) -> tuple[str, ...]:
        """Hosts that may need the helper."""
        return tuple(dict.fromkeys([*self.movers, *self.snapshots.possible, *self.upgrades.hosts]))

    def adopted(self) -> Iterator[Phase]:
        """What nobody has marked so far."""
        steps = self._adopt(one for one in self.cases if one.change is Change.ADOPT and self._bare(one))
        steps += [
            Step(one.source, AdoptVolume(one.at_source, self.desired.state_dir, self._source_mark(one)))
            for one in self.moves
            if self._there(one) is None
        ]
        yield from _phase("adopt volumes", steps)

    def insisted(self) -> Iterator[Phase]:
        """The operator says that another one counts than what the marks say, which first cease to."""
        told = [one for one in self.cases if one.change is Change.ADOPT and not self._bare(one)]
        rivals = [
            self._given_up(host, one, one.volume.name, mark, State.FENCED)
            for one in told
            for host in self.facts.hosts
            if (mark := self._mark(host, one)) and one.mark and not self._wants(host, one)
            if mark.state is State.LIVE and mark.lineage == one.mark.lineage
        ]
        for one in told:
            other = self._there(one) if one.origin else None
            if other and other.state is State.LIVE:
                rivals.append(self._given_up(one.host, one, one.origin, other, State.FENCED))
        yield from _phase("give volumes up", rivals, harmless=False)
        yield from _phase("adopt volumes", self._adopt(told))

    def made(self, host: str) -> list[MakeVolume]:
        """Those that begin anew."""
        found = (one for one in self.cases if one.host == host and one.change is Change.CREATE)
        return [self._make(one, Mark("", 0, State.LIVE, upgrades=anew(one.volume))) for one in found]

    def copies(self, stages: Sequence[Stage]) -> Iterator[Phase]:
        """While they are used, so that little is left to do when they are not. Without a container in
        ``stages`` that is to start on it, a volume stays where it is."""
        nodes = []
        for one in self.moves:
            if not has_user(stages, one.host, one.volume.name):
                continue
            move = self._relocation(one)
            nodes.append(CopyVolume(one.host, move, self._make(one, replace(move.incoming, since=0))))
        yield from _phase("copy volumes", nodes)

    def taken_back(self) -> Iterator[Phase]:
        """Given up on one side before it counts on the other: nowhere are there two of them."""
        given: list[Step] = []
        taken: list[Step] = []
        for one in self.cases:
            if one.change is Change.TAKE_BACK and one.mark:
                there = self._there(one)
                if there and there.state is State.LIVE:
                    given.append(self._given_up(one.source, one, one.at_source, there, State.INCOMING))
                top = max(one.mark.generation, there.generation if there else 0)
                back = replace(one.mark, generation=top + 1, state=State.LIVE, peer="", called="", since=0)
                op = TakeBack(one.volume.name, self.desired.state_dir, one.mark, back)
                taken.append(Step(one.host, op))
        yield from _phase("give volumes up", given, harmless=False)
        yield from _phase("take volumes back", taken, harmless=False)

    def moved(self, stages: Sequence[Stage], drains: Drains) -> list[Stage]:
        done = list(stages)
        for one in self.moves:
            using = self._users(one.source, one.at_source)
            writers = [found for found in using if found.running and not found.job]
            nodes = [node for writer in writers for node in drains(one.source, writer)]
            move = MoveVolume(one.host, self._relocation(one))
            done = before_its_user(done, one.host, one.volume.name, (*nodes, move))
        return done

    def running(self, one: Case) -> tuple[str, ...]:
        """Our containers that use, on its target, what is to be overwritten there."""
        return tuple(found.name for found in self._users(one.host, one.volume.name) if found.running)

    def _adopt(self, cases: Iterable[Case]) -> list[Step]:
        return [
            Step(one.host, AdoptVolume(one.volume.name, self.desired.state_dir, one.mark, self._noted(one)))
            for one in cases
            if one.mark
        ]

    def _noted(self, one: Case) -> Mark | None:
        """What its host says so far, also when that is of another one."""
        found = volume_at(self.facts, one.host, one.volume.name)
        return (found.mark or found.left) if found else None

    def _bare(self, one: Case) -> bool:
        return self._mark(one.host, one) is None

    def _make(self, one: Case, mark: Mark) -> MakeVolume:
        desired = self.desired
        return MakeVolume(desired.project, desired.env, one.volume, mark, desired.state_dir)

    def _relocation(self, one: Case) -> Relocation:
        desired, moving = self.desired, self.desired.moving
        return Relocation(
            one.volume.name,
            one.source,
            one.host,
            self._source_mark(one),
            LOOPBACK if one.source == one.host else moving.addresses.get(one.host, one.host),
            self.pinned,
            Place(desired.state_dir, desired.project, desired.env),
            self._writers(one.source, one.at_source),
            moving.rate,
            moving.downtime,
            one.origin,
            one.mark.mounted if one.mark else came(self.facts, one.host, one.volume.name),
        )

    def _source_mark(self, one: Case) -> Mark:
        if found := self._there(one):
            return found
        homes = {home.host: home for home in self.facts.homes.get(one.at_source, ())}
        there = volume_at(self.facts, one.source, one.at_source)
        mark = adoption(self.desired, one.source, one.at_source, homes.get(one.source))
        mounted = place_of(self.facts, one.source, one.at_source)
        return replace(mark, mounted=mounted, made=there.made if there else "")

    def _there(self, one: Case) -> Mark | None:
        """What the source's host says of it."""
        return mark_at(self.facts, one.source, one.at_source)

    def _given_up(self, host: str, one: Case, name: str, found: Mark, state: State) -> Step:
        called = one.volume.name if name != one.volume.name else ""
        mark = replace(found, state=state, peer=one.host, since=0, proven=False, called=called)
        op = GiveUp(name, self.desired.state_dir, found, mark, self._writers(host, name))
        return Step(host, op)

    def _writers(self, host: str, name: str) -> tuple[Writer, ...]:
        return tuple(
            Writer(found.id, found.name, grace(found))
            for found in self._users(host, name)
            if found.running and not found.job
        )

    def _users(self, host: str, name: str) -> tuple[Container, ...]:
        found = volume_at(self.facts, host, name)
        return users(found, self.facts.hosts[host]) if found else ()

    def _mark(self, host: str, one: Case) -> Mark | None:
        return mark_at(self.facts, host, one.volume.name)

    def _wants(self, host: str, one: Case) -> bool:
        return any(other.host == host and other.volume.name == one.volume.name for other in self.cases)


def _phase(title: str, nodes: Sequence[Node], *, harmless: bool = True) -> Iterator[Phase]:
    by_host: dict[str, list[Node]] = {}
    for node in nodes:
        by_host.setdefault(node.host, []).append(node)
    if by_host:
        turns = tuple(Turn(host, tuple(ours), disrupts=not harmless) for host, ours in by_host.items())
        yield Phase(title, turns, harmless=harmless)
