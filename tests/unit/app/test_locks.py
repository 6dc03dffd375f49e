"""The lease by hand: a freeze, and its end."""

from __future__ import annotations

import pytest

from fleet.app.locks import lock, show, unlock
from fleet.errors import Exit
from fleet.ledger.embedded import EmbeddedStore
from fleet.model.leases import Lease
from fleet.transport.base import ConnectionLost
from tests.unit.app.conftest import Shop


def never(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


def test_a_freeze_and_its_end(shop: Shop) -> None:
    assert lock(shop.session(), "the fair") is Exit.OK
    assert show(shop.session()) is Exit.LOCKED
    assert "the fair" in shop.told.text
    assert unlock(shop.session(), never) is Exit.OK
    assert show(shop.session()) is Exit.OK


def test_an_unlock_that_is_cut_off_leaves_no_freeze(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(shop.session(), "the fair")

    def cut(store: EmbeddedStore, lease: Lease) -> None:
        raise ConnectionLost("the connection is gone", host="web-1")

    monkeypatch.setattr(EmbeddedStore, "release", cut)
    with pytest.raises(ConnectionLost):
        unlock(shop.session(), never)
    show(shop.session(json=True))
    (told,) = shop.told.records
    assert not told["frozen"]
    assert 0 < told["left"] <= 6
