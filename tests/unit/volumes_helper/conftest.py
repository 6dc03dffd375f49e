"""The helper's program is no part of Fleet's package: it lives in its image."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "fleet/rehearsal/docker-images/volumes"
sys.path.insert(0, str(PROGRAM))

from volume.places import Places  # noqa: E402


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "data").mkdir()
    (tmp_path / "copy").mkdir()
    made = Places(tmp_path / "data", tmp_path / "state", tmp_path / "copy")
    made.prepare()
    return made
