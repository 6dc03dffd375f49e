"""Snapshots through whole use cases: before a deploy, by hand, listed, brought back, offered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.app.connections import Connections
from fleet.app.deploy import plan
from fleet.app.prune import prune
from fleet.app.rollback import rollback
from fleet.app.snapshots import listed, restore, snapshot
from fleet.app.volumes import volumes
from fleet.errors import Exit, FleetError, RemoteFailed
from fleet.facts.snapshots import read_record, record_text
from fleet.model.leavings import Leavings
from fleet.model.snapshots import Snapshot, Taking
from fleet.plan.keeping import Keep, RestoreVolume, ShipSnapshot, TakeSnapshot
from fleet.run.hands import RemoteHands
from tests.unit.app.conftest import Shop
from tests.unit.app.test_volumes import COMPOSE, HELPER, NAME, Database, yes

CARE = "x-fleet: {volumes: {data: {snapshot: before-deploy, keep: 2}}}\n"


class Kept(Database):
    """The database, whose role says what ``care`` says. ``contents``: what is in its volume, and in each
    snapshot by id."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        self.contents = {"": "new"}
        self.care(CARE)

    def care(self, text: str) -> None:
        (self.shop.root / "roles" / "db" / "compose.yml").write_text(COMPOSE + text)

    def keep(self, node: Keep) -> None:
        """In place of what really copies."""
        if isinstance(node, ShipSnapshot):
            self._ship(node)
            return
        taking = node.taking if isinstance(node, TakeSnapshot) else node.restoring.keeping
        if taking:
            self._take(taking)
        if isinstance(node, RestoreVolume):
            assert node.make is None
            self.contents[""] = self.contents[node.restoring.snapshot.id]
            self.write(node.host, node.restoring.live)

    def _take(self, taking: Taking) -> None:
        host = self.host(taking.host)
        assert HELPER in host.engine.images, "the helper was not pulled"
        id_ = f"20260102-0304{len(self.contents):02}-00ff"
        mark = taking.mark
        made = Snapshot(id_, taking.volume, mark.lineage, mark.generation, taking.version, 1767323045,
                        3, 1500, "d", why=taking.why)  # fmt: skip
        host.records.mkdir(parents=True, exist_ok=True)
        (host.records / made.name).write_text(record_text(made))
        labels = {"fleet.project": "shop", "fleet.env": "test", "fleet.snapshot": NAME}
        host.engine.volumes[made.name] = {"Name": made.name, "Labels": labels}
        self.contents[id_] = self.contents[""]

    def _ship(self, node: ShipSnapshot) -> None:
        source, target = self.host(node.source), self.host(node.host)
        one = node.snapshot or self.snapshots(node.source)[-1]
        target.records.mkdir(parents=True, exist_ok=True)
        (target.records / one.name).write_text(record_text(one))
        target.engine.volumes[one.name] = source.engine.volumes[one.name]
        if node.snapshot is None:
            del source.engine.volumes[one.name]
            (source.records / one.name).unlink()

    def snapshots(self, host: str = "db-1") -> list[Snapshot]:
        return [read_record(path.read_text()) for path in sorted(self.host(host).records.glob("*"))]


@pytest.fixture
def kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Kept:
    made = Kept(shop)
    monkeypatch.setattr(RemoteHands, "keep", lambda self, node: made.keep(node))
    monkeypatch.setattr(RemoteHands, "haul", lambda self, node: made.haul(node))
    return made


def test_before_a_deploy_and_the_oldest_go(kept: Kept) -> None:
    assert kept.deploy("v1") is Exit.OK
    assert kept.snapshots() == [], "there was nothing to keep"
    assert kept.deploy("v1") is Exit.OK
    assert kept.snapshots() == [], "nothing was changed"
    assert kept.deploy("v2") is Exit.OK
    text = kept.shop.told.text
    assert text.index("take snapshots") < text.index("replace db.app")
    (one,) = kept.snapshots()
    assert (one.version, one.why) == ("v1", "before v2")
    assert kept.deploy("v3") is Exit.OK
    assert kept.deploy("v1") is Exit.OK
    assert [one.why for one in kept.snapshots()] == ["before v3", "before v1"]
    assert len(kept.host("db-1").engine.volumes) == 3
    assert plan(kept.shop.session(), None) is Exit.OK


