"""A record lies on a host, and a host must not choose what is read or run on this machine.

So a secret that a record refers to counts only when the project's own files give it to that host: as they
are now, or as they were at the commit that the release was made from.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.config.inventory.load import load_inventory
from fleet.config.trust import asked_by_role, places
from fleet.errors import FleetError
from fleet.model.desired import Desired
from fleet.model.hosts import Inventory
from fleet.model.refs import all_refs
from fleet.secret import SecretRef

COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
"""What git calls a commit, in full; nothing else that a record holds is handed to git."""


@dataclass(frozen=True, slots=True)
class Use:
    """A secret that ``host`` is to get for ``role``."""

    host: str
    role: str
    ref: SecretRef


def uses(desired: Desired) -> Iterator[Use]:
    """Every secret that carrying out ``desired`` takes."""
    for state in desired.hosts:
        for service in state.services:
            yield from (Use(state.host, service.role, ref) for ref in all_refs(service))
        for task in state.tasks:
            yield from (Use(state.host, task.role, ref) for ref in all_refs(task))
    for undo in desired.undo:
        yield from (Use(undo.host, undo.service.role, ref) for ref in all_refs(undo.service))


def untrusted(today: Inventory, commits: Iterable[str], asked: Iterable[Use]) -> set[SecretRef]:
    """The secrets of those uses that the project's files do not know, neither now nor at one of
    ``commits``; a commit that is not in the local repository has no files."""
    known = [_Files(asked_by_role(today.root, today.env), _members(today))]
    strange = _strange(known, asked)
    for commit in dict.fromkeys(commits):
        if strange and COMMIT.fullmatch(commit):
            known.append(_then(today.root, today.env, commit))
            strange = _strange(known, strange)
    return {use.ref for use in strange}


@dataclass(frozen=True, slots=True)
class _Files:
    """What the files said at one time: the secrets of each role, and its hosts."""

    refs: Mapping[str, Collection[SecretRef]]
    hosts: Mapping[str, Collection[str]]


def _strange(known: Sequence[_Files], asked: Iterable[Use]) -> set[Use]:
    return {use for use in asked if not (_of_inventory(known, use) or _of_role(known, use))}


def _of_inventory(known: Iterable[_Files], use: Use) -> bool:
    return any(use.ref in files.refs.get("", ()) for files in known)


def _of_role(known: Iterable[_Files], use: Use) -> bool:
    """A host may have joined since, and then gets what the role asked for before that."""
    return any(use.host in files.hosts.get(use.role, ()) for files in known) and any(
        use.ref in files.refs.get(use.role, ()) for files in known
    )


def _members(inventory: Inventory) -> dict[str, tuple[str, ...]]:
    return {name: group.members for name, group in inventory.groups.items()}


def _then(root: Path, env: str, commit: str) -> _Files:
    with tempfile.TemporaryDirectory(prefix="fleet-") as directory:
        then = Path(directory)
        for name, content in (file for top in places(env) for file in _files(root, commit, top)):
            path = then / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        hosts: Mapping[str, Collection[str]] = {}
        with contextlib.suppress(FleetError):
            hosts = _members(load_inventory(then, env))
        return _Files(asked_by_role(then, env), hosts)


def _files(root: Path, commit: str, top: str) -> Iterator[tuple[str, bytes]]:
    """The files below ``root/top`` as they were at ``commit``."""
    words = ["git", "-C", str(root), "archive", "--format=tar", commit, "--", top]
    try:
        done = subprocess.run(words, capture_output=True, check=False)  # noqa: S603 — fixed but for a commit's digits
    except OSError:
        return  # without git there is no repository
    if done.returncode:
        return
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file:
                yield member.name, file.read()
