"""What a prune keeps and removes, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet.ops.containers import Remove
from fleet.ops.drop_volume import DropVolume
from fleet.ops.prune import RemoveDirectory, RemoveImage, size_text
from fleet.ops.snapshots import ClearAway, DropSnapshot
from fleet.plan.retention import Retention
from fleet.plan.tree import Plan, Step
from fleet.report.plan_text import Line, body_lines, summary

COUNTED: tuple[tuple[type, str, str], ...] = (
    (Remove, "container", "containers"),
    (RemoveImage, "image", "images"),
    (RemoveDirectory, "configuration", "configurations"),
    (ClearAway, "snapshot that was cut off", "snapshots that were cut off"),
    (DropVolume, "volume", "volumes"),
    (DropSnapshot, "snapshot", "snapshots"),
)


def prune_lines(plan: Plan, retention: Retention, *, diff: bool = False) -> Iterator[Line]:
    """As every plan is told, with a summary of its own."""
    yield from body_lines(plan, diff=diff)
    yield Line(summary(plan) if plan.errors else prune_summary(plan, retention), "title")


def prune_summary(plan: Plan, retention: Retention) -> str:
    """``Plan for test: keeps v41 v42 (releases 5-6); 2 images to remove, up to 428 MB``."""
    count = len(retention.releases)
    if plan.empty:
        return f"Nothing to prune: {count} {'release' if count == 1 else 'releases'} kept"
    versions = " ".join(dict.fromkeys(one.head.version for one in retention.releases))
    first, last = retention.oldest, retention.newest
    numbers = f"releases {first}-{last}" if first < last else f"release {first}"
    return f"Plan for {plan.env}: keeps {versions} ({numbers}); {counted(plan.steps, 'to remove')}"


def counted(steps: Iterable[Step], how: str) -> str:
    """``2 containers, 6 images to remove, up to 642 MB``. Images share layers, so that it may be less."""
    ops = [step.op for step in steps]
    counts = [
        f"{count} {one if count == 1 else many}"
        for kind, one, many in COUNTED
        if (count := sum(isinstance(op, kind) for op in ops))
    ]
    size = sum(op.size for op in ops if isinstance(op, RemoveImage))
    room = f", up to {size_text(size)}" if size else ""
    return f"{', '.join(counts)} {how}{room}" if counts else f"nothing {how} but notes of what was used"
