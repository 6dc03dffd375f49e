"""What a renaming has left: how it is listed, and when it may go."""

from __future__ import annotations

import pytest

from fleet.plan.tree import Plan
from fleet.plan.volume_confirm import confirm
from fleet.plan.volume_rows import rows
from tests.unit.plan.test_origins import DIRECTORY, NAMELESS, NEW, OLD, every_step, moved, wish


def said(plan: Plan) -> list[str]:
    assert not (plan.stages and plan.errors)
    return [f"{one.what}: {one.hint}" for one in plan.errors] or [one.describe() for one in every_step(plan)]


@pytest.mark.parametrize("name", ["data", NEW, OLD])
def test_it_goes_by_either_name(name: str) -> None:
    world = moved("old", OLD, NEW, proven=True)
    plan = confirm(wish(NEW), world.facts, name)
    assert said(plan) == [f"remove volume {OLD} (its data is in {NEW})"]


def test_a_directory_is_left_to_a_person() -> None:
    world = moved(DIRECTORY, DIRECTORY, NEW, proven=True)
    assert said(confirm(wish(NEW), world.facts, "data")) == [
        "/srv/data is not needed any more, and Fleet removes no directory: rm -r /srv/data, on db-1"
    ]


def test_not_before_a_service_was_healthy() -> None:
    world = moved("db:/data", NAMELESS, NEW, proven=False)
    (text,) = said(confirm(wish(NEW), world.facts, "data"))
    assert text.startswith(f"volume {NAMELESS}: no service was healthy yet on what went to {NEW}: ")


def test_they_are_listed() -> None:
    world = moved(DIRECTORY, DIRECTORY, NEW, proven=True)
    listed = [(row.name, row.state, row.drift) for row in rows(wish(NEW), world.facts)]
    assert listed == [
        ("/srv/data", "fenced", f"its data went to {NEW}, nothing mounts it"),
        ("data", "live", "none"),
    ]
