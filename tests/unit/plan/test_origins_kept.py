"""What a renaming has left: how it is listed, and when it may go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.plan.build import plan
from fleet.plan.tree import Plan
from fleet.plan.volume_confirm import confirm
from fleet.plan.volume_rows import rows
from fleet.plan.volume_table import Change, Found
from tests.support.simulate import World
from tests.unit.plan.test_origins import (
    DIRECTORY,
    NAMELESS,
    NEW,
    OLD,
    database,
    every_step,
    moved,
    only,
    wish,
    with_volumes,
)


def said(made: Plan) -> list[str]:
    assert not (made.stages and made.errors)
    return [f"{one.what}: {one.hint}" for one in made.errors] or [one.describe() for one in every_step(made)]


@pytest.mark.parametrize("name", ["data", NEW, OLD])
def test_it_goes_by_either_name(name: str) -> None:
    world = moved("old", OLD, NEW, proven=True)
    assert said(confirm(wish(NEW), world.facts, name)) == [f"remove volume {OLD} (its data is in {NEW})"]


def test_a_directory_is_left_to_a_person() -> None:
    world = moved(DIRECTORY, DIRECTORY, NEW, proven=True)
    assert said(confirm(wish(NEW), world.facts, "data")) == [
        "/srv/data is not needed any more, and Fleet removes no directory: rm -r /srv/data, on db-1"
    ]


def test_not_before_a_service_was_healthy() -> None:
    world = moved("db:/data", NAMELESS, NEW, proven=False)
    (text,) = said(confirm(wish(NEW), world.facts, "data"))
    assert text.startswith(f"volume {NAMELESS}: no service was healthy yet on what went to {NEW}: ")


def test_after_it_was_removed_a_rollback_still_finds_the_data() -> None:
    world = moved("old", OLD, NEW, proven=True)
    host = world.facts.hosts["db-1"]
    host = replace(host, volumes={NEW: host.volumes[NEW]})
    there = replace(world.facts, hosts={**world.facts.hosts, "db-1": host})
    case = only(wish(OLD), there)
    assert (case.how, case.change, case.origin) == (Found.ABSENT, Change.MOVE, NEW)
    back = World(there)
    back.run(plan(wish(OLD), there))
    assert plan(wish(OLD), back.facts).empty
    both = with_volumes(wish(OLD, "", database(OLD), database(NEW, name="also")))
    (text,) = (one.what for one in plan(both, there).errors)
    assert text == f"volume old is not here, and its data is in {NEW}, which is wanted, too"


def test_they_are_listed() -> None:
    world = moved(DIRECTORY, DIRECTORY, NEW, proven=True)
    listed = [(row.name, row.state, row.drift) for row in rows(wish(NEW), world.facts)]
    assert listed == [
        ("/srv/data", "fenced", f"its data went to {NEW}, nothing mounts it"),
        ("data", "live", "none"),
    ]
