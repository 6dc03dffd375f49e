"""``status --watch``: looks until it is told to stop, connects again, and keeps nobody waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from fleet.app.deploy import deploy
from fleet.app.session import Session
from fleet.app.status import Row
from fleet.app.watch import standings, watch
from fleet.errors import Exit
from fleet.report.watched import Picture, Standing
from tests.unit.app.conftest import Shop


@dataclass
class Kept:
    """A screen that keeps its pictures. ``each``, in turn, is called after one; then ^C is pressed."""

    session: Session
    each: list[Callable[[], None]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    open: bool = False

    def __enter__(self) -> Kept:
        self.open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.open = False

    def show(self, picture: Picture) -> None:
        self.pictures.append(picture)
        if self.each:
            self.each.pop(0)()
        else:
            self.session.interrupt.press()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.app.watch.PAUSE", 0)


@pytest.fixture
def deployed(shop: Shop) -> Shop:
    assert deploy(shop.session("v1", yes=True), lambda _: True) is Exit.OK
    return shop


def row(host: str, health: str = "healthy", drift: str = "none", service: str = "web.app") -> Row:
    return Row(service, host, "v1", health, "5m", drift)


def test_equal_rows_are_one_and_what_is_not_well_comes_first() -> None:
    rows = [row("a"), row("b", "unhealthy"), row("c"), row("d", drift="1 restarts"), row("e", service="db.x")]
    assert list(standings(rows)) == [
        Standing("web.app", "v1", "unhealthy", "none", ("b",)),
        Standing("web.app", "v1", "healthy", "1 restarts", ("d",)),
        Standing("db.x", "v1", "healthy", "none", ("e",)),
        Standing("web.app", "v1", "healthy", "none", ("a", "c")),
    ]


def test_it_looks_until_it_is_interrupted_and_connects_again(deployed: Shop) -> None:
    session = deployed.session("unknown")
    lost = deployed.fleet.hosts["web-2"]

    def lose() -> None:
        lost.lost = True
        deployed.fleet.unreachable.add("web-2")

    def find() -> None:
        lost.lost = False
        deployed.fleet.unreachable.clear()

    screen = Kept(session, [lose, find])
    assert watch(session, screen) is Exit.OK
    hosts = [picture.standings[0].hosts for picture in screen.pictures]
    assert hosts == [("web-1", "web-2", "web-3"), ("web-1", "web-3"), ("web-1", "web-2", "web-3")]
    assert screen.pictures[0].lines[0].text == "test: 3 hosts, versions: v1"
    assert screen.pictures[1].lines[-1].text.startswith("web-2: ")
    assert not screen.open, "the screen is given back"


def test_a_host_that_hangs_keeps_nobody_waiting(deployed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    session = deployed.session("unknown")
    hangs, go_on = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        hangs.set()
        go_on.wait(30)

    monkeypatch.setattr("fleet.app.watch._look", hang)
    threading.Thread(target=lambda: hangs.wait(10) and session.interrupt.press()).start()
    screen = Kept(session)
    try:
        assert watch(session, screen) is Exit.OK
        assert screen.pictures == []
    finally:
        go_on.set()
