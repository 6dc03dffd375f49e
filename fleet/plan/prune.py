"""What can go from each host: what bears our labels or stands in our uses, and nothing that is kept needs.

Pure. Two walls stand behind it: the engine refuses to remove what it has in use, and every step looks once
more whether it finds what the plan saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

from fleet.model.found import Unknown
from fleet.model.leavings import Leavings, Occupant, StoredImage, Use, Uses
from fleet.model.place import Place
from fleet.ops.containers import Remove, is_leftover
from fleet.ops.op import Op
from fleet.ops.prune import ForgetUses, RemoveDirectory, RemoveImage
from fleet.ops.snapshots import ClearAway
from fleet.plan.retention import Retention
from fleet.plan.tree import Finding, Phase, Plan, Step, Turn

Names = frozenset[tuple[str, str]]
"""(kind, name) of uses."""

KINDS = frozenset({"image", "tag", "dir"})
"""Of other lines, written by a later version of Fleet, nothing is known."""


@dataclass(frozen=True, slots=True)
class Host:
    """One host, all of it read. ``uses`` are this environment's; ``kept`` what anybody's kept lines name;
    ``closed``: not everybody's could be read, so that nothing that has no label may go."""

    name: str
    uses: tuple[Use, ...]
    kept: Names
    occupants: tuple[Occupant, ...]
    images: tuple[StoredImage, ...]
    directories: tuple[str, ...]
    begun: tuple[str, ...] = ()
    closed: bool = False


def prune(retention: Retention, place: Place, found: Mapping[str, Leavings]) -> Plan:
    """``place``: of this environment on every host. What could not be read on a host is an error among the
    findings; what others' releases use there and could not be read, a warning."""
    findings: list[Finding] = []
    turns: list[Turn] = []
    for name, leavings in found.items():
        findings += _findings(retention, leavings)
        host = _host(retention, leavings)
        ops = (*_ops(retention, place, host), *(ClearAway(one, place) for one in host.begun)) if host else ()
        if ops:
            turns.append(Turn(name, tuple(Step(name, op) for op in ops)))
    possible = turns and not any(finding.error for finding in findings)
    stages = (Phase("prune", tuple(turns)),) if possible else ()
    version = retention.releases[-1].head.version
    return Plan(retention.project, retention.env, version, stages, findings=tuple(findings))


def _findings(retention: Retention, host: Leavings) -> Iterator[Finding]:
    for field in fields(Leavings):
        value = getattr(host, field.name)
        if isinstance(value, Unknown):
            yield Finding(True, f"cannot read {value.reason}", host=host.host)
    for uses in host.uses if isinstance(host.uses, tuple) else ():
        if isinstance(uses.lines, Unknown):
            what = f"what {uses.project}/{uses.env} uses cannot be read ({uses.lines.reason})"
            hint = "set ansible_become: true, or look at the file uses below fleet_state_dir/releases"
            yield Finding(False, f"{what}: images and configuration stay here", hint, host.host)
        elif _ours(retention, uses):
            newest = max((use.release for use in uses.lines), default=0)
            if newest > retention.newest:
                what = f"release {newest} was here, and this ledger ends with {retention.newest}"
                hint = "this is not the ledger that was written last: see inv releases, --ledger"
                yield Finding(True, what, hint, host.host)


def _host(retention: Retention, found: Leavings) -> Host | None:
    """None: something of it could not be read."""
    uses, occupants, images, directories = found.uses, found.occupants, found.images, found.directories
    begun = found.begun
    if (
        isinstance(uses, Unknown)
        or isinstance(occupants, Unknown)
        or isinstance(images, Unknown)
        or isinstance(directories, Unknown)
        or isinstance(begun, Unknown)
    ):
        return None
    ours: list[Use] = []
    kept = {("image", name) for host, name in retention.images if host == found.host}
    kept |= {("dir", path) for host, path in retention.directories if host == found.host}
    closed = False
    for one in uses:
        if isinstance(one.lines, Unknown):
            closed = True
            continue
        if _ours(retention, one):
            ours += one.lines
        kept |= {(use.kind, use.name) for use in one.lines if use.release in _numbers(retention, one)}
    return Host(found.host, tuple(ours), frozenset(kept), occupants, images, directories, begun, closed)


def _ours(retention: Retention, uses: Uses) -> bool:
    return (uses.project, uses.env) == (retention.project, retention.env)


