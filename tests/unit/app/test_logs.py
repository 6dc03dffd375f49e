"""The logs of all hosts as one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from fleet.app.connections import Connections
from fleet.app.logs import Wanted, logs
from fleet.errors import Exit, RemoteFailed, Unreachable, UsageError
from fleet.report import events as ev
from fleet.transport.base import ConnectionLost, OnLine, Result, Transport
from tests.support.stub import ended
from tests.unit.app.conftest import Shop


def at(second: int) -> str:
    return f"2026-01-31T10:00:{second:02}.000000000Z"


@pytest.fixture
def written(shop: Shop) -> Shop:
    for number, name in enumerate(("web-1", "web-2", "web-3")):
        lines = [f"{at(second * 3 + number)} 1 GET {second} {name}" for second in range(3)]
        shop.fleet.host(name).sections["script"] = "\n".join(["+ 1 c0ffee web.app", *lines])
    return shop


def told(shop: Shop) -> list[str]:
    return [event.line for event in shop.told.events if isinstance(event, ev.LogLine)]


@pytest.mark.parametrize("follow", [False, True])
def test_lines_of_all_hosts_are_in_the_order_of_time(written: Shop, follow: bool) -> None:
    assert logs(written.session(), Wanted("app", follow)) is Exit.OK
    names = [f"GET {second} web-{number}" for second in range(3) for number in (1, 2, 3)]
    assert told(written) == names
    assert {event.service for event in written.told.events if isinstance(event, ev.LogLine)} == {""}


@pytest.mark.parametrize("wanted", [Wanted(), Wanted("web"), Wanted("app")])
def test_with_several_services_each_line_has_its_own(written: Shop, wanted: Wanted) -> None:
    logs(written.session(json=wanted.service == "app"), wanted)
    assert {event.service for event in written.told.events if isinstance(event, ev.LogLine)} == {"web.app"}


def test_only_lines_that_match(written: Shop) -> None:
    logs(written.session(), Wanted("app", grep=r"^GET [02] \S+-1$"))
    assert told(written) == ["GET 0 web-1", "GET 2 web-1"]


def test_a_host_that_cannot_be_reached_is_told_and_the_others_are_heard(written: Shop) -> None:
    written.fleet.unreachable.add("web-2")
    assert logs(written.session(), Wanted("app")) is Exit.UNREACHABLE
    assert len(told(written)) == 6
    assert written.told.errors == ["web-2: connection refused"]


def test_a_host_that_is_lost_meanwhile(written: Shop) -> None:
    written.fleet.host("web-2").lost = True
    assert logs(written.session(), Wanted("app")) is Exit.FAILED
    assert len(told(written)) == 6
    assert written.told.errors == ["web-2: the connection was lost"]


def test_what_docker_says_is_told_with_its_host(written: Shop) -> None:
    written.fleet.host("web-2").sections["script"] += "\nError 1 response: no reading"
    logs(written.session(), Wanted("app"))
    assert ev.Note("web-2: Error response: no reading", "warning") in written.told.events


def test_no_container_is_said(shop: Shop) -> None:
    assert logs(shop.session(), Wanted("app")) is Exit.OK
    assert ev.Note("no container of app on these hosts", "warning") in shop.told.events


def test_an_interrupt_ends_it(written: Shop) -> None:
    session = written.session()
    session.interrupt.press()
    assert logs(session, Wanted("app", follow=True)) is Exit.INTERRUPTED
    assert told(written) == []


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        (Wanted("ap"), "no service ap, did you mean 'app'"),
        (Wanted("app", grep="("), r"--grep \(: missing"),
    ],
)
def test_what_cannot_be_asked_for(written: Shop, wanted: Wanted, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        logs(written.session(), wanted)


def test_a_service_on_other_hosts(written: Shop) -> None:
    inventory = written.root / "inventories" / "test" / "hosts.yml"
    inventory.write_text(inventory.read_text() + "    api: {hosts: {api-1: }}\n")
    with pytest.raises(UsageError, match="app is on none of these hosts"):
        logs(written.session(limit="api"), Wanted("app"))


@pytest.mark.parametrize(
    ("wanted", "options"),
    [
        (Wanted("app"), "--tail 100"),
        (Wanted("app", follow=True), "--tail 10"),
        (Wanted("app", since=90.0), "--since 90s"),
        (Wanted("app", since=90.0, lines=5), "--since 90s --tail 5"),
        (Wanted("app", since=datetime(2026, 1, 31, 10, tzinfo=UTC)), "--since 2026-01-31T10:00:00.000000Z"),
        (Wanted("app", grep="ERROR"), "grep -aF -e ERROR"),
        (Wanted("app", lines=1, grep="^ERROR"), "--tail 1"),
    ],
)
def test_what_the_hosts_are_asked(written: Shop, wanted: Wanted, options: str) -> None:
    logs(written.session(limit="web-1"), wanted)
    assert options in written.fleet.host("web-1").scripts[-1]
    assert ("grep" in written.fleet.host("web-1").scripts[-1]) == (wanted.grep == "ERROR")


def test_a_connection_that_is_lost_is_made_again_and_no_line_comes_twice(
    written: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.app.logs.AGAIN", 0)
    host = written.fleet.host("web-2")
    real = host.run

    def run(*words: Any, **more: Any) -> Result:
        result = real(*words, **more)
        if len(host.scripts) == 1:
            written.fleet.unreachable.add("web-2")
            raise ConnectionLost("the connection was lost", host="web-2")
        return result

    def again(connections: Connections, name: str) -> Transport:
        if name in written.fleet.unreachable:
            written.fleet.unreachable.clear()
            raise Unreachable("connection refused", host=name)
        return host

    monkeypatch.setattr(host, "run", run)
    monkeypatch.setattr(Connections, "one_more", again)
    assert logs(written.session(), Wanted("app", follow=True)) is Exit.OK
    assert sorted(line for line in told(written) if "web-2" in line) == [f"GET {n} web-2" for n in range(3)]
    notes = [event.text for event in written.told.events if isinstance(event, ev.Note)]
    assert notes == ["web-2: the connection was lost; it is tried again", "web-2: connected again"]
    assert f"--since {at(7)}" in host.scripts[1]


def test_a_host_that_fails_after_it_was_lost(written: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.app.logs.AGAIN", 0)
    host = written.fleet.host("web-2")
    endings = [ConnectionLost("the connection was lost"), RemoteFailed("sudo refused", host="web-2")]

    def run(*words: Any, **more: Any) -> Result:
        raise endings.pop(0)

    monkeypatch.setattr(host, "run", run)
    monkeypatch.setattr(Connections, "one_more", lambda self, name: host)
    assert logs(written.session(), Wanted("app", follow=True)) is Exit.FAILED
    assert written.told.errors == ["web-2: sudo refused"]


def test_docker_that_cannot_be_asked_is_told_in_its_own_words(
    written: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(script: str, *, on_line: OnLine, **more: Any) -> Result:
        on_line("err", "permission denied")
        return ended(1)

    monkeypatch.setattr(written.fleet.host("web-2"), "run", run)
    assert logs(written.session(), Wanted("app")) is Exit.FAILED
    assert written.told.errors == ["web-2: its logs cannot be read\n    permission denied"]
