"""Named volumes through whole use cases: made, adopted, moved with their role, and back when it fails."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.app.change import Change
from fleet.app.connections import Connections
from fleet.app.deploy import deploy, plan
from fleet.app.prune import prune
from fleet.app.rollback import rollback
from fleet.app.volumes import confirm_move, move, volumes
from fleet.errors import Exit, FleetError, Interrupted, RemoteFailed
from fleet.facts.volumes import DIRECTORY, mark_text, read_mark
from fleet.ledger.embedded import EmbeddedStore
from fleet.model.leavings import Leavings
from fleet.model.releases import Release, homes
from fleet.model.volumes import Mark, State
from fleet.plan.tree import CopyVolume, Haul, Step
from fleet.run.hands import RemoteHands
from tests.support.memory import MemoryHost
from tests.unit.app.conftest import Shop

NAME = "shop-test-db_data"
HELPER = "registry.example:5000/fleet-volumes:1"
HOSTS = """\
all:
  vars: {{fleet_project: shop, fleet_volume_image: "{image}", fleet_ledger: db-1}}
  hosts:
    db-1: {{ansible_host: 192.0.2.1}}
    db-2: {{ansible_host: 192.0.2.2}}
    db-3: {{ansible_host: 192.0.2.3}}
  children:
    db: {{hosts: {hosts}}}
"""
COMPOSE = """\
services:
  app:
    image: "registry.example:5000/app:{{ version }}"
    volumes: ["data:/data"]
    deploy: {update_config: {failure_action: rollback}}
    x-fleet: {gate: {deadline: 200ms, interval: 10ms, rise: 1, healthy_for: 0s}}
volumes: {data: }
"""


def yes(question: str) -> bool:
    return True


class Database:
    """The shop, of which only a database is there. ``hauled``: what was copied and moved."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.hauled: list[str] = []
        (shop.root / "roles" / "db").mkdir()
        (shop.root / "roles" / "db" / "compose.yml").write_text(COMPOSE)
        shop.fleet.registry.push(HELPER)
        self.on("db-1")

    def on(self, *hosts: str, image: str = HELPER) -> None:
        text = HOSTS.format(hosts="{" + ", ".join(f"{host}: " for host in hosts) + "}", image=image)
        (self.shop.root / "inventories" / "test" / "hosts.yml").write_text(text)

    def deploy(self, version: str = "v1", **options: Any) -> Exit:
        return deploy(self.shop.session(version, **options), yes)

    def host(self, name: str) -> MemoryHost:
        return self.shop.fleet.host(name)

    def marks(self) -> dict[str, Mark]:
        """Without their times."""
        return {
            name: replace(mark, since=0) for name in ("db-1", "db-2", "db-3") if (mark := self.mark(name))
        }

    def path(self, host: str) -> Path:
        return self.host(host).root / DIRECTORY / NAME

    def mark(self, host: str) -> Mark | None:
        path = self.path(host)
        return read_mark(path.read_text()) if path.exists() else None

    def write(self, host: str, mark: Mark) -> None:
        self.path(host).parent.mkdir(parents=True, exist_ok=True)
        self.path(host).write_text(mark_text(mark))

    def haul(self, node: Haul) -> None:
        """In place of what really copies: the hosts are as it leaves them."""
        move = node.move
        self.hauled.append(node.describe())
        seen = self.mark(move.source)
        assert seen
        assert replace(seen, since=0) == replace(move.mark, since=0)
        if isinstance(node, CopyVolume):
            self.host(move.target).engine.volumes.setdefault(
                NAME, {"Name": NAME, "Labels": {"fleet.project": "shop", "fleet.env": "test"}}
            )
            assert node.make.mark
            self.write(move.target, node.make.mark)
            return
        for one in move.writers:
            self.host(move.source).engine.containers[one.id].state = "exited"
        self.write(move.source, replace(seen, state=State.FENCED, peer=move.target))
        grown = move.mark.generation + 1
        self.write(move.target, Mark(move.mark.lineage, grown, State.LIVE, move.source))

    def homes(self) -> dict[str, list[tuple[str, int]]]:
        return {
            name: [(home.host, home.generation) for home in found]
            for name, found in homes(self.releases()).items()
        }

    def releases(self) -> tuple[Release, ...]:
        session = self.shop.session()
        return EmbeddedStore(self.host("db-1"), session.place).history().releases

    def refused(self, **options: Any) -> str:
        with pytest.raises(FleetError):
            self.deploy(**options)
        return self.shop.told.text


