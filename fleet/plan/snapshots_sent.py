"""Snapshots that lie on another host than the volume: sent there, and brought back to be restored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleet.model.desired import Desired, Volume
from fleet.model.found import Facts
from fleet.model.place import Place
from fleet.model.snapshots import Snapshot
from fleet.plan.keeping import ShipSnapshot
from fleet.plan.snapshots_kept import kept
from fleet.plan.tree import Finding, Phase, Turn
from fleet.plan.volume_places import mark_at
from fleet.suggest import suggest

Places = Sequence[tuple[str, Volume]]


def sending(desired: Desired, places: Places, to: str, image: str) -> Iterator[Phase]:
    """Those that were taken right before, one after the other."""
    nodes = tuple(_ship(desired, host, to, volume, image, None) for host, volume in places)
    if to and nodes:
        yield Phase("send snapshots", (Turn(to, nodes),), limit=1, harmless=True)


def wrong_place(desired: Desired, facts: Facts, places: Places, to: str) -> Iterator[Finding]:
    hosts = [state.host for state in desired.hosts if state.host in facts.hosts]
    if to and to not in hosts:
        what = f"--to {to}: it is not a host of this run{suggest(to, hosts)}"
        yield Finding(True, what, "it has to be in the inventory, and --limit must not leave it out")
    elif to in [host for host, _ in places]:
        # There it would count as one of its own.
        yield Finding(True, f"--to {to}: it has the volume itself", "name a host that has none", to)


def away(facts: Facts, places: Places, id_: str) -> list[tuple[str, Volume, str, Snapshot]]:
    """Host, its volume, and where a snapshot of that volume's data lies on another host."""
    found = []
    here = {host for host, _ in places}
    for host, volume in places:
        mark = mark_at(facts, host, volume.name)
        for other in facts.hosts:
            for one in kept(facts, other, volume.name) if other not in here else ():
                ours = len(places) == 1 or (mark is not None and mark.lineage == one.lineage)
                if one.id == id_ and ours:
                    found.append((host, volume, other, one))
    return found


def fetched(desired: Desired, host: str, volume: Volume, source: str, one: Snapshot, image: str) -> Phase:
    node = _ship(desired, source, host, volume, image, one)
    return Phase("bring snapshots", (Turn(host, (node,)),), limit=1, harmless=True)


def _ship(
    desired: Desired, source: str, to: str, volume: Volume, image: str, one: Snapshot | None
) -> ShipSnapshot:
    moving = desired.moving
    return ShipSnapshot(
        to, source, volume.name, volume.role, image,
        Place(desired.state_dir, desired.project, desired.env),
        moving.addresses.get(to, to), moving.rate, one,
    )  # fmt: skip
