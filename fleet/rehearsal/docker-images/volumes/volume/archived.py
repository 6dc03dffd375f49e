"""The commands that archive a volume and bring it back."""

from __future__ import annotations

import argparse
import json
import os
import sys

from .pack import pack, unpack
from .places import Places
from .repository import backup, init, listed, restore
from .restic import repository
from .words import Failure, beside_the_stream


def archived(options: argparse.Namespace, places: Places) -> dict[str, object]:
    """Raises Failure."""
    if options.command == "pack":
        with os.fdopen(beside_the_stream(), "wb", buffering=0) as out:
            return pack(places, _object(options.about), out)
    if options.command == "unpack":
        return unpack(places, sys.stdin.buffer)
    there = repository(places, sys.stdin.buffer.read())
    match options.what:
        case "init":
            return init(there)
        case "list":
            return {"backups": listed(there)}
        case "backup":
            return backup(places, there, _object(options.about))
    return restore(places, there, options.id, options.newest_of)


def _object(text: str) -> dict[str, object]:
    value = json.loads(text) if text.startswith("{") else None
    if not isinstance(value, dict):
        raise Failure("volume was called wrongly", "--about is no JSON object")
    return value