@pytest.fixture
def database(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database(shop)
    monkeypatch.setattr(RemoteHands, "haul", lambda self, node: made.haul(node))
    return made


def test_a_volume_is_born_with_a_mark_and_known_to_the_ledger(database: Database) -> None:
    assert database.deploy() is Exit.OK
    mark = database.mark("db-1")
    assert mark
    assert (mark.generation, mark.state, mark.proven) == (0, State.LIVE, True)
    assert len(mark.lineage) == 32
    assert mark.since > 0
    assert database.homes() == {NAME: [("db-1", 0)]}
    assert plan(database.shop.session(), None) is Exit.OK, "a second deploy has nothing to do"


def test_a_volume_from_before_is_adopted_once(database: Database) -> None:
    assert database.deploy() is Exit.OK
    born = database.mark("db-1")
    database.path("db-1").unlink()
    assert database.deploy() is Exit.OK
    assert "adopt volume shop-test-db_data, which holds data" in database.shop.told.text
    adopted = database.mark("db-1")
    assert born
    assert adopted == Mark(born.lineage, 0, State.LIVE, made=born.made), "as the ledger knew it"
    assert plan(database.shop.session(), None) is Exit.OK


def test_what_the_ledger_has_not_heard_of_it_hears_without_a_release(database: Database) -> None:
    assert database.deploy() is Exit.OK
    mark = database.mark("db-1")
    assert mark
    database.write("db-1", replace(mark, generation=4))
    assert database.deploy() is Exit.OK
    assert database.homes() == {NAME: [("db-1", 4)]}
    assert len(database.releases()) == 1


def test_a_role_that_moves_takes_its_data_along(database: Database) -> None:
    database.deploy()
    born = database.mark("db-1")
    assert born
    database.on("db-2")
    assert plan(database.shop.session(), None) is Exit.CHANGES
    text = database.shop.told.text
    assert "copy volume shop-test-db_data from db-1, while it is used there" in text
    assert "move volume shop-test-db_data db-1 → db-2" in text
    assert "create volume" not in text
    assert database.deploy() is Exit.OK
    assert database.hauled == [
        "copy volume shop-test-db_data from db-1, while it is used there",
        "move volume shop-test-db_data db-1 → db-2",
    ]
    assert database.marks() == {
        "db-1": replace(born, since=0, state=State.FENCED, peer="db-2"),
        "db-2": Mark(born.lineage, 1, State.LIVE, "db-1", proven=True),
    }
    assert database.homes() == {NAME: [("db-2", 1)]}
    assert plan(database.shop.session(), None) is Exit.OK
    assert database.shop.running() == {"db-1": [], "db-2": ["v1"], "db-3": []}


def test_the_helper_is_pulled_only_when_something_moves(database: Database) -> None:
    database.deploy()
    database.on("db-2")
    database.deploy()
    engines = {name: database.host(name).engine for name in ("db-1", "db-2", "db-3")}
    assert [name for name, engine in engines.items() if HELPER in engine.images] == ["db-1", "db-2"]
    # No registry is needed for a run that moves nothing.
    database.shop.fleet.registry.down = True
    assert plan(database.shop.session(), None) is Exit.OK


def test_without_a_helper_nothing_moves(database: Database) -> None:
    database.deploy()
    database.on("db-2", image="")
    assert "set fleet_volume_image" in database.refused()
    assert database.shop.running()["db-1"] == ["v1"]


def test_a_failed_deploy_goes_back_to_the_data_that_was_left(database: Database) -> None:
    database.deploy()
    born = database.mark("db-1")
    assert born
    database.on("db-2")
    database.host("db-2").sick = {"v2"}
    assert database.deploy("v2") is Exit.ROLLED_BACK
    assert database.shop.running() == {"db-1": ["v1"], "db-2": [], "db-3": []}
    assert database.marks() == {
        "db-1": replace(born, since=0, generation=2, proven=True),
        "db-2": Mark(born.lineage, 1, State.INCOMING, "db-1"),
    }
    assert database.homes() == {NAME: [("db-1", 2)]}
    # The next try goes on from the copy.
    database.host("db-2").sick = set()
    assert database.deploy("v2") is Exit.OK
    assert database.homes() == {NAME: [("db-2", 3)]}


def test_a_failed_move_leaves_the_source_as_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: RemoteHands, node: Haul) -> None:
        raise RemoteFailed("the copy does not come about", host=node.host)

    database.deploy()
    born = database.mark("db-1")
    database.on("db-2")
    monkeypatch.setattr(RemoteHands, "haul", broken)
    assert database.deploy() is Exit.FAILED
    assert database.marks() == {"db-1": replace(born, since=0)} if born else False
    assert database.shop.running() == {"db-1": ["v1"], "db-2": [], "db-3": []}


