"""Both sides' manifests, without the other side: what it answers lies in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from volume.compare import compare
from volume.content import Content
from volume.link import Link
from volume.manifest import make_manifest
from volume.places import Places

CHANGED = Content("ab" * 32, None, None)


class Answered:
    """In place of a link."""

    to = "there"

    def __init__(self, directory: Path, found: dict[str, object], entries: bytes) -> None:
        self._directory = directory
        (directory / "manifest").write_text(json.dumps({"result": found}) + "\n")
        (directory / "entries").write_bytes(entries)

    def words(self, command: str) -> list[str]:
        return ["cat", str(self._directory / command)]


def compared(places: Places, tmp_path: Path) -> dict[str, object]:
    """With a target that holds the same."""
    found = make_manifest(places, keep=False)
    return compare(places, cast(Link, Answered(tmp_path, found, places.manifest.read_bytes())))


def test_equal(places: Places, tmp_path: Path) -> None:
    (places.data / "file").write_text("x")
    found = compared(places, tmp_path)
    assert (found["equal"], found["entries"], found["differences"]) == (True, 2, [])


def test_what_is_written_to_on_both_sides_is_not_equal(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.data / "file").write_text("x")
    monkeypatch.setattr("volume.manifest.hash_all", lambda files, _: [CHANGED for _ in files])
    found = compared(places, tmp_path)
    assert (found["equal"], found["differences"]) == (False, ["file: is being written to"])
