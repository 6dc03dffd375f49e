"""Backups of the volume in a repository of restic: made, told, and brought back."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from .alone import alone
from .archive import check_unchanged, completed, described, record_file
from .nothing import all_or_nothing
from .places import Places
from .progress import Meter
from .restic import Repository, restic
from .words import Failure, say

OURS = "fleet"
_ID = re.compile(r"[0-9a-f]{4,64}")
# What is known of a backup without a look into it.
TOLD = ("volume", "lineage", "generation", "version", "digest")


def init(repository: Repository) -> dict[str, object]:
    restic(repository, ["init"])
    return {}


def listed(repository: Repository) -> list[dict[str, str]]:
    """Ours, the oldest first."""
    found = json.loads(restic(repository, ["snapshots", "--json", "--tag", OURS])) or []
    rows = []
    for one in sorted(found, key=lambda one: str(one["time"])):
        tags = dict(tag.split("=", 1) for tag in one["tags"] if "=" in tag)
        rows.append(
            {"id": one["short_id"], "time": one["time"], **{name: tags.get(name, "") for name in TOLD}}
        )
    return rows


def backup(places: Places, repository: Repository, about: Mapping[str, Any]) -> dict[str, object]:
    """Every file is read, also where its times say that it need not be. Raises Failure; a backup of what was
    written to meanwhile is taken out of the repository again."""
    began = time.monotonic()
    with alone(places.state / "transfer.lock"):
        record = described(places, about)
        words = ["backup", "--json", "--force", "--host", str(about.get("volume") or OURS)]
        for tag in (OURS, *_tags({**about, "digest": record.digest})):
            words += ["--tag", tag]
        summary: dict[str, Any] = {}
        meter = Meter(None, time.monotonic())

        def told(line: Mapping[str, Any]) -> None:
            if line.get("message_type") == "summary":
                summary.update(line)
            elif line.get("message_type") == "status":
                meter.total = line.get("total_bytes")
                if progress := meter.at(int(line.get("bytes_done", 0)), time.monotonic()):
                    say("progress", progress)

        restic(repository, [*words, str(places.data), str(record_file(places))], told)
        try:
            check_unchanged(places, record)
        except Failure:
            with contextlib.suppress(Failure):
                restic(repository, ["forget", str(summary["snapshot_id"])])
            raise
        return {
            "id": summary["snapshot_id"],
            "digest": record.digest,
            "entries": record.entries,
            "bytes": record.bytes,
            "added": summary.get("data_added"),
            "seconds": round(time.monotonic() - began, 3),
        }


def restore(places: Places, repository: Repository, which: str, volume: str) -> dict[str, object]:
    """``which``: an ID; without one the newest of this volume. Raises Failure; the volume is empty then."""
    began = time.monotonic()
    if which and not _ID.fullmatch(which):
        raise Failure("there is no such backup", f"{which!r} is no ID of restic")
    with alone(places.state / "transfer.lock"), all_or_nothing(places):
        number = which or _newest(repository, volume)
        file = record_file(places)
        file.write_text(restic(repository, ["dump", number, str(file)]))
        restic(repository, ["restore", number, "--target", "/", "--include", str(places.data)])
        record = completed(places)
    return {
        "id": number,
        "digest": record.digest,
        "entries": record.entries,
        "bytes": record.bytes,
        "about": record.about,
        "seconds": round(time.monotonic() - began, 3),
    }


def _newest(repository: Repository, volume: str) -> str:
    mine = [one["id"] for one in listed(repository) if one["volume"] == volume]
    if not mine:
        raise Failure("there is no such backup", f"the repository has none of volume {volume}")
    return mine[-1]


def _tags(about: Mapping[str, Any]) -> list[str]:
    tags = [f"{name}={about[name]}" for name in TOLD if about.get(name) not in (None, "")]
    if wrong := [tag for tag in tags if "," in tag]:
        raise Failure("that cannot be a tag of restic", f"{wrong[0]}: a comma begins the next one")
    return tags