def test_a_snapshot_that_fails_ends_the_deploy_with_nothing_changed(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: RemoteHands, node: Keep) -> None:
        raise RemoteFailed("there is no room", host=node.host)

    kept.deploy("v1")
    kept.deploy("v2")
    monkeypatch.setattr(RemoteHands, "keep", broken)
    assert kept.deploy("v3") is Exit.FAILED
    assert kept.shop.running()["db-1"] == ["v2"]
    assert len(kept.snapshots()) == 1


def test_a_bad_deploy_goes_back_and_the_data_with_it_when_somebody_says_so(kept: Kept) -> None:
    kept.deploy("v1")
    kept.host("db-1").sick = {"v2"}
    assert kept.deploy("v2") is Exit.ROLLED_BACK
    kept.contents[""] = "spoilt"
    (one,) = kept.snapshots()
    assert kept.shop.running()["db-1"] == ["v1"]
    assert restore(kept.shop.session(), yes, "data", one.id) is Exit.OK
    assert kept.contents[""] == "new"
    assert [each.why for each in kept.snapshots()] == ["before v2", f"before restore of {one.id}"]
    assert kept.homes() == {NAME: [("db-1", 1)]}
    assert plan(kept.shop.session(), None) is Exit.OK


def test_a_rollback_names_the_data_and_does_not_touch_it(kept: Kept) -> None:
    kept.deploy("v1")
    kept.deploy("v2")
    (one,) = kept.snapshots()
    kept.contents[""] = "spoilt"
    assert rollback(kept.shop.session(), yes, "v1") is Exit.OK
    told = f"volume data as it was before v2: inv volumes restore data --snapshot {one.id}"
    assert told in kept.shop.told.text
    assert kept.contents[""] == "spoilt"


def test_by_hand(kept: Kept) -> None:
    kept.care("")
    kept.deploy("v1")
    assert snapshot(kept.shop.session(), "data") is Exit.OK
    (one,) = kept.snapshots()
    assert (one.why, one.version) == ("by hand", "v1")
    assert kept.shop.told.finished.ok
    with pytest.raises(
        FleetError, match="nothing was changed: no host of this run has a role with a volume dta"
    ):
        snapshot(kept.shop.session(), "dta")


def test_the_list(kept: Kept) -> None:
    kept.deploy("v1")
    kept.deploy("v2")
    snapshot(kept.shop.session(), NAME)
    first, second = kept.snapshots()
    assert listed(kept.shop.session(), "") is Exit.OK
    rows = kept.shop.told.rows
    assert [(row[0], *row[1:4], *row[5:]) for row in rows] == [
        (second.id, "data", "db-1", "v2", "1.5 kB", "by hand"),
        (first.id, "data", "db-1", "v1", "1.5 kB", "before v2"),
    ]
    assert rows[0][4].startswith("2026-01-0")
    assert listed(kept.shop.session(json=True), "data") is Exit.OK
    assert [one["id"] for one in kept.shop.told.records] == [second.id, first.id]
    assert kept.shop.told.records[0]["event"] == "Snapshot"
    with pytest.raises(FleetError, match="a volume dta, did you mean 'data'"):
        listed(kept.shop.session(), "dta")
    # They are no volumes of their own.
    volumes(kept.shop.session(), sizes=False)
    assert len(kept.shop.told.rows) == 1
    kept.shop.fleet.unreachable.add("db-3")
    assert listed(kept.shop.session(), "data") is Exit.UNREACHABLE
    assert len(kept.shop.told.rows) == 2
    (kept.host("db-1").records / first.name).write_text("{")
    listed(kept.shop.session(), "data")
    assert f"the record of {first.name} is damaged" in kept.shop.told.text