def test_after_a_move_from_where_the_operator_says_the_run_is_done(database: Database) -> None:
    """Also when nothing had to be pulled at the source, which the run then does not look at again."""
    database.deploy()
    for name in ("db-1", "db-2"):
        database.on(name)
        database.deploy()
    database.on("db-1")
    assert database.deploy(volume_from=(("data", "db-2"),)) is Exit.OK
    database.on("db-2")
    assert database.deploy(volume_from=(("data", "db-1"),)) is Exit.OK
    assert database.homes() == {NAME: [("db-2", 3)]}


def test_after_an_interrupted_gate_what_was_written_is_not_thrown_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise Interrupted("at the gate")

    database.deploy()
    database.on("db-2")
    with monkeypatch.context() as patched:
        patched.setattr("fleet.run.hands.watch", interrupted)
        assert database.deploy() is Exit.INTERRUPTED
    assert database.shop.running()["db-2"] == ["v1"]
    database.on("db-1")
    assert "what runs on it there was never found healthy" in database.refused()
    assert database.deploy(volume_from=(("data", "db-2"),)) is Exit.OK
    assert database.hauled[-1] == "move volume shop-test-db_data db-2 → db-1"


def test_a_killed_move_and_then_another_host(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(self: RemoteHands, node: Haul) -> None:
        if isinstance(node, CopyVolume):
            return database.haul(node)
        fenced = replace(node.move.mark, state=State.FENCED, peer="db-2")
        database.write("db-1", fenced)
        raise KeyboardInterrupt

    database.deploy()
    database.on("db-2")
    monkeypatch.setattr(RemoteHands, "haul", cut)
    with pytest.raises(KeyboardInterrupt):
        database.deploy()
    database.on("db-3")
    assert "its move from db-1 to db-2 was cut off" in database.refused(wait=400)


def test_a_rollback_after_the_way_back_in_the_inventory_moves_back(database: Database) -> None:
    database.deploy()
    database.on("db-2")
    database.deploy("v2")
    database.on("db-1")
    assert rollback(database.shop.session(), yes, "v1") is Exit.OK
    assert "move volume shop-test-db_data db-2 → db-1" in database.shop.told.text
    assert database.homes() == {NAME: [("db-1", 2)]}
    assert database.shop.running() == {"db-1": ["v1"], "db-2": [], "db-3": []}


def test_a_host_that_is_gone_from_the_inventory_is_no_reason_to_begin_anew(database: Database) -> None:
    database.on("db-2")
    database.deploy()
    text = HOSTS.format(hosts="{db-1: }", image=HELPER).replace("    db-2: {ansible_host: 192.0.2.2}\n", "")
    (database.shop.root / "inventories" / "test" / "hosts.yml").write_text(text)
    said = database.refused()
    assert "its data is on db-2, which is not in the inventory any more" in said
    assert "--allow-empty data begins anew" in said
    assert database.deploy(allow_empty=("data",)) is Exit.OK
    assert database.homes() == {NAME: [("db-1", 0)]}
    # Said once.
    assert plan(database.shop.session(), None) is Exit.OK


def test_after_the_upgrade_the_last_release_tells_where_data_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.on("db-2")
    with monkeypatch.context() as patched:
        patched.setattr(Change, "_homes", lambda *_: None)
        database.deploy()
    database.path("db-2").unlink()
    database.on("db-1")
    assert "its data is on db-2, which is not a host of this run" in database.refused(limit="db-1")
    text = HOSTS.format(hosts="{db-1: }", image=HELPER).replace("    db-2: {ansible_host: 192.0.2.2}\n", "")
    (database.shop.root / "inventories" / "test" / "hosts.yml").write_text(text)
    assert "its data is on db-2, which is not in the inventory any more" in database.refused()


def test_after_a_limited_first_run_the_last_release_still_tells_of_the_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.on("db-1", "db-2")
    with monkeypatch.context() as patched:
        patched.setattr(Change, "_homes", lambda *_: None)
        database.deploy()
    for host in ("db-1", "db-2"):
        database.path(host).unlink()
    assert database.deploy("v2", limit="db-1") is Exit.OK
    assert database.homes() == {NAME: [("db-1", 0)]}
    database.on("db-1", "db-3")
    gone = "    db-2: {ansible_host: 192.0.2.2}\n"
    hosts = database.shop.root / "inventories" / "test" / "hosts.yml"
    hosts.write_text(hosts.read_text().replace(gone, ""))
    assert "its data is on db-2, which is not in the inventory any more" in database.refused()


def test_a_volume_that_the_engine_made_anew_is_not_what_was_there(database: Database) -> None:
    database.deploy()
    born = database.mark("db-1")
    assert born
    engine = database.host("db-1").engine
    engine.volumes[NAME] = {"Name": NAME}
    assert "volume data was removed and made anew by somebody" in database.refused(version="v2")
    assert database.deploy("v2", allow_empty=("data",)) is Exit.OK
    anew = database.mark("db-1")
    assert anew
    assert (anew.lineage == born.lineage, anew.made) == (False, "")
    assert plan(database.shop.session("v2"), None) is Exit.OK


def test_a_limit_that_leaves_the_source_out(database: Database) -> None:
    database.deploy()
    database.on("db-2")
    assert "its data is on db-1, which is not a host of this run" in database.refused(limit="db-2")


def test_data_that_vanished(database: Database) -> None:
    database.deploy()
    host = database.host("db-1")
    host.engine.containers.clear()
    host.engine.volumes.clear()
    assert "volume data is not here, and its data was" in database.refused()
    assert not host.engine.containers
    # Another run that sees it does not make the ledger forget.
    assert database.homes() == {NAME: [("db-1", 0)]}
    assert database.deploy(allow_empty=("data",)) is Exit.OK


def test_a_run_that_may_begin_anew_disarms_nothing_else(database: Database) -> None:
    def vanish(name: str) -> None:
        engine = database.host(name).engine
        engine.containers.clear()
        engine.volumes.clear()

    database.on("db-1", "db-2")
    database.deploy()
    vanish("db-1")
    assert database.deploy(allow_empty=("data",), limit="db-1") is Exit.OK
    assert database.homes() == {NAME: [("db-1", 0), ("db-2", 0)]}
    vanish("db-2")
    assert "volume data is not here, and its data was" in database.refused()


def test_a_failed_run_that_may_begin_anew_disarms_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: RemoteHands, node: Step) -> None:
        raise RemoteFailed("nothing can be pulled", host=node.host)

    database.deploy()
    engine = database.host("db-1").engine
    engine.containers.clear()
    engine.volumes.clear()
    with monkeypatch.context() as patched:
        patched.setattr(RemoteHands, "perform", broken)
        assert database.deploy("v2", allow_empty=("data",)) is not Exit.OK
    assert "volume data is not here, and its data was" in database.refused()


