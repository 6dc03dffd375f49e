"""What is to be thought of a host's disks, clock and names."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping

from fleet.model.examined import Diagnosis, Examined, Room, Verdict
from fleet.model.found import Unknown

IMAGES = (1_000_000_000, 5_000_000_000)
"""Free bytes below which room for images is an error, and a warning. A usual image has the first."""
FILES = (10_000_000, 100_000_000)
"""The same for a file system that only gets small files."""
IMAGE_FILES = (10_000, 100_000)
SMALL_FILES = (100, 1_000)
"""The same of inodes."""

SKEW = (2, 60)
"""Seconds off from which a clock is a warning, and an error: certificates, and logs merged by time."""


def rooms(host: str, examined: Examined, images_in: str) -> Iterator[Diagnosis]:
    """``images_in``: the engine's own directory."""
    if isinstance(examined.rooms, Unknown):
        yield Diagnosis("disk", host, Verdict.WARNING, f"not known: {examined.rooms.reason}", "try df -h")
        return
    for room in examined.rooms:
        images = room.path == images_in
        free = f"{gigabytes(room.free_bytes)} of {gigabytes(room.size_bytes)} free in {room.path}"
        remedy = "inv prune, docker system df, df -h" if images else f"see du -xh -d 2 {room.mount}"
        yield _measured("disk", host, room.free_bytes, IMAGES if images else FILES, free, remedy)
        if room.inodes:
            yield _inodes(host, room, images=images)


def _inodes(host: str, room: Room, *, images: bool) -> Diagnosis:
    free = f"{room.free_inodes} of {room.inodes} inodes free in {room.path}"
    remedy = f"remove small files: du --inodes -xd 2 {room.mount} shows where they are"
    return _measured("inodes", host, room.free_inodes, IMAGE_FILES if images else SMALL_FILES, free, remedy)


def _measured(
    check: str, host: str, value: int, limits: tuple[int, int], text: str, remedy: str
) -> Diagnosis:
    least, little = limits
    if value >= little:
        return Diagnosis(check, host, Verdict.OK, text)
    return Diagnosis(check, host, Verdict.ERROR if value < least else Verdict.WARNING, text, remedy)


def clocks(skews: Mapping[str, float]) -> Iterator[Diagnosis]:
    """``skews``: seconds by which each host is at least ahead of this machine. When most hosts agree that
    this machine is wrong, it is."""
    ours = statistics.median(skews.values()) if len(skews) > 2 else 0.0
    if abs(ours) < SKEW[0]:
        ours = 0.0
    else:
        yield _skewed("", -ours, "most hosts")
    for host, skew in skews.items():
        yield _skewed(host, skew - ours, "most hosts" if ours else "this machine")


def _skewed(host: str, skew: float, of: str) -> Diagnosis:
    off = abs(skew)
    if off < SKEW[0]:
        return Diagnosis("clock", host, Verdict.OK, "right")
    verdict = Verdict.ERROR if off >= SKEW[1] else Verdict.WARNING
    text = f"{off:.0f} s {'ahead of' if skew > 0 else 'behind'} {of}"
    return Diagnosis("clock", host, verdict, text, "let it keep the time: timedatectl, chrony")


def skew(clock: int, sent: float, received: float) -> float:
    """Seconds by which ``clock``, in whole seconds, is surely off: it was read between the two times."""
    if clock > received:
        return clock - received
    return min(0.0, clock + 1 - sent)


def names(host: str, asked: tuple[str, ...], examined: Examined) -> Iterator[Diagnosis]:
    for name in asked:
        reason = examined.unresolved.get(name, "")
        if reason:
            remedy = "see /etc/resolv.conf and /etc/hosts there; an engine behind a proxy needs no name"
            yield Diagnosis("dns", host, Verdict.WARNING, f"{name}: {reason}", remedy)
        else:
            yield Diagnosis("dns", host, Verdict.OK, f"{name} is known")


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
