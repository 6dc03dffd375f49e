"""One volume on all hosts: what lies where, what the ledger knows, and who has no use for it any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fleet.model.desired import Desired, Volume
from fleet.model.found import Container, Facts, HostFacts
from fleet.model.volumes import FoundVolume, Home, Mark, State
from fleet.plan.volume_table import Found, Known


def users(found: FoundVolume, host: HostFacts) -> tuple[Container, ...]:
    """Our containers that mount it."""
    return tuple(one for one in (*host.of_services, *host.of_jobs) if one.name in found.users)


def ours(desired: Desired, host: HostFacts, found: FoundVolume) -> bool:
    """By its labels, or by a container of ours that mounts it."""
    return (found.project, found.env) == (desired.project, desired.env) or bool(users(found, host))


def others(desired: Desired, host: HostFacts, found: FoundVolume, homes: Iterable[Home]) -> bool:
    """It is marked, and by another project or environment: they may share a host and its marks."""
    known = [home.lineage for home in homes if home.host == host.host]
    if found.mark is None or found.mark.lineage in known or ours(desired, host, found):
        return False
    return bool(found.project or found.users)


def volume_at(facts: Facts, host: str, volume: str) -> FoundVolume | None:
    there = facts.hosts[host].volumes if host in facts.hosts else {}
    return there.get(volume) if isinstance(there, Mapping) else None


def mark_at(facts: Facts, host: str, volume: str) -> Mark | None:
    there = volume_at(facts, host, volume)
    return there.mark if there else None


def called(host: HostFacts, there: FoundVolume) -> FoundVolume | None:
    """What the same data is, or was to be, by its other name on this host."""
    mark, all_ = there.mark, host.volumes
    if mark is None or mark.peer != host.host or not isinstance(all_, Mapping):
        return None
    other = all_.get(mark.called)
    return other if other and other.mark and other.mark.lineage == mark.lineage else None


def began(host: HostFacts, there: FoundVolume) -> bool:
    """Has anything ever run on it?"""
    known = {one.name: one.state for one in host.containers} if isinstance(host.containers, tuple) else {}
    return any(known.get(name) != "created" for name in there.users)


class Places:
    """``wanted``: hosts of the run that want the volume. ``homes``: what the ledger says of it, by host."""

    def __init__(self, desired: Desired, facts: Facts, wanted: Mapping[str, Volume]) -> None:
        self._desired = desired
        self._facts = facts
        self.wanted = wanted
        self.volume = next(iter(wanted.values()))
        self.run = {state.host for state in desired.hosts if state.host in facts.hosts}
        self.homes: dict[str, Home] = {
            home.host: home for home in facts.homes.get(self.volume.name, ()) if not self._elsewhere(home)
        }
        self.leaving = self._leaving()
        self.silent = self._silent()

    def at(self, host: str) -> FoundVolume | None:
        return volume_at(self._facts, host, self.volume.name)

    def mark(self, host: str) -> Mark | None:
        return mark_at(self._facts, host, self.volume.name)

    @property
    def marks(self) -> dict[str, Mark]:
        return {host: mark for host in self._facts.hosts if (mark := self.mark(host))}

    def found(self, host: str) -> Found:
        there, home = self.at(host), self.homes.get(host)
        if there is None:
            return Found.ABSENT
        mark = there.mark
        if there.damaged or there.left:
            return Found.DAMAGED if there.damaged else Found.REMADE
        if self._others(host, there):
            return Found.FOREIGN
        if mark is None:
            if self._serves(host, there):
                return Found.USED
            return Found.IDLE if ours(self._desired, self._facts.hosts[host], there) else Found.FOREIGN
        if mark.state is not State.LIVE:
            return Found.INCOMING if mark.state is State.INCOMING else Found.FENCED
        same = home is not None and home.lineage == mark.lineage
        if self.superseded(host, mark) or (home and same and home.generation > mark.generation):
            return Found.STALE
        # The ledger may not have heard of it yet, which is no fault while it serves.
        unheard = home is None and bool(self.leaving) and not self._serves(host, there)
        return Found.OTHER if (home and not same) or unheard else Found.LIVE

    def superseded(self, host: str, mark: Mark) -> bool:
        """Has the same data gone on elsewhere?"""
        later = [
            home.generation
            for name, home in self.homes.items()
            if name != host and home.lineage == mark.lineage
        ]
        later += [
            one.generation
            for name, one in self.marks.items()
            if name != host and one.state is State.LIVE and one.lineage == mark.lineage
        ]
        return max(later, default=0) > mark.generation

    def generations(self, lineage: str) -> dict[str, int]:
        """Of this data, by host; a host's own word counts more than the ledger's."""
        known = {name: home.generation for name, home in self.homes.items() if home.lineage == lineage}
        seen = {name: mark.generation for name, mark in self.marks.items() if mark.lineage == lineage}
        return known | seen

    def peer(self, host: str) -> str:
        """Where the data of a copy comes from, or what went from ``host`` is; empty: the hosts that could
        tell are not there, or say something else."""
        mark = self.mark(host)
        if mark is None or mark.state is State.LIVE or self._kept(host, mark):
            return ""
        for name in dict.fromkeys((mark.peer, *self.leaving)):
            other = self.mark(name) if name in self.run and name not in self.wanted else None
            if other is None or other.lineage != mark.lineage:
                continue
            if other.state is State.LIVE and not self.superseded(name, other):
                return name
            # Cut off in the midst of it: neither of the two is live.
            if other.peer == host and {other.state, mark.state} == {State.INCOMING, State.FENCED}:
                return name
        return ""

    def twins(self, host: str) -> dict[str, bool]:
        """Where the data that is live on ``host`` is live, too; does a service of ours run on it there?"""
        mark, found = self.mark(host), {}
        for name, one in self.marks.items():
            there = self.at(name)
            if mark and there and name != host and one.lineage == mark.lineage and one.state is State.LIVE:
                found[name] = self._serves(name, there)
        return found

    def lives_elsewhere(self, lineage: str, host: str) -> bool:
        return any(
            name != host and one.lineage == lineage and one.state is State.LIVE
            for name, one in self.marks.items()
        )

    def of_another_role(self, host: str) -> tuple[str, str] | None:
        """A role that has it on another host, which no role has in common with ``host``; and that host."""
        roles = {one.name: one.hosts for one in self._desired.roles}
        having: dict[str, set[str]] = {}
        for state in self._desired.hosts:
            names = {one.role for one in state.volumes if one.name == self.volume.name}
            having.setdefault(state.host, set()).update(names)
        staying = {name for role in having.get(host, ()) for name in roles.get(role, ())}
        for name in self.wanted:
            if name != host and name not in staying and self.at(name):
                return sorted(having[name])[0], name
        return None

    def gives(self, host: str) -> bool:
        """Can its data be taken from this host of the run? So it can where a move was cut off."""
        there = self.at(host)
        if there is None or there.damaged or there.left:
            return False
        if host in self.leaving or there.mark is None:
            return True
        mark, newest = there.mark, not self.superseded(host, there.mark)
        return mark.state is State.FENCED and newest and not self._kept(host, mark)

    def left(self, host: str, source: str) -> Known:
        """What ``host`` gets from a source that has no use for it."""
        there, mark = self.at(source), self.mark(source)
        if mark is None or mark.peer != host or mark.state is State.FENCED or mark.proven:
            return Known.LEAVES
        # One that was created and never started has written nothing.
        used = there is not None and mark.state is State.LIVE and began(self._facts.hosts[source], there)
        return Known.WRITTEN if used and not self._desired.moving.back else Known.UNPROVEN

    def _elsewhere(self, home: Home) -> bool:
        """The data went on, and the ledger was not told before the run was cut off."""
        own = self.mark(home.host)
        if own and own.state is State.LIVE and own.lineage == home.lineage:
            return False
        return any(
            mark.lineage == home.lineage and mark.generation >= home.generation
            for host, mark in self.marks.items()
            if host != home.host and mark.state is State.LIVE
        )

    def _leaving(self) -> dict[str, Mark | None]:
        """Hosts of the run that have data and no use for it, each with its mark."""
        found: dict[str, Mark | None] = {}
        for host in self._facts.hosts:
            there = self.at(host)
            if host not in self.run or host in self.wanted or there is None or self._left_alone(host, there):
                continue
            if there.damaged or there.left:
                continue
            if there.mark is None and ours(self._desired, self._facts.hosts[host], there):
                if not self._went(host):
                    found[host] = None
            elif self._others(host, there):
                continue
            elif there.mark and there.mark.state is State.LIVE and not self._twin(host, there.mark):
                found[host] = there.mark
        return found

    def _went(self, host: str) -> bool:
        """Is what lies there the rest of what the ledger knew there?"""
        known = self._facts.homes.get(self.volume.name, ())
        return any(home.host == host and self._elsewhere(home) for home in known)

    def _twin(self, host: str, mark: Mark) -> bool:
        """The same data has gone on elsewhere, or somebody has copied it to where it is wanted."""
        wanted = [self.mark(name) for name in self.wanted if name != host]
        same = [one for one in wanted if one and one.lineage == mark.lineage and one.state is State.LIVE]
        there = any(one.generation >= mark.generation for one in same)
        return there or self.superseded(host, mark)

    def _kept(self, host: str, mark: Mark) -> bool:
        """Another host that wants it has the same data: somebody has copied it."""
        there = [self.mark(name) for name in self.wanted if name != host]
        return any(one and one.lineage == mark.lineage and one.state is State.LIVE for one in there)

    def _left_alone(self, host: str, there: FoundVolume) -> bool:
        """Another role has it there, and the run is not about that."""
        selected, containers = self._desired.selected, users(there, self._facts.hosts[host])
        return bool(selected) and any(one.role not in selected for one in containers)

    def _silent(self) -> dict[str, str]:
        """Hosts that had its data, have no use for it and cannot give it; each with why."""
        role = self.volume.role
        staying = {host for one in self._desired.roles if one.name == role for host in one.hosts}
        found: dict[str, str] = {}
        for host, data in self._expected().items():
            if host in self.wanted or host in self.leaving or self.superseded(host, data):
                continue
            if host in self.run:
                if why := self._cannot_give(host):
                    found[host] = why
            elif host not in self._desired.moving.addresses:
                found[host] = f"its data is on {host}, which is not in the inventory any more"
            elif host not in staying:
                found[host] = f"its data is on {host}, which is not a host of this run"
        return found

    def _expected(self) -> dict[str, Mark]:
        """Where data was by the ledger, and by an earlier release on hosts of which it has not heard; when it
        knows of none, by the hosts, too."""
        unread = (host for host in self.run if (there := self.at(host)) and there.damaged)
        earlier = dict.fromkeys(
            (*self._facts.had.get(self.volume.name, ()), *unread), Mark("", 0, State.LIVE)
        )
        if self.homes:
            known = self.homes.items()
            return earlier | {host: Mark(home.lineage, home.generation, State.LIVE) for host, home in known}
        return earlier | {host: mark for host, mark in self.marks.items() if mark.state is State.FENCED}

    def _cannot_give(self, host: str) -> str:
        """Why not, of a host of the run; empty: it is not asked to."""
        there = self.at(host)
        if there is None:
            return f"{host}, where its data was, does not have it any more"
        if self._left_alone(host, there):
            return ""
        if there.damaged:
            return f"its mark on {host}, where its data was, is damaged"
        if there.left:
            return f"{host}, where its data was, has one that somebody has made anew"
        if there.mark is None or self._others(host, there):
            return f"{host}, where its data was, has one that is not ours"
        if there.mark.state is State.FENCED:
            return f"its move from {host} to {there.mark.peer or 'another host'} was cut off"
        if there.mark.state is State.INCOMING:
            return f"{host}, where its data was, has an incomplete copy"
        return f"{host} has no use for its data, and a host that keeps its own has the same"

    def _others(self, host: str, there: FoundVolume) -> bool:
        return others(self._desired, self._facts.hosts[host], there, self._facts.homes.get(there.name, ()))

    def _serves(self, host: str, there: FoundVolume) -> bool:
        """Does a service of ours run on it?"""
        return any(one.running for one in self._facts.hosts[host].of_services if one.name in there.users)