# --- by hand


def test_the_list_of_volumes(database: Database) -> None:
    database.deploy()
    session = database.shop.session()
    assert volumes(session, sizes=False) is Exit.OK
    writer = "db.app"
    assert database.shop.told.rows == [("data", "db", "db-1", "live", "0", writer, "none")]
    database.on("db-2")
    database.deploy()
    engine = database.host("db-3").engine
    engine.volumes[NAME] = {"Name": NAME}
    engine.volumes["shop-test-db_old"] = {
        "Name": "x", "Labels": {"fleet.project": "shop", "fleet.env": "test", "fleet.role": "db"},
    }  # fmt: skip
    database.on("db-2", "db-3")
    assert volumes(database.shop.session(), sizes=False) is Exit.OK
    assert database.shop.told.rows == [
        ("data", "db", "db-1", "fenced", "0", writer, "its data went to db-2"),
        ("data", "db", "db-2", "live", "1", writer, "none"),
        ("data", "db", "db-3", "foreign", "-", "-", "Fleet did not make it, nothing mounts it"),
        ("shop-test-db_old", "db", "db-3", "not marked", "-", "-",
         "from before there were marks, no role of this host wants it, nothing mounts it"),
    ]  # fmt: skip
    database.host("db-2").engine.volumes.clear()
    assert volumes(database.shop.session(json=True), sizes=True) is Exit.OK
    (gone,) = (one for one in database.shop.told.records if one["host"] == "db-2")
    assert (gone["event"], gone["state"], gone["size"]) == ("Volume", "absent", "")
    assert gone["drift"] == "its data was here, and is gone"


