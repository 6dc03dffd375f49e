"""Where the data of named volumes lives from now on: what the hosts say, and of the others what was known."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.model.desired import Desired, Volume
from fleet.model.found import Facts
from fleet.model.volumes import Home, Mark, State
from fleet.plan.volume_cases import short
from fleet.plan.volume_places import others, ours

Homes = Mapping[str, tuple[Home, ...]]


def homes(before: Homes, desired: Desired, facts: Facts) -> dict[str, tuple[Home, ...]]:
    """``facts``: of the hosts that were seen. A volume that is gone from its host is still expected there,
    until the operator says that it may begin anew."""
    wanted = {volume.name: volume for state in desired.hosts for volume in state.volumes if volume.of_host}
    found: dict[str, dict[str, Home]] = {}
    for name, known in before.items():
        found[name] = {home.host: home for home in known}
    for host, seen in facts.hosts.items():
        for name, volume in seen.volumes.items() if isinstance(seen.volumes, Mapping) else ():
            concerned = name in before or name in wanted or ours(desired, seen, volume)
            if volume.mark and concerned and not others(desired, seen, volume, before.get(name, ())):
                _heard(found.setdefault(name, {}), host, volume.mark)
    for name, one in wanted.items():
        if {name, short(desired, one)} & {*desired.moving.empty} and name in before:
            _forget(found[name], before[name], desired, one)
    return {name: kept for name in sorted(found) if (kept := _newest(found[name]))}


def had(desired: Desired) -> dict[str, tuple[str, ...]]:
    """Named volume → hosts that a release had it on."""
    found: dict[str, tuple[str, ...]] = {}
    for state in desired.hosts:
        for volume in state.volumes:
            if volume.of_host:
                found[volume.name] = (*found.get(volume.name, ()), state.host)
    return found


def _heard(known: dict[str, Home], host: str, mark: Mark) -> None:
    if mark.state is State.LIVE:
        known[host] = Home(host, mark.lineage, mark.generation)
    else:
        known.pop(host, None)


def _forget(known: dict[str, Home], before: tuple[Home, ...], desired: Desired, volume: Volume) -> None:
    """Once it has begun anew where it is wanted, nobody waits for data on hosts that are none of its role."""
    old = {home.lineage for home in before}
    wanting = [state.host for state in desired.hosts if volume.name in {one.name for one in state.volumes}]
    if any(host in known and known[host].lineage not in old for host in wanting):
        staying = {host for role in desired.roles if role.name == volume.role for host in role.hosts}
        for host in {home.host for home in before} - staying:
            known.pop(host, None)


def _newest(known: Mapping[str, Home]) -> tuple[Home, ...]:
    """The same data lives once: where it came to last."""
    top: dict[str, int] = {}
    for home in known.values():
        top[home.lineage] = max(home.generation, top.get(home.lineage, 0))
    return tuple(known[host] for host in sorted(known) if known[host].generation == top[known[host].lineage])
