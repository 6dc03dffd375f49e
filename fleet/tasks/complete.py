"""What the shell may complete beyond invoke's tasks and flags: environments, hosts and groups."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fleet.app.root import nearest
from fleet.errors import FleetError

NAMES = ("--limit", "--ledger", "--move", "--to")
HOST_TASKS = ("ssh", "drain", "ready")
"""Tasks whose first word is a host."""


def values(line: str, configured: str, start: Path) -> Sequence[str] | None:
    """For the last word of ``line``, or what comes after it; None: that is invoke's to say. ``configured``:
    the environment that is meant where the line names none."""
    from fleet.config.inventory.load import environments  # noqa: PLC0415

    words, root = line.split(), nearest(start)
    if root is None or len(words) < 2:
        return None
    flag = words[-1] if words[-1].startswith("--") else words[-2]
    if flag == "--env":
        return environments(root)
    host = words[1] in HOST_TASKS and len(words) <= 3 and not words[-1].startswith("-")
    if flag not in NAMES and not host:
        return None
    env = words[words.index("--env") + 1] if "--env" in words[:-1] else ""
    found = _names(root, env or os.environ.get("FLEET_ENV", "") or configured)
    # Whether a space follows the task's name cannot be seen here.
    return (*found, words[1]) if len(words) == 2 else found


def _names(root: Path, env: str) -> Sequence[str]:
    """Nothing where the inventory cannot be read: a shell that completes is no place for errors."""
    from fleet.app.inventory import read_inventory  # noqa: PLC0415

    try:
        inventory = read_inventory(root, env)
    except FleetError:
        return ()
    return (*inventory.hosts, *(name for name in inventory.groups if name not in inventory.hosts))