def test_a_restore_is_asked_for_and_refused_with_a_reason(kept: Kept) -> None:
    kept.deploy("v1")
    kept.deploy("v2")
    (one,) = kept.snapshots()
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    assert restore(kept.shop.session(), no, "data", one.id) is Exit.FAILED
    assert asked == ["Replace the data of data in test by this snapshot?"]
    assert f"restore volume {NAME} from snapshot {one.id}" in kept.shop.told.text
    assert len(kept.snapshots()) == 1
    with pytest.raises(FleetError, match="has a snapshot nope of volume data") as caught:
        restore(kept.shop.session(), yes, "data", "nope")
    assert caught.value.hint == "inv volumes list data tells which there are"


def test_a_restore_that_fails_is_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: RemoteHands, node: Keep) -> None:
        raise RemoteFailed("there is no room", host=node.host)

    kept.deploy("v1")
    kept.deploy("v2")
    (one,) = kept.snapshots()
    monkeypatch.setattr(RemoteHands, "keep", broken)
    assert restore(kept.shop.session(), yes, "data", one.id) is Exit.FAILED
    assert not kept.shop.told.finished.ok
    assert "restore volumes failed on db-1" in kept.shop.told.finished.outcome


def test_the_helper_of_a_restore_is_pulled_where_it_is_missing(kept: Kept) -> None:
    kept.deploy("v1")
    kept.deploy("v2")
    (one,) = kept.snapshots()
    engine = kept.host("db-1").engine
    for name in [name for name in engine.images if "volumes" in name]:
        del engine.images[name]
    assert restore(kept.shop.session(), yes, "data", one.id) is Exit.OK
    assert HELPER in engine.images
    kept.on("db-1", image="")
    with pytest.raises(FleetError, match="to restore a volume, Fleet needs its helper image"):
        restore(kept.shop.session(), yes, "data", one.id)


def test_no_registry_is_needed_where_no_role_wants_snapshots(kept: Kept) -> None:
    kept.care("")
    kept.deploy("v1")
    assert not [name for name in kept.host("db-1").engine.images if "volumes" in name]
    kept.shop.fleet.registry.down = True
    assert plan(kept.shop.session(), None) is Exit.OK


def test_by_hand_on_another_host_and_back(kept: Kept) -> None:
    kept.care("")
    kept.deploy("v1")
    assert snapshot(kept.shop.session(), "data", "db-2") is Exit.OK
    assert kept.snapshots() == []
    (one,) = kept.snapshots("db-2")
    assert listed(kept.shop.session(), "data") is Exit.OK
    assert [row[:3] for row in kept.shop.told.rows] == [(one.id, "data", "db-2")]
    kept.contents[""] = "spoilt"
    assert restore(kept.shop.session(), yes, "data", one.id) is Exit.OK
    assert kept.contents[""] == "new"
    assert f"bring snapshot {one.id} of volume {NAME} from db-2" in kept.shop.told.text
    with pytest.raises(FleetError, match="--to db-9: it is not a host of this run"):
        snapshot(kept.shop.session(), "data", "db-9")


def test_a_prune_leaves_the_newest_from_before_upgrades(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = {host: Leavings(host) for host in ("db-1", "db-2", "db-3")}
    monkeypatch.setattr(Connections, "leavings", lambda self: nothing)
    for version in ("v1", "v2", "v3"):
        kept.deploy(version)
    for number, one in enumerate(kept.snapshots()):
        path = kept.host("db-1").records / one.name
        path.write_text(record_text(replace(one, why=f"before the upgrade of v{number}")))
    assert prune(kept.shop.session(), yes, 5) is Exit.OK, "there are no more than stay"
    kept.care(CARE.replace("keep: 2", "keep: 1"))
    first, last = kept.snapshots()
    assert prune(kept.shop.session(check=True), yes, 5) is Exit.CHANGES
    text = f"remove snapshot {first.id} of volume {NAME} ({first.why}; the newest of them stays)"
    assert text in kept.shop.told.text
    assert "1 snapshot to remove" in kept.shop.told.text
    assert prune(kept.shop.session(), yes, 5) is Exit.OK
    assert kept.snapshots() == [last]
