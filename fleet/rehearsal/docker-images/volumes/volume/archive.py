"""What an archive says of itself: ``fleet.json`` in it, by which is known that all of it is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .children import settle
from .extras import Extra, put_back, set_aside
from .manifest import make_manifest
from .places import Places
from .receive import settled_manifest
from .words import Failure

FORMAT = 1
NAME = "fleet.json"
BUSY = "something writes to the volume"


@dataclass(frozen=True, slots=True)
class Record:
    """``about``: what the caller said when it was made. ``extras``: what the archive itself does not keep."""

    digest: str
    entries: int
    bytes: int
    about: Mapping[str, Any]
    extras: tuple[Extra, ...]


def described(places: Places, about: Mapping[str, Any]) -> Record:
    """The volume as it is now; its record lies in the state directory then. Raises Failure."""
    settle(places.data)
    found: Any = make_manifest(places)
    if found["changing"]:
        raise Failure("the volume is in use", BUSY)
    record = Record(found["digest"], found["entries"], found["bytes"], about, tuple(set_aside(places)))
    record_file(places).write_bytes(encoded(record))
    return record


def check_unchanged(places: Places, record: Record) -> None:
    """Raises Failure."""
    settle(places.data)
    if make_manifest(places)["digest"] != record.digest:
        raise Failure("the volume has changed meanwhile", BUSY)


def completed(places: Places) -> Record:
    """What has been unpacked is what was archived, to the last byte. Raises Failure."""
    file = record_file(places)
    if not file.exists():
        raise Failure("the archive is not complete", f"{NAME} is not in it, with which each one ends")
    record = decoded(file.read_bytes())
    put_back(places, record.extras)
    found = settled_manifest(places, "the volume")
    if found["digest"] != record.digest:
        raise Failure(
            "what was unpacked is not what was archived",
            f"{found['entries']} entries with {found['bytes']} bytes are there, {record.entries} with "
            f"{record.bytes} were archived; their manifests differ: the archive is damaged",
        )
    return record


def record_file(places: Places) -> Path:
    return places.state / NAME


def encoded(record: Record) -> bytes:
    """With a sum of its own: nothing else tells of a byte that is wrong in here."""
    fields = {
        "format": FORMAT,
        "digest": record.digest,
        "entries": record.entries,
        "bytes": record.bytes,
        "about": dict(record.about),
        "extras": list(record.extras),
    }
    return json.dumps({"fleet": fields, "sha256": _sum(fields)}, indent=1).encode() + b"\n"


def decoded(data: bytes) -> Record:
    """Raises Failure."""
    try:
        value = json.loads(data)
        fields, told = value["fleet"], value["sha256"]
        if fields["format"] != FORMAT:
            raise Failure(
                "the archive is of another format", f"{fields['format']}; this helper reads {FORMAT}"
            )
        whole = _sum(fields) == told
        record = Record(
            fields["digest"], fields["entries"], fields["bytes"], fields["about"], tuple(fields["extras"])
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Failure("the archive is damaged", f"{NAME}: {error}") from error
    if not whole:
        raise Failure("the archive is damaged", f"{NAME}: its sum is wrong")
    return record


def _sum(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
