"""A git tag for a good release: ``fleet/production/7`` on the commit that it was made from."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fleet.app.options import TAGS
from fleet.app.trust import COMMIT
from fleet.model.releases import Head


def tag(root: Path, head: Head) -> str:
    """Why there is no tag now; empty: there is one. The tag is not pushed."""
    if not head.commit:
        return "the project is in no git repository"
    if head.dirty:
        return "the checkout has changes that no commit holds"
    if not COMMIT.fullmatch(head.commit):
        return f"{head.commit!r} of release {head.number} is not the name of a commit"
    name = f"{TAGS}{head.env}/{head.number}"
    done = subprocess.run(  # noqa: S603 — no shell; the words cannot be options
        ["git", "-C", str(root), "tag", "-a", "-m", f"{head.version} to {head.env}", name, head.commit],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stderr.strip() or "git tag failed") if done.returncode else ""
