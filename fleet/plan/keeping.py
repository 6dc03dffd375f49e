"""Nodes of a plan that keep a volume's data, and bring it back."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from fleet.model.images import ImageRef
from fleet.model.place import Place
from fleet.model.snapshots import Restoring, Snapshot, Taking, Upgrading
from fleet.model.volumes import Mark, Relocation, State, Writer
from fleet.ops.job import RunJob
from fleet.ops.places import MakeVolume


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """A complete copy of the volume on the same host. Nothing is changed in it."""

    host: str
    taking: Taking

    @property
    def id(self) -> str:
        return f"{self.host}/snapshot:{self.taking.volume}"

    def describe(self) -> str:
        return f"snapshot volume {self.taking.volume} ({manner(self.taking)})"


@dataclass(frozen=True, slots=True)
class RestoreVolume:
    """``make``: the volume, when it is not there."""

    host: str
    restoring: Restoring
    make: MakeVolume | None = None

    @property
    def id(self) -> str:
        return f"{self.host}/restore:{self.restoring.volume}"

    def describe(self) -> str:
        one = self.restoring
        kept = "; what is there is kept" if one.keeping else ""
        stays = " and stays so: the data is another version's" if one.keeping and one.replaced else ""
        return (
            f"restore volume {one.volume} from snapshot {one.snapshot.id}{kept}{stopping(one.writers)}{stays}"
        )


@dataclass(frozen=True, slots=True)
class UpgradeVolume:
    """``run``: the command, on the volume itself; what was in it is in a snapshot by then."""

    host: str
    upgrading: Upgrading
    run: RunJob

    @property
    def id(self) -> str:
        return f"{self.host}/upgrade:{self.upgrading.volume}"

    def describe(self) -> str:
        one, image = self.upgrading, ImageRef.parse(self.run.recipe.spec.image).short
        command = " ".join(shlex.join(self.run.job.command or ()).split())
        return f"upgrade volume {one.volume} ({_begin(one)}): {image}: {command}"


@dataclass(frozen=True, slots=True)
class OwnVolume:
    """All that is in the volume gets ``owner``, ``uid:gid``, and was ``was``; what was in it is in a snapshot
    by then. ``entries``: how many those are; 0: nobody has counted."""

    host: str
    upgrading: Upgrading
    was: str
    owner: str
    entries: int = 0

    @property
    def id(self) -> str:
        return f"{self.host}/own:{self.upgrading.volume}"

    def describe(self) -> str:
        one = self.upgrading
        count = f", {self.entries:,} files" if self.entries else ""
        return f"volume {one.volume}: owner {self.was} → {self.owner}{count} ({_begin(one)})"


@dataclass(frozen=True, slots=True)
class ShipSnapshot:
    """A snapshot of ``volume`` that lies on ``source`` goes to ``host``. ``snapshot`` None: the newest, which
    does not stay at the source. ``image``: of the helper, by digest; ``address``: of ``host``, as others
    reach it; ``rate``: bytes a second; 0: no limit."""

    host: str
    source: str
    volume: str
    role: str
    image: str
    place: Place
    address: str
    rate: int = 0
    snapshot: Snapshot | None = None

    @property
    def id(self) -> str:
        return f"{self.host}/ship:{self.source}:{self.volume}"

    def describe(self) -> str:
        if self.snapshot:
            return f"bring snapshot {self.snapshot.id} of volume {self.volume} from {self.source}"
        return f"send the snapshot of volume {self.volume} from {self.source}, where none stays of it"

    def relocation(self, snapshot: Snapshot) -> Relocation:
        """Of the volume that holds it, as a move has it."""
        mark = Mark(snapshot.lineage, snapshot.generation, State.LIVE)
        return Relocation(
            snapshot.name, self.source, self.host, mark, self.address, self.image, self.place, rate=self.rate
        )


Keep = TakeSnapshot | RestoreVolume | UpgradeVolume | OwnVolume | ShipSnapshot
"""The data of a volume on ``host`` is kept there, or brought back."""


def _begin(one: Upgrading) -> str:
    first = (
        f"from snapshot {one.kept.id}, which is copied back first"
        if one.kept
        else "a snapshot is taken first"
    )
    return f"{first}{stopping(one.writers)}"


def manner(taking: Taking) -> str:
    if taking.dump:
        return f"dumped by {taking.dump.service}"
    if taking.freeze:
        return f"frozen by {taking.freeze.service} for the last pass"
    return "its writers pause for the last pass" if taking.writers else "nothing runs on it"


def stopping(writers: Sequence[Writer]) -> str:
    return f"; {', '.join(each.name for each in writers)} stops meanwhile" if writers else ""
