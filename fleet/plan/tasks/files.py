"""Files, directories and links: from what is there to what is wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from fleet.model.found_tasks import FoundPath
from fleet.model.tasks import FileTask
from fleet.ops.tasks.change import Work
from fleet.ops.tasks.files import MakeDirectory, MakeLink, PutFile, RemovePath, SetAttributes
from fleet.plan.files import seal
from fleet.plan.text_diff import HIDDEN, difference
from fleet.secret import refs_of


class Impossible(Exception):
    """What is there is in the way. The text says what, without a host; ``hint`` what to do."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def file_work(
    wish: FileTask, found: FoundPath, fingerprints: Mapping[str, str], directory: str
) -> Work | None:
    """None: it is as wanted. ``directory`` as of ``task_dir``. Raises Impossible."""
    if wish.state == "absent":
        return RemovePath(wish, found) if found.kind != "absent" or found.link is not None else None
    if wish.state == "link":
        return _link(wish, found)
    if wish.state == "directory":
        _not_another(wish, found, "directory")
        if found.kind == "absent":
            return MakeDirectory(wish, found)
        return _attributes(wish, found)
    _not_another(wish, found, "file")
    if wish.content is None:
        if found.kind == "absent":
            return SetAttributes(wish, found, (f"attributes of {wish.path}",))
        return _attributes(wish, found)
    return _content(wish, found, fingerprints, directory)


def _not_another(wish: FileTask, found: FoundPath, kind: str) -> None:
    if found.kind not in {"absent", kind}:
        what = f"{wish.path} is {_a(found.kind)}, and a task wants {_a(kind)} there"
        inside = found.kind == "directory"
        hint = f"name the file in it: {wish.path}/…" if inside else "remove it, or name another path"
        raise Impossible(what, hint)
    if found.kind == "absent" and found.link is not None and kind == "directory":
        raise Impossible(f"{wish.path} is a link to {found.link}, which is not there", "remove the link")


def _a(kind: str) -> str:
    return {"other": "neither a file nor a directory"}.get(kind, f"a {kind}")


def _link(wish: FileTask, found: FoundPath) -> Work | None:
    if found.link is None and found.kind != "absent":
        raise Impossible(f"{wish.path} is {_a(found.kind)}, and a task wants a link there", "remove it first")
    return MakeLink(wish, found) if found.link != wish.target else None


def _attributes(wish: FileTask, found: FoundPath) -> Work | None:
    lines = tuple(attribute_lines(wish, found))
    return SetAttributes(wish, found, lines) if lines else None


def attribute_lines(wish: FileTask, found: FoundPath) -> list[str]:
    return [f"{what} of {wish.path} {old} → {new}" for what, old, new in other_attributes(wish, found)]


def other_attributes(wish: FileTask, found: FoundPath) -> list[tuple[str, str, str]]:
    """What is not as wanted: its name, as it was found, as it is wanted."""
    uid, _, gid = found.ids.partition(":")
    return [
        (what, old, new)
        for what, old, number, new in (
            ("mode", found.mode, found.mode, wish.mode),
            ("owner", found.owner, uid, wish.owner),
            ("group", found.group, gid, wish.group),
        )
        if new and new not in {old, number}
    ]


def _content(
    wish: FileTask, found: FoundPath, fingerprints: Mapping[str, str], directory: str
) -> Work | None:
    there = found.kind == "file"
    attributes = attribute_lines(wish, found) if there else []
    mark = None
    if isinstance(wish.content, str):
        same = there and found.sha256 == hashlib.sha256(wish.content.encode()).hexdigest()
    else:
        # Owner and mode are compared by themselves.
        mark = (directory, seal(wish.content or "", "", "", fingerprints))
        same = there and found.mark == mark[1]
    if there and found.link is None and (same or not wish.force):
        return SetAttributes(wish, found, tuple(attributes)) if attributes else None
    lines = [f"it was a link to {found.link}"] if found.link is not None else []
    if refs_of(wish.content or "") or (there and found.content is None) or not isinstance(wish.content, str):
        lines.append(f"{'~' if there else '+'}{wish.path}{HIDDEN}")
    elif not same:
        lines += difference(wish.path, found.content if there else None, wish.content)
    return PutFile(wish, found, (*attributes, *lines), mark)
