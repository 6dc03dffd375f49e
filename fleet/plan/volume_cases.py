"""What becomes of every wanted volume: the table, and what the operator says.

A volume's data is each host's own: a role on three hosts has it three times. It goes to another host when one
host has no use for it any more and one has come that wants it; a host that only comes begins anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fleet.facts.volumes import file_of
from fleet.model.desired import Desired, Volume
from fleet.model.found import Facts
from fleet.model.snapshots import Snapshot
from fleet.model.volumes import Home, Mark, State, is_directory
from fleet.plan.snapshots_kept import kept
from fleet.plan.volume_origins import here, wanted
from fleet.plan.volume_places import Places, mark_at, volume_at
from fleet.plan.volume_table import MOVES, TABLE, Change, Found, Known
from fleet.plan.volume_upgrades import ADOPTED as SAID
from fleet.plan.volume_upgrades import Data, Fit, anew, counted, fit

WAITING = frozenset({Found.ABSENT, Found.IDLE, Found.STALE})
"""What a move may begin from; what else is there is not overwritten."""

OPEN = WAITING | {Found.INCOMING, Found.FENCED, Found.REMADE}
"""What a move may end on, when the operator says so."""

ADOPTED = frozenset({Found.IDLE, Found.FOREIGN, Found.STALE, Found.INCOMING, Found.FENCED, Found.REMADE})
"""What gets a new mark when the operator says that it is the data."""


FROM_HERE = frozenset({Known.LEAVES, Known.UNPROVEN, Known.WRITTEN})
"""Its data is there, and may come."""

_THEIRS = (
    "volume {{name}} is not here, and role {role} has a volume of this name on {host}\n"
    "give it another name, if its data is another\n"
    "put both roles on the same hosts, if they share it\n"
    "--allow-empty {{name}} begins anew"
)

_TWICE = (
    "the data of volume {{name}} is on {rivals}, too, where a service runs on it, or is to\n"
    "--adopt {{name}}={host} lets what is here count\n"
    "or stop what runs on {rivals}, if that is not to count"
)

_HALF = (
    "volume {{name}} is half restored here\n"
    "inv volumes restore {{name}} --snapshot {id} goes on, and another snapshot will do, too"
)


@dataclass(frozen=True, slots=True)
class Case:
    """One volume on one host that wants it. ``mark``: what its host says of it, or is to say once it is
    adopted; ``source``: the host that its data comes from; ``origin``: its name there, where that is another
    one; ``why``: the reason, or with REFUSE what is wrong
    and, a line each, the ways out. ``data`` and ``snapshot`` as in :class:`Fit`."""

    host: str
    volume: Volume
    how: Found
    known: Known
    change: Change
    why: str
    mark: Mark | None = None
    source: str = ""
    origin: str = ""
    data: Data | None = None
    snapshot: Snapshot | None = None

    @property
    def at_source(self) -> str:
        """What its data is called there."""
        return self.origin or self.volume.name


def cases(desired: Desired, facts: Facts) -> tuple[Case, ...]:
    """In the order of hosts and volumes."""
    volumes: dict[str, dict[str, Volume]] = {}
    for state in desired.hosts:
        for name, volume in wanted(desired, facts, state.host).items():
            if state.host in facts.hosts:
                volumes.setdefault(name, {})[state.host] = volume
    found = [
        case
        for hosts in volumes.values()
        for case in _One(desired, Places(desired, facts, hosts), facts).cases()
    ]
    order = [state.host for state in desired.hosts]
    return tuple(sorted(found, key=lambda one: order.index(one.host)))


def short(desired: Desired, volume: Volume) -> str:
    """As its role calls it."""
    return volume.name.removeprefix(f"{desired.project}-{desired.env}-{volume.role}_")


class _One:
    """One volume."""

    def __init__(self, desired: Desired, places: Places, facts: Facts) -> None:
        self._desired = desired
        self._places = places
        self._how = {host: places.found(host) for host in places.wanted}
        self._peers = {host: places.peer(host) for host in places.wanted}
        self._here = {
            host: here(desired, facts, host, volume, self._how[host])
            for host, volume in places.wanted.items()
        }
        self._facts = facts

    def cases(self) -> Iterator[Case]:
        for host, volume in self._places.wanted.items():
            how = self._how[host]
            known, source = self._known(host)
            change, why = TABLE[how][known]
            if how in OPEN and (given := self._given(host)):
                known, source = Known.LEAVES, given
                change, why = Change.MOVE, "the operator says where its data is"
            elif how in OPEN and change in {Change.CREATE, Change.REFUSE} and (wrong := self._unusable(host)):
                change, why = Change.REFUSE, wrong
            elif change is Change.CREATE and (theirs := self._places.of_another_role(host)):
                change, why = Change.REFUSE, _THEIRS.format(role=theirs[0], host=theirs[1])
            if (mark := self._places.mark(host)) and mark.snapshot and change is not Change.MOVE:
                change, why = Change.REFUSE, _HALF.format(id=mark.snapshot)
            change, why = self._told(host, how, change, why)
            if change in {Change.KEEP, *MOVES} and (rivals := self._rivals(host, source)):
                change, why = Change.REFUSE, _TWICE.format(host=host, rivals=", ".join(rivals))
            one = self._here[host]
            if change is Change.REFUSE and one and one.wrong and known is one.known:
                why = one.wrong
            fits = self._fit(host, volume, Fit(change, why), source, one.origin if one else "")
            change, why = fits.change, fits.why
            words = why if change is not Change.REFUSE else self._words(why, host, known)
            origin = one.origin if one and source == host else ""
            mark = self._mark(host, change)
            yield Case(
                host, volume, how, known, change, words, mark, source, origin, fits.data, fits.snapshot
            )  # fmt: skip

    def _fit(self, host: str, volume: Volume, plain: Fit, source: str, origin: str) -> Fit:
        mark = self._mark(host, plain.change)
        if plain.change in MOVES:
            mark = mark_at(self._facts, source, origin or volume.name) or Mark("", 0, State.LIVE)
        there, back = kept(self._facts, host, volume.name), self._desired.moving.back
        found = volume_at(self._facts, source or host, origin or volume.name)
        owner, adopted = found.owner if found else "", self._adopted(host)
        return fit(volume, mark, plain, there, owner=owner, back=back, adopted=adopted)

    def _known(self, host: str) -> tuple[Known, str]:
        places, how, peer = self._places, self._how[host], self._peers[host]
        one = self._here[host]
        source = host if one and one.known in FROM_HERE else ""
        if one and how is not Found.ABSENT:
            return one.known, source
        if peer and [*self._peers.values()].count(peer) > 1:
            return Known.SEVERAL, ""
        if peer:
            return places.left(host, peer), peer
        if how in {Found.INCOMING, Found.FENCED}:
            return self._without_peer(host), ""
        if host in places.homes:
            return Known.HERE, ""
        leaving = [name for name in places.leaving if name not in self._peers.values()]
        if not leaving and one and not places.silent:
            return one.known, source
        if not leaving:
            return (Known.SILENT if places.silent else Known.NOWHERE), ""
        coming = [name for name in self._how if self._how[name] in WAITING and name not in places.homes]
        if places.silent or len(leaving) > 1 or coming != [host]:
            return Known.SEVERAL, ""
        return places.left(host, leaving[0]), leaving[0]

    def _without_peer(self, host: str) -> Known:
        places, mark = self._places, self._places.mark(host)
        peer = mark.peer if mark else ""
        if peer in places.wanted:
            return Known.NOWHERE
        return Known.HERE if host in places.homes and peer in places.run else Known.SILENT

    def _given(self, host: str) -> str:
        """The host that the operator says to take it from, when it can be taken from there."""
        return next((source for source in self._sources(host) if not self._wrong(host, source)), "")

    def _unusable(self, host: str) -> str:
        """What is wrong with the host that the operator names, and the ways out."""
        return next(filter(None, (self._wrong(host, source) for source in self._sources(host))), "")

    def _sources(self, host: str) -> Iterator[str]:
        """Hosts of the run that the operator names for it. Without the volume's name, one is only meant when
        it has it, and no use for it."""
        places = self._places
        for name, source in self._desired.moving.sources:
            meant = self._named(name) or (not name and places.at(source) and source not in places.wanted)
            if meant and source in places.run - {host}:
                yield source

    def _wrong(self, host: str, source: str) -> str:
        """Why its data cannot be taken from there, and the ways out; empty: it can."""
        places, there, here = self._places, self._places.at(source), self._places.mark(host)
        waiting = [name for name in self._how if self._how[name] in OPEN]
        what = f"volume {{name}} cannot be taken from {source}"
        if source in places.wanted:
            role = places.volume.role
            return f"{what}, which keeps it\ntake {source} out of role {role}, if it is to move"
        if there is None:
            return f"{what}, which has none\ninv volumes tells which hosts have it"
        if ([name for name in waiting if name not in places.homes] or waiting) != [host]:
            return f"{what}, because more than one host wants it\nlet one of them come at a time"
        if not places.gives(source):
            return (
                f"{what}: what is there is not the newest of its data, or not complete, or in use\n"
                f"put {source} into role {places.volume.role} in place of {host}, deploy with "
                "--adopt {name}, and move it then"
            )
        mark, taken = there.mark, here is None
        if here and mark and here.lineage == mark.lineage:
            taken = here.generation < mark.generation + (here.state is not State.LIVE)
        if not taken:
            return f"{what}, because other data is here\ndocker volume rm {{volume}} on {host}, if it may go"
        return ""

    def _told(self, host: str, how: Found, change: Change, why: str) -> tuple[Change, str]:
        """What the operator says goes before the table."""
        moving = self._desired.moving
        adopted = self._adopted(host)
        if adopted and (how in ADOPTED or (how in {Found.LIVE, Found.OTHER} and self._places.twins(host))):
            return Change.ADOPT, SAID
        if any(map(self._named, moving.empty)) and how is Found.ABSENT:
            return Change.CREATE, "the operator says that it may begin anew"
        if any(map(self._named, moving.empty)) and how is Found.REMADE:
            return Change.ADOPT, "the operator says that it may begin anew"
        if (adopted or any(map(self._named, moving.empty))) and how is Found.OTHER:
            return Change.KEEP, "the operator says that it counts"
        return change, why

    def _rivals(self, host: str, source: str) -> list[str]:
        """Where a service runs on the same data, or is to; but for what this plan makes another one of."""
        twins = self._places.twins(source or host).items()
        others = [name for name, used in twins if used or name in self._how]
        made = [name for name in self._how if self._adopted(name)]
        return [name for name in others if name != host and name not in made]

    def _adopted(self, host: str) -> bool:
        words = (word.partition("=") for word in self._desired.moving.adopt)
        return any(self._named(name) and there in {"", host} for name, _, there in words)

    def _named(self, name: str) -> bool:
        return name in {self._places.volume.name, short(self._desired, self._places.volume)}

    def _mark(self, host: str, change: Change) -> Mark | None:
        desired, places, found = self._desired, self._places, self._places.mark(host)
        there = places.at(host)
        if change is not Change.ADOPT or there is None:
            return found
        volume = places.wanted[host]
        if there.left and not self._adopted(host):
            lineage = _lineage(f"{there.left.lineage}/anew/{host}")
            return Mark(lineage, 0, State.LIVE, made=there.made, upgrades=anew(volume))
        if found is None:
            first = adoption(desired, host, places.volume.name, places.homes.get(host))
            if places.lives_elsewhere(first.lineage, host):
                first = Mark(_lineage(f"{first.lineage}/{host}"), 0, State.LIVE)
            return replace(first, made=there.made)
        same = places.generations(found.lineage)
        one = self._here[host]
        other = mark_at(self._facts, host, one.origin) if one else None
        upgrades = counted(volume, found.upgrades)
        top = max([*same.values(), other.generation if other else 0])
        if any(name != host and name in places.wanted for name in same):
            # Elsewhere it stays what it is: from here on there are two of them.
            place = f"{found.lineage}/{top}/{host}"
            return Mark(_lineage(place), 0, State.LIVE, made=there.made, upgrades=upgrades)
        return Mark(found.lineage, top + 1, State.LIVE, made=there.made, upgrades=upgrades)

    def _words(self, text: str, host: str, known: Known) -> str:
        places, mark = self._places, self._places.mark(host)
        peer = (mark.called or mark.peer if mark else "") or "another host"
        hosts = [*places.leaving, *places.silent]
        if known is Known.SILENT:
            elsewhere = "; ".join(places.silent.values()) or f"{peer} does not say what became of it"
        elif len(hosts) == 1 and known is Known.SEVERAL:
            elsewhere = f"its data is on {hosts[0]}, and more than one host has come that wants it"
        elif len(hosts) == 1:
            elsewhere = f"there is data on {hosts[0]}, which has no use for it any more"
        else:
            elsewhere = f"there is data on {', '.join(hosts)}, which have no use for it any more"
        name = short(self._desired, places.volume)
        if is_directory(name):
            text = text.replace("docker volume rm {volume}", "rm -r {volume}").replace(
                "volume {name}", "{name}"
            )
        file = file_of(self._desired.state_dir, places.volume.name)
        return text.format(name=name, volume=places.volume.name, peer=peer, elsewhere=elsewhere, file=file)


def adoption(desired: Desired, host: str, volume: str, home: Home | None) -> Mark:
    """The first mark of what was there before: as the ledger knows it, else by where it was found, so that
    two plans of it are the same."""
    if home:
        return Mark(home.lineage, home.generation, State.LIVE)
    return Mark(_lineage(f"{desired.project}/{desired.env}/{host}/{volume}"), 0, State.LIVE)


def _lineage(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
