"""One command on many hosts, and the check of a project without any host."""

from __future__ import annotations

import pytest

from fleet.app.execute import execute
from fleet.app.validate import validate
from fleet.errors import ConfigErrors, Exit
from fleet.report import events as ev
from tests.unit.app.conftest import Shop


def test_every_line_stands_under_its_host(shop: Shop) -> None:
    names = ("web-1", "web-2", "web-3")
    for name in names:
        shop.fleet.host(name).sections["script"] = f"hello\nfrom {name}"
    assert execute(shop.session(), "uname", 5) is Exit.OK
    lines = {(event.host, event.line) for event in shop.told.events if isinstance(event, ev.Output)}
    assert lines == {(name, line) for name in names for line in ("hello", f"from {name}")}
    assert shop.told.finished.outcome == "done on 3 hosts"


def test_a_host_that_cannot_be_reached_fails_alone(shop: Shop) -> None:
    shop.fleet.unreachable.add("web-2")
    assert execute(shop.session(), "uname", 5) is Exit.UNREACHABLE
    assert shop.told.finished.outcome == "failed on 1 of 3 hosts"
    assert shop.told.finished.state == ("web-2: connection refused",)
    assert set(shop.fleet.log) == {"web-1", "web-3"}


def test_a_connection_that_is_lost_meanwhile_is_told_with_its_host(shop: Shop) -> None:
    shop.fleet.host("web-1").lost = True
    code = execute(shop.session(limit="web-1:web-2"), "uname", 5)
    assert code in {Exit.FAILED, Exit.UNREACHABLE}
    assert shop.told.finished.state == ("web-1: the connection was lost",)


def test_an_interrupt_ends_it_as_interrupted(shop: Shop) -> None:
    session = shop.session()
    session.interrupt.press()
    assert execute(session, "uname", 5) is Exit.INTERRUPTED
    assert shop.fleet.log == {}


def test_validate_counts_and_asks_nobody(shop: Shop) -> None:
    assert validate(shop.session("unknown")) is Exit.OK
    assert shop.told.lines[-1].startswith("test is valid: 3 hosts")
    assert shop.fleet.hosts == {}


def test_validate_tells_every_mistake_with_its_place(shop: Shop) -> None:
    compose = shop.root / "roles" / "web" / "compose.yml"
    compose.write_text(compose.read_text().replace("environment:", "enviroment:"))
    with pytest.raises(ConfigErrors) as caught:
        validate(shop.session("unknown"))
    assert "roles/web/compose.yml:4:5" in str(caught.value)
