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
    OWN = "it gets another owner"
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
    volume: Volume,
    mark: Mark | None,
    plain: Fit,
    kept: Sequence[Snapshot],
    *,
    owner: str,
    back: bool,
    adopted: bool,
) -> Fit:
    """``mark``: of the data that something is to start on; ``plain``: what becomes of the volume, whatever is
    in it; ``kept``: its snapshots, the oldest first; ``owner``: of its root; empty: not seen. ``back``: of a
    run that failed; ``adopted``: by the operator."""
    need = volume.care.needs
    if mark and mark.snapshot:
        cut = next((one for one in kept if one.id == mark.snapshot and one.of_upgrade), None)
        return _cut(volume, mark, cut, kept) if cut else plain
    if mark is None or plain.change in {Change.REFUSE, Change.CREATE}:
        return plain
    other = bool(owner) and due(volume, mark) not in {"", owner}
    if need == mark.upgrade:
        return _owned(volume, mark, plain, kept, back=back) if other else plain
    if plain.change in {*MOVES, Change.TAKE_BACK}:
        return Fit(Change.REFUSE, _NOT_BOTH)
    if need and need not in mark.upgrades:
        return Fit(Change.REFUSE, _UPGRADE_FIRST) if other else Fit(plain.change, plain.why, Data.UPGRADE)
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


def due(volume: Volume, mark: Mark) -> str:
    """Whose the data is to be: also, once a role says nothing any more, whose it was before one did."""
    return volume.care.owner or mark.owned


def _owned(volume: Volume, mark: Mark, plain: Fit, kept: Sequence[Snapshot], *, back: bool) -> Fit:
    if plain.change in {*MOVES, Change.TAKE_BACK}:
        return Fit(Change.REFUSE, _MOVE_FIRST)
    before = [one for one in kept if one.owner and one.lineage == mark.lineage]
    undone = back and not mark.proven and before and before[-1].generation + 1 == mark.generation
    if undone and before[-1].owner == due(volume, mark):
        return Fit(plain.change, plain.why, Data.REVERT, before[-1])
    return Fit(plain.change, plain.why, Data.OWN)


def _cut(volume: Volume, mark: Mark, cut: Snapshot, kept: Sequence[Snapshot]) -> Fit:
    need = volume.care.needs
    if need == cut.upgrade and cut.owner and due(volume, mark) not in {"", cut.owner}:
        return Fit(Change.KEEP, "a change of its owner was cut off", Data.OWN, cut)
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
_UPGRADE_FIRST = (
    "volume {name} needs an upgrade, and is to get another owner\n"
    "deploy once for each: take one of x-fleet.volumes.{name}.owner and upgrade out of the role until then"
)
_MOVE_FIRST = (
    "volume {name} is to move, and to get another owner\n"
    "move it first: take x-fleet.volumes.{name}.owner out of the role until then"
)
_NOT_BOTH = (
    "volume {name} is to move, and its data has had other upgrades than this version's role says\n"
    "move it with the version that runs on it now, and deploy this one then"
)
