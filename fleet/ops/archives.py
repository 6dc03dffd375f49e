"""What the helper is asked for an archive of a snapshot, or for a snapshot out of one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fleet.model import codec
from fleet.model.archives import Address
from fleet.model.place import Place
from fleet.model.snapshots import Snapshot
from fleet.ops.effects import Shell
from fleet.ops.volume_helper import Helper, Mount

DIRECTORY = "/repository"
"""Where the helper has a repository that is a directory of its host."""

# Keys lie in memory only.
_MEMORY = ("--tmpfs", "/state:mode=0700")


def helper(
    volume: str, image: str, place: Place, held: str, address: Address | None, *, reads: bool
) -> Helper:
    """``held``: the Docker volume at /data. It reaches a network when the repository is elsewhere."""
    bound: tuple[str, ...] = ()
    if address and address.directory:
        # A line of CSV.
        quoted = address.directory.replace('"', '""')
        bound = ("--mount", f'type=bind,"src={quoted}",dst={DIRECTORY}')
    network = "host" if address and not address.directory else "none"
    return Helper(volume, image, place, (Mount(held, "/data", reads),), network, (*_MEMORY, *bound))


def location(address: Address) -> str:
    """As the helper sees it."""
    return DIRECTORY if address.directory else address.location


def about(snapshot: Snapshot) -> str:
    """For people first; then the record."""
    told = {
        "volume": snapshot.volume,
        "lineage": snapshot.lineage,
        "generation": snapshot.generation,
        "version": snapshot.version,
        "snapshot": json.loads(codec.canonical(asdict(snapshot))),
    }
    return codec.canonical(told)


def described(about: Any) -> Snapshot:
    """Of which snapshot an archive was made. Raises ValueError."""
    value = about.get("snapshot") if isinstance(about, dict) else None
    if value is None:
        raise ValueError("it does not say of which volume it is")
    return codec.load(Snapshot, value)


def pack(helper: Helper, snapshot: Snapshot) -> Shell:
    return helper.ask("pack", "--about", about(snapshot))


def unpack(helper: Helper) -> Shell:
    return helper.ask("unpack", fed=True)


def backup(helper: Helper, snapshot: Snapshot) -> Shell:
    return helper.ask("restic", "backup", "--about", about(snapshot), fed=True)


def init(helper: Helper) -> Shell:
    return helper.ask("restic", "init", fed=True)


def restore(helper: Helper, address: Address, volume: str) -> Shell:
    which = ("--id", address.id) if address.id else ("--newest-of", volume)
    return helper.ask("restic", "restore", *which, fed=True)
