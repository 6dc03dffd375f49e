"""A ledger made anew believes no copy more than another, and takes the lease from nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.app.deploy import deploy
from fleet.app.locks import lock
from fleet.app.rebuild import rebuild
from fleet.errors import Exit, LedgerError, Locked
from fleet.ledger.copies import copy_script, parse_copy, read_copy_script
from tests.unit.app.conftest import Shop


def never(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


def anew(shop: Shop) -> Exit:
    """The ledger of web-1 is lost: another one begins on web-2."""
    return rebuild(shop.session("unknown", yes=True, ledger="web-2"), never)


def forge(shop: Shop, name: str) -> None:
    """The copy of that host says what was never released."""
    host, place = shop.fleet.host(name), shop.session().place
    copy = parse_copy(name, host._shell(read_copy_script(place)).out.decode(), 0)
    assert copy
    forged = replace(copy[0], sources={"web/compose.yml": "services: {}\n"})
    assert host._shell(copy_script(place, forged, (*copy[1], copy[1][-1]), name)).rc == 0


def leases(shop: Shop) -> list[str]:
    """What the files of leases on web-2 say."""
    root: Path = shop.fleet.host("web-2").root
    return [path.read_text() for path in root.rglob("lease")]


@pytest.mark.parametrize("name", ["web-1", "web-3"])
def test_copies_that_contradict_each_other_are_refused(shop: Shop, name: str) -> None:
    deploy(shop.session("v1", yes=True), never)
    forge(shop, name)
    with pytest.raises(LedgerError, match="copies of release 1 contradict each other") as caught:
        anew(shop)
    assert name in caught.value.why
    assert "/copy on the other hosts" in caught.value.hint
    assert leases(shop) == []
    shop.fleet.unreachable = {name}
    assert anew(shop) is Exit.OK


def test_who_has_the_lease_keeps_it(shop: Shop) -> None:
    deploy(shop.session("v1", yes=True), never)
    (fence,) = shop.fleet.host("web-1").root.rglob("fence")
    (fence / "41").touch()
    lock(shop.session(ledger="web-2"), "the fair")
    before = leases(shop)
    with pytest.raises(Locked, match="the fair"):
        anew(shop)
    assert leases(shop) == before
