"""What must be true before a plan may touch volumes, and what the operator can do when it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet.model.desired import Desired, Volume
from fleet.plan.tree import Finding
from fleet.plan.volume_cases import Case, short
from fleet.plan.volume_origins import mounts
from fleet.plan.volume_places import volume_at
from fleet.plan.volume_table import MOVES, Change
from fleet.plan.volumes import Volumes
from fleet.suggest import suggest


def volumes(found: Volumes, *, keeps: bool) -> Iterator[Finding]:
    """``keeps``: snapshots are to be taken."""
    desired = found.desired
    for one in found.cases:
        if one.change is Change.REFUSE:
            what, *ways = one.why.splitlines()
            yield Finding(True, what, "; ".join(ways), one.host)
    yield from _made_otherwise(found)
    yield from _names(desired, found.cases)
    if found.moves:
        yield from helper(desired, found.pinned, "move a volume")
    elif keeps:
        yield from helper(desired, found.pinned, "take a snapshot of a volume")
    elif found.upgrades.hosts:
        yield from helper(desired, found.pinned, "change the data of a volume")
    yield from found.upgrades.findings()
    for one in found.cases:
        yield from _origin(found, one)
        yield from _unseen_owner(found, one)
    for one in found.moves:
        if running := found.running(one):
            name = short(desired, one.volume)
            what = f"volume {name} is to come here, and {', '.join(running)} runs on what is here"
            yield Finding(True, what, f"stop it first, or keep what is here: --adopt {name}", one.host)


def helper(desired: Desired, pinned: str, purpose: str) -> Iterator[Finding]:
    if not desired.moving.image:
        what = f"to {purpose}, Fleet needs its helper image, and no variable names it"
        yield Finding(True, what, "set fleet_volume_image in group_vars/all.yml")
    elif not pinned:
        what = f"the helper image {desired.moving.image} is on no host, and no registry was asked for it"
        yield Finding(True, what, "build and push it, or set fleet_volume_image")


def _origin(found: Volumes, one: Case) -> Iterator[Finding]:
    """What a role says of where the data comes from, and what does not go together with that."""
    name = short(found.desired, one.volume)
    if one.volume.origin and one.change is Change.KEEP:
        what = f"volume {name} has its data: x-fleet.volumes.{name}.from says nothing any more"
        yield Finding(False, what, "it may be removed from the role", one.host)
    if one.change in MOVES and one.origin:
        state = next(state for state in found.desired.hosts if state.host == one.host)
        using = [service.key for service in state.services if mounts(service, one.volume.name)]
        if tried := [key for key in using if key in found.desired.trial]:
            what = f"{tried[0]} cannot be tried beside its old version, which loses its data to the new one"
            yield Finding(True, what, f"move {one.origin} with strategy: rolling first", one.host)


def _unseen_owner(found: Volumes, one: Case) -> Iterator[Finding]:
    there = volume_at(found.facts, one.host, one.volume.name)
    if there and one.volume.care.owner and not there.owner and one.change in {Change.KEEP, Change.ADOPT}:
        name = short(found.desired, one.volume)
        what = f"nobody can see whose the data of volume {name} is, and its role says {one.volume.care.owner}"
        yield Finding(True, what, "ansible_become: true lets Fleet look into it", one.host)


def _made_otherwise(found: Volumes) -> Iterator[Finding]:
    """The engine never changes how a volume was made, and says nothing of it."""
    for state in found.desired.hosts:
        for volume in state.volumes if state.host in found.facts.hosts else ():
            there = volume_at(found.facts, state.host, volume.name)
            if there is None or volume.external or there.options is None:
                continue
            made = Volume(volume.name, volume.role, there.driver, there.options)
            ours, theirs = _making(volume), _making(made)
            if ours != theirs:
                name = short(found.desired, volume)
                what = f"volume {name} was made with {theirs}, and its role says {ours}"
                ways = _ELSEWHERE if not made.of_host else _REMADE if volume.of_host else _GONE
                ways = ways.format(name=name, volume=volume.name)
                yield Finding(True, what, f"{ways}, or write what it was made with", state.host)


_ELSEWHERE = "docker volume rm {volume}, and it is made anew: its data is not on this host"
_REMADE = (
    "give it another name in the role, with x-fleet.volumes.NEW.from: {name}, and its data is brought to "
    "one that is made so"
)
_GONE = "give it another name in the role, and bring its data there by hand"


def _making(volume: Volume) -> str:
    # Of a file server, they may hold how one logs in there.
    given = " ".join(f"{key}={'…' if 'pass' in value else value}" for key, value in sorted(volume.options))
    return f"driver {volume.driver}, {given or 'no options'}"


def _names(desired: Desired, cases: Iterable[Case]) -> Iterator[Finding]:
    """What the operator says of a volume or host that there is not, is a mistake."""
    moving = desired.moving
    wanted = {volume.name: volume for state in desired.hosts for volume in state.volumes if volume.of_host}
    wanted |= {one.volume.name: one.volume for one in cases}
    known = [*wanted, *(short(desired, volume) for volume in wanted.values())]
    adopted = [word.partition("=") for word in moving.adopt]
    given = [("--adopt", name) for name, _, _ in adopted]
    given += [("--allow-empty", name) for name in moving.empty]
    given += [("--volume-from", name) for name, _ in moving.sources if name]
    for flag, name in given:
        if name not in known:
            names = ", ".join(sorted(short(desired, volume) for volume in wanted.values())) or "none"
            yield Finding(
                True, f"{flag} {name}: no host of this run wants such a volume{suggest(name, known)}",
                f"volumes of this run: {names}",
            )  # fmt: skip
    for name, given_host, host in adopted:
        if given_host and host not in moving.addresses:
            what = f"--adopt {name}={host}: there is no such host{suggest(host, moving.addresses)}"
            yield Finding(True, what, "name a host that wants the volume")
        elif given_host and name in known and host not in _wanting(desired, name):
            what = f"--adopt {name}={host}: {host} does not want it in this run"
            wanting = ", ".join(_wanting(desired, name))
            yield Finding(
                True, what, f"hosts of this run that want it: {wanting} (--limit leaves out others)"
            )
    hosts = [state.host for state in desired.hosts]
    for _, host in moving.sources:
        if host not in hosts:
            what = f"--volume-from {host}: it is not a host of this run{suggest(host, hosts)}"
            yield Finding(True, what, "it has to be in the inventory, and --limit must not leave it out")


def _wanting(desired: Desired, name: str) -> list[str]:
    """Hosts of the run that want the volume of that name."""
    return [
        state.host
        for state in desired.hosts
        if any(name in {volume.name, short(desired, volume)} for volume in state.volumes if volume.of_host)
    ]
