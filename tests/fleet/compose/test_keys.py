"""What the oracle's files have, and what the manual says of them."""

from __future__ import annotations

from pathlib import Path

from tests.fleet.compose.differences import INTENDED
from tests.fleet.compose.keys import EVERY, NAMES, carried, keys

MANUAL = Path(__file__).parents[3] / "docs" / "compose.md"


def test_every_key_that_is_carried_out_is_in_a_file() -> None:
    for names in (EVERY, NAMES):
        assert sorted(carried() - set().union(*map(keys, names))) == []


def test_every_intended_difference_is_in_the_manual() -> None:
    page = " ".join(MANUAL.read_text(encoding="utf-8").split())
    assert [one.why for one in INTENDED if one.why not in page] == []
    assert f"{len(EVERY)} files" in page
