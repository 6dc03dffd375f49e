"""A volume that gets another name through whole use cases: deployed, failed and taken back, rolled back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.app.deploy import plan
from fleet.app.rollback import rollback
from fleet.app.volumes import confirm_move
from fleet.errors import Exit
from fleet.facts.volumes import DIRECTORY, mark_text, read_mark
from fleet.model.volumes import Mark, State
from fleet.plan.tree import CopyVolume, Haul
from fleet.run.hands import RemoteHands
from tests.support.memory import MemoryHost
from tests.unit.app.conftest import Shop
from tests.unit.app.test_volumes import COMPOSE, Database, yes

OLD, NEW = "shop-test-db_data", "shop-test-db_files"


class Renamed(Database):
    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        self.deploy("v1")
        text = COMPOSE.replace("data:/data", "files:/data").replace("volumes: {data: }", "volumes: {files: }")
        text += "x-fleet: {volumes: {files: {from: data}}}\n"
        (shop.root / "roles" / "db" / "compose.yml").write_text(text)

    def called(self, name: str) -> Mark | None:
        path = self.host("db-1").root / DIRECTORY / name
        return replace(read_mark(path.read_text()), since=0) if path.exists() else None

    def set(self, name: str, mark: Mark) -> None:
        (self.host("db-1").root / DIRECTORY / name).write_text(mark_text(mark))

    def haul(self, node: Haul) -> None:
        move, host = node.move, self.host("db-1")
        self.hauled.append(node.describe())
        assert self.called(move.at_source) == replace(move.mark, since=0)
        if isinstance(node, CopyVolume):
            labels = {"fleet.project": "shop", "fleet.env": "test", "fleet.role": "db"}
            host.engine.volumes.setdefault(move.volume, {"Name": move.volume, "Labels": labels})
            self.set(move.volume, move.incoming)
            return
        for one in move.writers:
            host.engine.containers[one.id].state = "exited"
        self.set(move.at_source, move.fenced)
        live = replace(move.incoming, state=State.LIVE, generation=move.mark.generation + 1)
        self.set(move.volume, live)

    def states(self) -> tuple[State | None, State | None]:
        old, new = self.called(OLD), self.called(NEW)
        return old and old.state, new and new.state

    def mounted(self) -> list[str]:
        """What the database that runs has."""
        engine: MemoryHost = self.host("db-1")
        running = [one for one in engine.engine.containers.values() if one.state == "running"]
        return [bind.partition(":")[0] for one in running for bind in one.body["HostConfig"]["Binds"]]


@pytest.fixture
def renamed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Renamed:
    made = Renamed(shop)
    monkeypatch.setattr(RemoteHands, "haul", lambda self, node: made.haul(node))
    return made


def test_a_deploy_renames_it_and_confirm_removes_what_was_left(renamed: Renamed) -> None:
    assert renamed.deploy("v2") is Exit.OK
    assert renamed.hauled == [
        f"copy volume {OLD} to volume {NEW}, while it is used", f"rename volume {OLD} → {NEW}"
    ]  # fmt: skip
    assert renamed.states() == (State.FENCED, State.LIVE)
    assert renamed.mounted() == [NEW]
    assert renamed.homes() == {NEW: [("db-1", 1)]}
    assert plan(renamed.shop.session("v2"), None) is Exit.OK
    assert "x-fleet.volumes.files.from says nothing any more" in renamed.shop.told.text
    assert confirm_move(renamed.shop.session("v2"), yes, "files") is Exit.OK
    assert renamed.shop.told.finished.outcome == "removed from db-1"
    assert OLD not in renamed.host("db-1").engine.volumes
    assert renamed.called(OLD) is None
    assert plan(renamed.shop.session("v2"), None) is Exit.OK


def test_a_failed_deploy_takes_it_back(renamed: Renamed) -> None:
    renamed.host("db-1").sick = {"v2"}
    assert renamed.deploy("v2") is Exit.ROLLED_BACK
    assert renamed.states() == (State.LIVE, State.INCOMING)
    assert renamed.mounted() == [OLD]
    assert renamed.homes() == {OLD: [("db-1", 2)]}
    renamed.host("db-1").sick = set()
    assert renamed.deploy("v2") is Exit.OK
    assert renamed.states() == (State.FENCED, State.LIVE)


def test_a_rollback_takes_the_data_along(renamed: Renamed) -> None:
    renamed.deploy("v2")
    assert rollback(renamed.shop.session(), yes, "v1") is Exit.OK
    assert renamed.hauled[-1] == f"rename volume {NEW} → {OLD}"
    assert renamed.states() == (State.LIVE, State.FENCED)
    assert renamed.mounted() == [OLD]