def test_what_was_left_long_ago_is_pruned(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would be confirmed."""
    nothing = {host: Leavings(host) for host in ("db-1", "db-2", "db-3")}
    monkeypatch.setattr(Connections, "leavings", lambda self: nothing)
    session = database.shop.session
    hosts = database.shop.root / "inventories" / "test" / "hosts.yml"

    def keep(span: str) -> None:
        text = re.sub(r"fleet_volume_keep: \w+, ", "", hosts.read_text())
        hosts.write_text(text.replace("vars: {", f"vars: {{fleet_volume_keep: {span}, "))

    database.deploy()
    database.on("db-2")
    database.deploy()
    left = database.mark("db-1")
    assert left
    database.write("db-1", replace(left, since=int(time.time()) - 8 * 86400))
    assert prune(session(), yes, 5) is Exit.OK
    assert NAME in database.host("db-1").engine.volumes, "only when somebody wants it"
    keep("9d")
    assert prune(session(), yes, 5) is Exit.OK
    assert NAME in database.host("db-1").engine.volumes
    keep("7d")
    database.host("db-2").engine.containers.clear()
    assert prune(session(), yes, 5) is Exit.OK
    text = database.shop.told.text
    assert "no service runs on what went to another host: it is kept" in text
    assert NAME in database.host("db-1").engine.volumes
    database.deploy()
    assert prune(session(check=True), yes, 5) is Exit.CHANGES
    assert "remove volume shop-test-db_data (its data is on db-2)" in database.shop.told.text
    assert prune(session(), yes, 5) is Exit.OK
    assert "1 container, 1 volume removed" in database.shop.told.text
    assert NAME not in database.host("db-1").engine.volumes
    assert database.mark("db-1") is None
    assert NAME in database.host("db-2").engine.volumes


def test_hosts_that_do_not_answer_are_told_below_the_list(database: Database) -> None:
    database.deploy()
    database.shop.fleet.unreachable.add("db-3")
    assert volumes(database.shop.session(), sizes=False) is Exit.UNREACHABLE
    assert "db-3" in database.shop.told.errors[0]
    assert len(database.shop.told.rows) == 1


def test_what_was_kept_after_a_move_is_removed_when_that_is_confirmed(database: Database) -> None:
    database.deploy()
    with pytest.raises(FleetError, match="no host has a volume data that was moved away from it"):
        confirm_move(database.shop.session(), yes, "data")
    database.on("db-2")
    database.deploy()
    assert confirm_move(database.shop.session(), lambda _: False, "data") is Exit.FAILED
    assert NAME in database.host("db-1").engine.volumes
    assert confirm_move(database.shop.session(), yes, "data") is Exit.OK
    assert database.shop.told.finished.outcome == "removed from db-1"
    assert "remove volume shop-test-db_data (its data is on db-2)" in database.shop.told.text
    assert not database.host("db-1").engine.containers
    assert database.mark("db-1") is None


def test_what_no_service_was_healthy_on_is_not_confirmed(database: Database) -> None:
    database.deploy()
    database.on("db-2")
    database.deploy()
    mark = database.mark("db-2")
    assert mark
    database.write("db-2", replace(mark, proven=False))
    with pytest.raises(FleetError, match="no service was healthy yet on what went to another host"):
        confirm_move(database.shop.session(), yes, "data")
    database.host("db-1").engine.container("shop-test-db-app-1").state = "running"  # type: ignore[union-attr]
    database.write("db-2", mark)
    with pytest.raises(FleetError, match="in use by shop-test-db-app-1"):
        confirm_move(database.shop.session(), yes, "data")


def test_a_volume_made_anew_by_the_engine_is_no_reason_to_remove_the_last_copy(database: Database) -> None:
    database.deploy()
    database.on("db-2")
    database.deploy()
    engine = database.host("db-2").engine
    engine.containers.clear()
    engine.volumes[NAME] = {"Name": NAME}
    with pytest.raises(FleetError, match="no service runs on what went to another host"):
        confirm_move(database.shop.session(), yes, "data")
    assert NAME in database.host("db-1").engine.volumes


def test_moving_by_hand_is_what_the_inventory_says(database: Database) -> None:
    session = database.shop.session
    with pytest.raises(FleetError, match="nothing was released to test yet"):
        move(session(), yes, "data", "db-1")
    database.deploy("v2")
    with pytest.raises(FleetError, match="no role has a volume dta, did you mean 'data'"):
        move(session(), yes, "dta", "db-2")
    with pytest.raises(FleetError) as caught:
        move(session(), yes, "data", "db-2")
    assert "role db does not run on db-2" in caught.value.what
    assert "put db-2 into group db of hosts.yml" in caught.value.hint
    database.on("db-2")
    assert move(session(), yes, "data", "db-2") is Exit.OK
    assert database.homes() == {NAME: [("db-2", 1)]}
    assert database.shop.running() == {"db-1": [], "db-2": ["v2"], "db-3": []}
