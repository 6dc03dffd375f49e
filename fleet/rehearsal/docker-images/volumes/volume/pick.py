"""Two manifests, made without reading content → what rsync is to look at, and not at everything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from .entry import Entry, Record
from .places import PARTIAL

_PARTIAL = os.fsencode(PARTIAL)


@dataclass(frozen=True, slots=True)
class Picked:
    """``paths``: that are to be copied, or to be removed where the source has them not. ``doubted``: of
    these, the files that are equal but for their content, or linked at the target only: rsync would not
    see it."""

    paths: tuple[bytes, ...]
    doubted: tuple[bytes, ...]

    @property
    def words(self) -> bytes:
        """As ``--from0 --files-from`` has it. With ``./`` rsync also sees to the directories above, whose
        times change with what they hold; of the volume itself alone it looks at all that it holds."""
        inner = [b"./" + path for path in self.paths if path != b"."]
        return b"\0".join(inner or self.paths)


def pick(source: Sequence[Record], target: Sequence[Record]) -> Picked:
    """In the order of the paths."""
    same = set(source).intersection(target)
    ours = {record.path: record.entry() for record in source if record not in same and not _half(record)}
    theirs = {record.path: record.entry() for record in target if record not in same and not _half(record)}
    changed = {path for path, entry in ours.items() if not _alike(entry, theirs.get(path))}
    removed = theirs.keys() - ours.keys()
    # rsync links together only what it is told of.
    groups = {ours[path].group for path in changed} - {b""}
    linked = {record.path for record in source if groups and record.group in groups}
    torn = _torn(source, target, {theirs[path].group for path in changed & theirs.keys()} - {b""})
    gone = {path for path in removed if _topmost(path, removed, ours)}
    hidden = {path for path in changed if _hidden(ours[path], theirs.get(path))}
    return Picked(tuple(sorted(changed | linked | torn | gone)), tuple(sorted(hidden | torn)))


def _torn(source: Iterable[Record], target: Iterable[Record], groups: Set[bytes]) -> set[bytes]:
    """The members of those of the target's ``groups`` of hard links that are not one file at the source."""
    if not groups:
        return set()
    now = {record.path: record.group or record.path for record in source}
    members: dict[bytes, set[bytes]] = {}
    for record in target:
        if record.group in groups and record.path in now:
            members.setdefault(record.group, set()).add(record.path)
    torn = [paths for paths in members.values() if len({now[path] for path in paths}) > 1]
    return {path for paths in torn for path in paths}


def _half(record: Record) -> bool:
    """What rsync keeps of a file that was cut; it is left out of every copy."""
    return record.path == _PARTIAL or record.path.startswith(_PARTIAL + b"/")


def _alike(one: Entry, other: Entry | None) -> bool:
    if other is None or one._replace(content=other.content) != other:
        return False
    return one.content == other.content or not (one.content and other.content)


def _hidden(one: Entry, other: Entry | None) -> bool:
    return other is not None and one._replace(content=other.content) == other


def _topmost(path: bytes, removed: Set[bytes], ours: Mapping[bytes, Entry]) -> bool:
    """What it lies in stays a directory, and takes nothing with it."""
    above = os.path.dirname(path)
    return above not in removed and (above not in ours or ours[above].kind == "d")
