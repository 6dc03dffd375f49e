"""A record lies on a host, and a host must not choose what is read or run on this machine.

So a secret that a record refers to counts only when the project's own files refer to it: as they are now,
or as they were at the commit that the release was made from.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from fleet.config.trust import asked_for, places, refs_in
from fleet.secret import SecretRef

COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
"""What git calls a commit, in full; nothing else that a record holds is handed to git."""


def untrusted(root: Path, env: str, commit: str, refs: Iterable[SecretRef], role: str = "") -> set[SecretRef]:
    """Those of ``refs`` that neither the inventory nor ``role`` (empty: any role) has, now or at ``commit``;
    a commit that is not in the local repository has no files."""
    strange = set(refs) - asked_for(root, env, role)
    if strange and COMMIT.fullmatch(commit):
        strange -= refs_in(file for top in places(env, role) for file in _files(root, commit, top))
    return strange


def _files(root: Path, commit: str, top: str) -> Iterator[tuple[str, bytes]]:
    """The files below ``root/top`` as they were then."""
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
