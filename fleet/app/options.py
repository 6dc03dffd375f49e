"""What the operator asked for, checked as far as it can be without reading the inventory."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.app.root import nearest
from fleet.config.project import environments
from fleet.errors import UsageError
from fleet.model.desired import NO_VERSION
from fleet.plan.batches import amount
from fleet.suggest import suggest

TAGS = "fleet/"
"""What our own git tags begin with: they are no versions."""


FAILURE_ACTIONS = ("pause", "rollback", "continue")

USUAL = "10%"
"""What ``--unreachable skip`` alone allows, of the hosts of the run; at least one."""


@dataclass(frozen=True, slots=True)
class Options:
    """Flags that read alike in every task. ``version`` empty: not given."""

    root: Path
    env: str
    limit: str = ""
    roles: tuple[str, ...] = ()
    version: str = ""
    parallel: int = 0
    yes: bool = False
    check: bool = False
    diff: bool = False
    json: bool = False
    remove_orphans: bool = False
    show_commands: bool = False
    on_failure: str = ""
    """Instead of every role's own ``failure_action``."""
    unreachable: str = "fail"
    """``fail``, ``skip``, or ``skip:N`` and ``skip:N%``: how many hosts may be left behind."""
    wait: float = 0
    """Seconds to wait for the lease."""
    ledger: str = ""
    """The host that keeps the ledger, instead of the one that the inventory names."""
    weight: int = 0
    """Percent of the requests for a new version on trial, instead of what blue-green says; 0: not given."""
    auto_promote: bool = False
    """Promote the new version when its watch has found it good."""
    allow_downtime: bool = False
    """Go on also where a backend is left without a server for a while."""
    adopt: tuple[str, ...] = ()
    """Volumes whose data is what lies on the hosts that want them."""
    allow_empty: tuple[str, ...] = ()
    """Volumes that may begin anew where their data is expected."""
    volume_from: tuple[tuple[str, str], ...] = ()
    """(volume, host) pairs: where data is taken from. A nameless one means every volume."""
    max_downtime: float = 0
    """Seconds that the move of a volume may stop its services for; 0: no limit."""
    copy_rate: int = 0
    """Bytes a second that a copy may take; 0: no limit."""
    tag: bool = False
    """Tag the project's git commit with the release."""


def find_root(start: Path) -> Path:
    """The project that ``start`` is in. Raises UsageError."""
    if root := nearest(start):
        return root
    raise UsageError(
        f"no inventories/ in {start} or above it",
        hint="change to a Fleet project, or make one in an empty directory: fleet init",
    )


def choose_env(root: Path, given: str, environ: Mapping[str, str], configured: str) -> str:
    """``--env``, else ``FLEET_ENV``, else ``fleet.env`` of invoke's configuration."""
    known = environments(root)
    env = given or environ.get("FLEET_ENV", "") or configured
    if not env:
        raise UsageError(
            "which environment?", hint=f"--env {' | --env '.join(known) or '… (inventories/ is empty)'}"
        )
    if env not in known:
        raise UsageError(
            f"there is no environment {env!r}{suggest(env, known)}",
            hint=f"environments are the directories of inventories/: {', '.join(known) or 'none'}",
        )
    return env


def choose_version(root: Path, given: str, *, needed: bool = True) -> str:
    """``--version``, else what ``git describe --tags`` says of the checkout where one is ``needed``."""
    if given or not needed:
        return given or NO_VERSION
    git = shutil.which("git")
    if git:
        described = subprocess.run(  # noqa: S603 — fixed words
            [git, "-C", str(root), "describe", "--tags", "--dirty", "--exclude", f"{TAGS}*"],
            capture_output=True,
            text=True,
            check=False,
        )
        if described.returncode == 0:
            return described.stdout.strip()
    raise UsageError(
        "which version?", hint="--version v42, or tag the commit: 'git describe --tags' finds none here"
    )


def budget(text: str, total: int) -> int:
    """How many of ``total`` hosts may be left behind. Raises UsageError."""
    if text == "fail":
        return 0
    found = re.fullmatch(r"skip(?::(\d{1,9}%?))?", text)
    if not found:
        raise UsageError(
            f"--unreachable {text}: fail, skip, skip:N or skip:N%",
            hint=f"skip alone leaves up to {USUAL} of the hosts behind, at least one",
        )
    size = found[1] or USUAL
    return amount(size if size.endswith("%") else int(size), total)
