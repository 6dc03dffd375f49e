"""What is told of the end of a move is what the hosts say, and the plan is kept."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.app.volumes import confirm_move
from fleet.errors import Exit
from tests.unit.app.conftest import Shop
from tests.unit.app.test_volumes import NAME, Database, yes


@pytest.fixture
def database(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database(shop)
    monkeypatch.setattr("fleet.run.hands.RemoteHands.haul", lambda _, node: made.haul(node))
    made.deploy()
    made.on("db-2")
    made.deploy()
    return made


def test_what_was_removed_is_looked_for_and_the_plan_is_kept(database: Database) -> None:
    assert confirm_move(database.shop.session(), yes, "data") is Exit.OK
    assert database.shop.told.finished.outcome == "removed from db-1"
    assert database.shop.told.finished.state == ()
    assert NAME not in database.host("db-1").engine.volumes
    *_, run = sorted((database.shop.root / ".fleet" / "runs").iterdir())
    assert f"remove volume {NAME} (its data is on db-2)" in (run / "plan.txt").read_text()


class Stuck(dict[str, Any]):
    """What the engine says is removed, and is not."""

    def pop(self, *_: object) -> None:
        return None


def test_a_volume_that_is_still_there_is_told(database: Database) -> None:
    engine = database.host("db-1").engine
    engine.volumes = Stuck(engine.volumes)
    confirm_move(database.shop.session(), yes, "data")
    finished = database.shop.told.finished
    assert finished.outcome == "no volume was removed"
    assert finished.state == (f"db-1: not done, it is in use: remove volume {NAME} (its data is on db-2)",)
