"""Export and import through whole use cases; what copies bytes is in tests/unit/run/volumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.app import archives
from fleet.app.archives import export, import_
from fleet.errors import ConfigError, Exit, FleetError, RemoteFailed, UsageError
from fleet.model.snapshots import Snapshot
from fleet.run.hands import RemoteHands
from fleet.run.volumes.archiving import Store
from fleet.run.volumes.ground import Ground
from tests.unit.app.conftest import Shop
from tests.unit.app.test_snapshots import Kept
from tests.unit.app.test_volumes import HELPER, NAME, yes

SECRET = "fleet_restic_password: !secret env:RESTIC\nfleet_restic_environment: {AWS_ACCESS_KEY_ID: id}\n"


class Archives:
    """In place of what copies: what it was asked for."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop = shop
        self.kept = Kept(shop)
        self.file = shop.root / "shop.tar"
        self.asked: list[tuple[object, ...]] = []
        self.stores: list[Store] = []
        monkeypatch.setattr(RemoteHands, "keep", lambda hands, node: self.kept.keep(node))
        for name in ("to_file", "to_store", "bring"):
            monkeypatch.setattr(archives, name, getattr(self, f"_{name}"))
        monkeypatch.setenv("RESTIC", "s3cret")

    def secrets(self, text: str = SECRET) -> None:
        path = self.shop.root / "inventories" / "test" / "group_vars" / "all.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def _to_file(self, ground: Ground, snapshot: Snapshot, path: Path) -> int:
        self.asked.append((ground.host, snapshot.id, path))
        mount = ground.helper.mounts[0]
        assert (mount.volume, mount.read_only, ground.helper.network) == (snapshot.name, True, "none")
        return 1500

    def _to_store(
        self, ground: Ground, snapshot: Snapshot, store: Store, may_begin: Callable[[], bool]
    ) -> str:
        self.asked.append((ground.host, snapshot.id, str(store.address), may_begin()))
        self.stores.append(store)
        return "ab12cd34"

    def _bring(
        self, ground: Ground, place: object, volume: str, role: str, origin: str, filled: object
    ) -> Snapshot:
        self.asked.append((ground.host, volume, role, origin))
        assert not ground.helper.mounts[0].read_only
        return Snapshot("20270101-000000-beef", volume, "ab" * 16, 1)

    @property
    def text(self) -> str:
        return self.shop.told.finished.outcome


@pytest.fixture
def made(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Archives:
    found = Archives(shop, monkeypatch)
    assert found.kept.deploy("v1") is Exit.OK
    return found


def test_an_export_takes_a_snapshot_first(made: Archives) -> None:
    assert export(made.shop.session(), yes, "data", str(made.file), "") is Exit.OK
    (one,) = made.kept.snapshots()
    assert one.why == "by hand"
    assert made.asked == [("db-1", one.id, made.file)]
    assert made.text == f"export: done: snapshot {one.id} of volume data is in {made.file} (1.5 kB)"


def test_an_export_of_one_that_is_there(made: Archives) -> None:
    export(made.shop.session(), yes, "data", str(made.file), "")
    export(made.shop.session(), yes, "data", str(made.file), "")
    first, _ = made.kept.snapshots()
    export(made.shop.session(), yes, "data", str(made.file), first.id)
    assert made.asked[-1] == ("db-1", first.id, made.file)
    assert len(made.kept.snapshots()) == 2
    with pytest.raises(FleetError, match="there is no snapshot 2026-none") as caught:
        export(made.shop.session(), yes, "data", str(made.file), "2026-none")
    assert first.id in caught.value.hint


@pytest.mark.parametrize("says", [True, False])
def test_an_export_to_a_repository(made: Archives, says: bool) -> None:
    made.secrets()
    export(made.shop.session(), lambda _: says, "data", "restic:/srv/backups", "")
    (one,) = made.kept.snapshots()
    assert made.asked == [("db-1", one.id, "restic:/srv/backups", says)]
    assert made.text == f"export: done: snapshot {one.id} of volume data is in restic:/srv/backups#ab12cd34"
    assert json.loads(made.stores[0].given()) == {
        "repository": "/repository",
        "environment": {"AWS_ACCESS_KEY_ID": "id", "RESTIC_PASSWORD": "s3cret"},
        "key": "",
        "known_hosts": "",
    }
    assert "s3cret" not in made.shop.told.text


def test_an_import_says_what_puts_it_in_place(made: Archives) -> None:
    made.file.write_text("x")
    assert import_(made.shop.session(), "data", str(made.file)) is Exit.OK
    assert made.asked == [("db-1", NAME, "db", "shop.tar")]
    assert made.text.endswith("inv volumes restore data --snapshot 20270101-000000-beef")
    assert made.kept.snapshots() == []
    made.secrets()
    assert import_(made.shop.session(), "data", "restic:/srv/backups#ab12cd34") is Exit.OK
    assert made.asked[-1] == ("db-1", NAME, "db", "restic:/srv/backups")


def test_what_is_known_before_anybody_is_asked(made: Archives) -> None:
    made.file.write_text("mine")
    with pytest.raises(FleetError, match="is there already"):
        export(made.shop.session(), yes, "data", str(made.file), "")
    with pytest.raises(UsageError, match="there is no file"):
        import_(made.shop.session(), "data", f"{made.file}.none")
    with pytest.raises(UsageError, match="is no repository"):
        export(made.shop.session(), yes, "data", "restic:backups", "")
    with pytest.raises(UsageError, match="restic numbers"):
        export(made.shop.session(), yes, "data", "restic:/srv#ab12cd34", "")
    with pytest.raises(ConfigError, match="fleet_restic_password is not set"):
        export(made.shop.session(), yes, "data", "restic:/srv", "")
    with pytest.raises(UsageError, match="no host of this run has a role with a volume dta"):
        import_(made.shop.session(), "dta", str(made.file))
    made.kept.on("db-1", "db-2")
    with pytest.raises(UsageError, match="volume data is on db-1, db-2") as caught:
        import_(made.shop.session(), "data", str(made.file))
    assert "--limit" in caught.value.hint
    assert made.asked == []


def test_without_the_helper_image(made: Archives) -> None:
    made.file.write_text("x")
    made.kept.on("db-1", image="")
    with pytest.raises(FleetError, match="to archive a volume, Fleet needs its helper image"):
        import_(made.shop.session(), "data", str(made.file))


def test_the_helper_image_is_pulled_first(made: Archives) -> None:
    made.file.write_text("x")
    assert HELPER not in made.kept.host("db-1").engine.images
    import_(made.shop.session(), "data", str(made.file))
    assert HELPER in made.kept.host("db-1").engine.images


def test_what_fails_is_told_and_the_lease_is_free(made: Archives, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Snapshot:
        raise RemoteFailed("the archive is cut short", host="db-1")

    monkeypatch.setattr(archives, "bring", broken)
    made.file.write_text("x")
    with pytest.raises(RemoteFailed, match="cut short"):
        import_(made.shop.session(), "data", str(made.file))
    assert made.kept.deploy("v1") is Exit.OK