def _numbers(retention: Retention, uses: Uses) -> frozenset[int]:
    """The kept releases of one environment; of another one the newest that used anything here."""
    lines = () if isinstance(uses.lines, Unknown) else uses.lines
    found = sorted({use.release for use in lines})
    if _ours(retention, uses):
        return frozenset(number for number in found if number >= retention.oldest)
    return frozenset(found[-retention.keep :])


def _ops(retention: Retention, place: Place, host: Host) -> Iterator[Op]:
    gone = list(_containers(retention, host))
    yield from gone
    if host.closed:
        return
    ids = {op.id for op in gone}
    staying = tuple(one for one in host.occupants if one.id not in ids)
    over = tuple(use for use in host.uses if use.release < retention.oldest)
    loose = frozenset((use.kind, use.name) for use in over) - host.kept
    images = tuple(_images(host, loose, staying))
    directories = tuple(_directories(host, loose, staying))
    yield from images
    yield from directories
    # A line that alone says that something is ours stays as long as the thing does.
    needed = _left(host, images, directories) - {
        (use.kind, use.name) for use in host.uses if use.release >= retention.oldest
    }
    lines = tuple(sorted(use for use in over if use.kind in KINDS and (use.kind, use.name) not in needed))
    if lines:
        releases = tuple(sorted({use.release for use in lines}))
        yield ForgetUses(f"{place.base}/uses", tuple(map(str, lines)), releases)


def _containers(retention: Retention, host: Host) -> Iterator[Remove]:
    """Only those with the labels of this project and environment."""
    ours = [one for one in host.occupants if (one.project, one.env) == (retention.project, retention.env)]
    for one in ours:
        why = _job_over(retention, one) if one.job else _service_over(retention, host.name, one, ours)
        if why:
            yield Remove(one.name, one.id, f"{one.role}.{one.service}", one.grace, why)


def _job_over(retention: Retention, one: Occupant) -> str:
    """A run that is resumed takes up the job's container: it must not run twice."""
    over = one.idle and one.release not in retention.unfinished
    return f"job {one.job}, ended" if over else ""


def _service_over(retention: Retention, host: str, one: Occupant, ours: Iterable[Occupant]) -> str:
    if (host, one.role, one.service) not in retention.services:
        return f"no kept release has it{'' if one.idle else '; it still runs'}"
    # Without a successor that runs, it may be all that is left of the service, with its volumes.
    served = any(
        (other.role, other.service) == (one.role, one.service) and not is_leftover(other.name)
        and not other.job and other.state == "running"
        for other in ours
    )  # fmt: skip
    return f"{one.name}, left by an interrupted run" if is_leftover(one.name) and one.idle and served else ""


def _images(host: Host, loose: Names, staying: Iterable[Occupant]) -> Iterator[RemoveImage]:
    """By the names that releases gave them. One without a digest of a registry could never be had again."""
    used = {one.image for one in staying} | {one.written for one in staying}
    needed = {name for kind, name in host.kept if kind in {"image", "tag"}}
    for image in host.images:
        digests = [name for name in image.names if ("image", name) in loose]
        tags = [name for name in image.names if ("tag", name) in loose]
        if digests and not {image.id, *image.names} & used and not needed & set(image.names):
            yield RemoveImage(image.id, (*digests, *tags), image.size)


def _directories(host: Host, loose: Names, staying: Iterable[Occupant]) -> Iterator[RemoveDirectory]:
    mounts = {mount.rstrip("/") for one in staying for mount in one.mounts}
    for path in host.directories:
        if ("dir", path) in loose and not any(_sees(mount, path) for mount in mounts):
            yield RemoveDirectory(path)


def _sees(mount: str, path: str) -> bool:
    """A mount of the whole host, as monitoring has it, counts for nothing."""
    return bool(mount) and (f"{path}/".startswith(f"{mount}/") or mount.startswith(f"{path}/"))


def _left(host: Host, images: Iterable[RemoveImage], directories: Iterable[RemoveDirectory]) -> Names:
    """What there still is, in the words of uses, when the plan has been carried out."""
    gone = {name for op in images for name in op.names}
    names = {name for image in host.images for name in image.names} - gone
    paths = set(host.directories) - {op.path for op in directories}
    return frozenset(
        {(kind, name) for name in names for kind in ("image", "tag")} | {("dir", path) for path in paths}
    )
