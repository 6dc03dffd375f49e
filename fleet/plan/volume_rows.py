"""Every volume of an environment on every host, and what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleet.model.desired import Desired
from fleet.model.found import Facts, HostFacts
from fleet.model.volumes import FoundVolume, Mark, State
from fleet.plan.volume_cases import short
from fleet.plan.volume_places import called, ours, users


@dataclass(frozen=True, slots=True)
class Row:
    """``volume`` is its full name; ``writer`` the service that mounts it, one that runs before others, or a
    container that is not ours."""

    name: str
    volume: str
    role: str
    host: str
    state: str
    generation: str = "-"
    writer: str = "-"
    drift: str = "none"


def rows(desired: Desired, facts: Facts) -> tuple[Row, ...]:
    found = [row for host in facts.hosts.values() for row in _rows(desired, facts, host)]
    return tuple(sorted(found, key=lambda row: (row.name, row.host)))


def _rows(desired: Desired, facts: Facts, host: HostFacts) -> Iterator[Row]:
    if not isinstance(host.volumes, Mapping):
        yield Row("-", "-", "-", host.host, "unknown", drift=host.volumes.reason)
        return
    wanted = {one.name: one for state in desired.hosts if state.host == host.host for one in state.volumes}
    known = {one.name: one for state in desired.hosts for one in state.volumes}
    homes = {name: {home.host for home in found} for name, found in facts.homes.items()}
    for name, there in host.volumes.items():
        if there.snapshot:
            continue
        noted = there.mark or there.left or there.damaged
        other = called(host, there)
        mine = any(ours(desired, host, one) for one in (there, other) if one)
        mine = mine or (bool(noted) and name in homes)
        if name in wanted or mine:
            anonymous = any(name == volume for one in host.of_services for volume, _ in one.anonymous)
            role = there.role or (known[name].role if name in known else _role(host, there))
            title = short(desired, known[name]) if name in known else name[:12] if anonymous else name
            drift = [*_drift(facts, host, there, in_use=name in wanted, mine=mine)]
            drift = ["anonymous"] if anonymous else drift
            yield Row(
                title, name, role or "-", host.host, _state(there, mine=mine),
                str(there.mark.generation) if there.mark else "-",
                _writer(host, there), ", ".join(drift) or "none",
            )  # fmt: skip
    for name in dict.fromkeys([*wanted, *homes]):
        expected = host.host in homes.get(name, ())
        if name not in host.volumes and (name in wanted or expected):
            one = known.get(name)
            title = short(desired, one) if one else name
            missing = "its data was here, and is gone" if expected else "not made yet"
            yield Row(title, name, one.role if one else "-", host.host, "absent", drift=missing)


def _state(there: FoundVolume, *, mine: bool) -> str:
    if there.mark:
        return there.mark.state.value
    if there.damaged or there.left:
        return "unknown" if there.damaged else "made anew"
    return "not marked" if mine else "foreign"


def _drift(facts: Facts, host: HostFacts, there: FoundVolume, *, in_use: bool, mine: bool) -> Iterator[str]:
    mark = there.mark
    if there.damaged:
        yield "its mark is damaged"
    elif there.left:
        yield "somebody has removed it, and its data with it"
    elif not mine:
        yield "Fleet did not make it"
    elif mark is None:
        yield "the next deploy adopts it" if in_use else "from before there were marks"
    elif mark.state is State.FENCED:
        yield f"its data went to {mark.called or mark.peer}"
    elif mark.snapshot:
        yield f"half restored from snapshot {mark.snapshot}"
    elif mark.state is State.INCOMING:
        yield f"an incomplete copy from {mark.called or mark.peer}"
    elif others := [*_alive(facts, host.host, there.name, mark)]:
        yield f"live on {', '.join(others)}, too"
    if not in_use and mine and (mark is None or mark.state is State.LIVE):
        yield "no role of this host wants it"
    if not there.users:
        yield "nothing mounts it"


def _alive(facts: Facts, here: str, name: str, mark: Mark) -> Iterator[str]:
    for host in facts.hosts.values():
        other = host.volumes.get(name) if isinstance(host.volumes, Mapping) else None
        same = other is not None and other.mark is not None and other.mark.lineage == mark.lineage
        if same and host.host != here and other and other.mark and other.mark.state is State.LIVE:
            yield host.host


def _writer(host: HostFacts, there: FoundVolume) -> str:
    mounting = sorted(users(there, host), key=lambda one: not one.running)
    return next((f"{one.role}.{one.service}" for one in mounting), there.users[0] if there.users else "-")


def _role(host: HostFacts, there: FoundVolume) -> str:
    return next((one.role for one in users(there, host)), "")
