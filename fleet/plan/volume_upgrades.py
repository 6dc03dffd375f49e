"""Is a volume's data fit for what is to start on it? What a role says that it needs, beside what the mark
tells that it has had."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from fleet.model.desired import Volume
from fleet.model.snapshots import Snapshot
from fleet.model.volumes import Mark
from fleet.plan.volume_table import MOVES, Change

ADOPTED = "the operator says that it is the data"


class Data(enum.Enum):
    """What is done to it before something starts on it."""

    UPGRADE = "upgrade"
    REVERT = "what is in a snapshot comes back"


@dataclass(frozen=True, slots=True)
class Fit:
    """``change`` and ``why`` as a case has them. ``snapshot``: what comes back, or what a cut-off upgrade has
    kept."""

    change: Change
    why: str
    data: Data | None = None
    snapshot: Snapshot | None = None


def fit(
    volume: Volume, mark: Mark | None, plain: Fit, kept: Sequence[Snapshot], *, back: bool, adopted: bool
) -> Fit:
    """``mark``: of the data that something is to start on; ``plain``: what becomes of the volume, whatever is
    in it; ``kept``: its snapshots, the oldest first. ``back``: of a run that failed; ``adopted``: by the
    operator."""
    need = volume.care.needs
    if mark and mark.snapshot:
        cut = next((one for one in kept if one.id == mark.snapshot and one.of_upgrade), None)
        return _cut(need, cut, kept) if cut else plain
    if mark is None or plain.change in {Change.REFUSE, Change.CREATE} or need == mark.upgrade:
        return plain
    if plain.change in {*MOVES, Change.TAKE_BACK}:
        return Fit(Change.REFUSE, _NOT_BOTH)
    if need and need not in mark.upgrades:
        return Fit(plain.change, plain.why, Data.UPGRADE)
    before = [one for one in kept if one.of_upgrade and one.lineage == mark.lineage and one.upgrade == need]
    if back and not mark.proven and before and before[-1].generation + 1 == mark.generation:
        return Fit(plain.change, plain.why, Data.REVERT, before[-1])
    return Fit(Change.ADOPT, ADOPTED) if adopted else _too_new(before)


def counted(volume: Volume, had: tuple[str, ...]) -> tuple[str, ...]:
    """What the data is said to have had, once the operator says that it is the data."""
    need = volume.care.needs
    return had if need and need not in had else anew(volume)


def anew(volume: Volume) -> tuple[str, ...]:
    """Data that is begun by this very version needs none."""
    return (volume.care.needs,) if volume.care.needs else ()


def _cut(need: str, cut: Snapshot, kept: Sequence[Snapshot]) -> Fit:
    if need == cut.upgrade:
        return Fit(Change.KEEP, "an upgrade was cut off", Data.REVERT, cut)
    if need and need not in cut.upgrades:
        return Fit(Change.KEEP, "an upgrade was cut off", Data.UPGRADE, cut)
    return _too_new([one for one in kept if one.upgrade == need and one.of_upgrade])


def _too_new(before: Sequence[Snapshot]) -> Fit:
    ways = ["--adopt {name} starts it on what is there"]
    if before:
        ways.insert(0, f"inv volumes restore {{name}} --snapshot {before[-1].id}, and then this again")
    return Fit(Change.REFUSE, "\n".join([_TOO_NEW, *ways]))


_TOO_NEW = "volume {name} has had an upgrade that this version does not know: it may be too new"
_NOT_BOTH = (
    "volume {name} is to move, and its data has had other upgrades than this version's role says\n"
    "move it with the version that runs on it now, and deploy this one then"
)
