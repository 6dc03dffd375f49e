"""Data that has another name on the same host: what a role says its volume comes from, and what the marks of
a renaming tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.model.desired import Desired, HostState, Volume
from fleet.model.found import Facts
from fleet.model.services import Service
from fleet.model.volumes import FoundVolume, Mark, State, is_directory
from fleet.plan.volume_places import Places, began, mark_at, users, volume_at
from fleet.plan.volume_table import EMPTY, FROM, Found, Known


@dataclass(frozen=True, slots=True)
class Here:
    """What is known of a volume's data on its own host. ``origin``: its other name; ``wrong``: why it cannot
    come from there and, a line each, the ways out."""

    known: Known
    origin: str = ""
    wrong: str = ""


def here(desired: Desired, facts: Facts, host: str, volume: Volume, how: Found) -> Here | None:
    """None: none of its data has another name there, and the role does not say so."""
    mark, given = mark_at(facts, host, volume.name), origin(desired, facts, host, volume)
    if how in {Found.INCOMING, Found.FENCED} and mark and mark.called and mark.peer == host:
        if how is Found.INCOMING and given and given != mark.called:
            ways = ("docker volume rm {volume}, and it is filled anew", "or have it come from there")
            what = f"an incomplete copy of {mark.called} is here as volume {{name}}"
            return Here(Known.SILENT, "", "\n".join([what, *ways]))
        return _noted(desired, facts, host, volume.name, mark, given)
    if how is not Found.ABSENT:
        return None
    # What was left here may have been removed since.
    if went := _went(facts, host, volume.name):
        kept = went in wanted(desired, facts, host)
        return Here(Known.SILENT, "", _ITS_OWN.replace("CALLED", went)) if kept else Here(Known.LEAVES, went)
    if not volume.origin:
        return None
    wrong = _wrong(desired, facts, host, volume, given)
    if wrong:
        return Here(Known.SILENT, "", "\n".join([*wrong, FROM, EMPTY]))
    return Here(Known.LEAVES, given)


_ITS_OWN = f"""\
volume {{name}} is not here, and its data is in CALLED, which is wanted, too
let one of the two be mounted
{EMPTY}"""


def _went(facts: Facts, host: str, name: str) -> str:
    """What the data that was called so is called now, on this host."""
    there = facts.hosts[host].volumes
    for one in there.values() if isinstance(there, Mapping) else ():
        mark = one.mark
        if mark and (mark.called, mark.peer, mark.state) == (name, host, State.LIVE):
            return one.name
    return ""


def wanted(desired: Desired, facts: Facts, host: str) -> dict[str, Volume]:
    """By full name; also directories and anonymous volumes whose data has been elsewhere, or still is. Of
    such a one that somebody has removed since, the volume tells to which its data went."""
    state = _state(desired, host)
    found = {one.name: one for one in state.volumes if one.of_host}
    there = facts.hosts[host].volumes if host in facts.hosts else {}
    there = there if isinstance(there, Mapping) else {}
    for name, one in there.items():
        gone = one.mark.called if one.mark and one.mark.called not in there else ""
        place = came(facts, host, gone) if gone else ""
        for service in state.services:
            if one.mark and (mounts(service, name) or _lacks(service, one.mark.mounted)):
                found.setdefault(name, Volume(name, service.role))
            if _lacks(service, place):
                found.setdefault(gone, Volume(gone, service.role))
    return found


def came(facts: Facts, host: str, name: str) -> str:
    """Where the anonymous volume ``name`` was mounted before its data went to another name on its host."""
    there = volume_at(facts, host, _went(facts, host, name))
    return there.mark.came if there and there.mark else ""


def origin(desired: Desired, facts: Facts, host: str, volume: Volume) -> str:
    """The full name of what is said to hold its data; empty: there is no such thing on the host."""
    written, there = volume.origin, facts.hosts[host]
    service, _, path = written.partition(":")
    if is_directory(path):
        ours = [one for one in there.of_services if (one.role, one.service) == (volume.role, service)]
        ours.sort(key=lambda one: not one.running)
        return next((name for one in ours for name, place in one.anonymous if place == path), "")
    names = (f"{desired.project}-{desired.env}-{volume.role}_{written}", written)
    return next((name for name in names if volume_at(facts, host, name)), "")


def place_of(facts: Facts, host: str, name: str) -> str:
    """Of an anonymous volume, as a mark has it."""
    containers = facts.hosts[host].of_services
    places = ((one, place) for one in containers for volume, place in one.anonymous if volume == name)
    return next((f"{one.role}.{one.service}:{place}" for one, place in places), "")


def _noted(desired: Desired, facts: Facts, host: str, name: str, mark: Mark, given: str) -> Here:
    """By the marks of both names, as :class:`Places` tells it of two hosts."""
    called = mark.called
    there = volume_at(facts, host, called)
    other = there.mark if there else None
    if called in wanted(desired, facts, host):
        return Here(Known.NOWHERE, called)
    if there is None or other is None or other.lineage != mark.lineage:
        return Here(Known.SILENT, called)
    cut = (other.called, other.peer) == (name, host)
    if mark.state is State.INCOMING:
        going = other.state is State.LIVE or (other.state is State.FENCED and cut)
        return Here(Known.LEAVES if going else Known.SILENT, called)
    if other.state is State.INCOMING and cut:
        return Here(Known.UNPROVEN, called)
    if other.state is not State.LIVE:
        return Here(Known.SILENT, called)
    if other.proven or given == called:
        return Here(Known.LEAVES, called)
    if desired.moving.back or not began(facts.hosts[host], there):
        return Here(Known.UNPROVEN, called)
    return Here(Known.WRITTEN, called, _WRITTEN.replace("CALLED", called))


_WRITTEN = """\
volume {name} went from here to CALLED, and what runs on that was never found healthy
x-fleet.volumes.{name}.from: CALLED in the role brings back what was written there
--adopt {name} does without that"""


def _wrong(desired: Desired, facts: Facts, host: str, volume: Volume, given: str) -> tuple[str, ...]:
    """Why the data cannot come from where the role says, and the ways out; empty: it can."""
    there = volume_at(facts, host, given)
    if there is None:
        what = f"volume {{name}} is not here, nor is {volume.origin}, from which its data is to come"
        return what, "correct x-fleet.volumes.{name}.from in the role"
    what = f"volume {{name}} is to come from {given}"
    mounting = [one.key for one in _state(desired, host).services if mounts(one, given)]
    if mounting:
        return f"{what}, which {', '.join(mounting)} still mounts", "let it mount {name}"
    away = [one for one in users(there, facts.hosts[host]) if one.role not in desired.selected]
    if desired.selected and away:
        return f"{what}, which role {away[0].role} has, and this run is not about that", "leave --roles out"
    if there.driver != "local":
        return (f"{what}, and its driver is {there.driver}: only data on the host's disks is copied",)
    return _as_found(desired, facts, host, Volume(given, volume.role), there, what)


def _as_found(
    desired: Desired, facts: Facts, host: str, volume: Volume, there: FoundVolume, what: str
) -> tuple[str, ...]:
    peer = (there.mark.called or there.mark.peer) if there.mark else ""
    match Places(desired, facts, {host: volume}).found(host):
        case Found.FOREIGN if there.mark:
            return (f"{what}, which another project or environment has marked",)
        case Found.STALE | Found.OTHER:
            return (f"{what}, and what is there is not the newest of its data",)
        case Found.INCOMING:
            return (f"{what}, which is an incomplete copy from {peer} itself",)
        case Found.FENCED:
            return f"{what}, whose data went to {peer}", "mount that one again, with --adopt, if it is lost"
    return ()


def _state(desired: Desired, host: str) -> HostState:
    return next((state for state in desired.hosts if state.host == host), HostState(host))


def mounts(service: Service, name: str) -> bool:
    return any(one.source == name and one.type in {"bind", "volume"} for one in service.container.mounts)


def _lacks(service: Service, mounted: str) -> bool:
    """Has it nothing where this anonymous volume was mounted?"""
    key, _, path = mounted.partition(":")
    spec = service.container
    taken = {one.target for one in spec.mounts if one.source} | {place for place, _ in spec.tmpfs}
    return bool(path) and key == service.key and path not in taken
