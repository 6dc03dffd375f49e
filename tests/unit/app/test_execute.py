"""One command on many hosts, and the check of a project without any host."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.app.ending import finished, trouble
from fleet.app.execute import Order, execute
from fleet.app.orders import Asked, order
from fleet.app.session import Session
from fleet.app.terminal import terminal
from fleet.app.validate import validate
from fleet.errors import ConfigError, ConfigErrors, Exit, FleetError, Unreachable, UsageError
from fleet.model.hosts import Host
from fleet.report import events as ev
from tests.unit.app.conftest import Shop


def run(session: Session, script: str = "uname", **more: Any) -> Exit:
    return execute(session, Order(script, script, 5, **more))


def test_every_line_stands_under_its_host(shop: Shop) -> None:
    names = ("web-1", "web-2", "web-3")
    for name in names:
        shop.fleet.host(name).sections["script"] = f"hello\nfrom {name}"
    assert run(shop.session()) is Exit.OK
    lines = {(event.host, event.line) for event in shop.told.events if isinstance(event, ev.Output)}
    assert lines == {(name, line) for name in names for line in ("hello", f"from {name}")}
    assert shop.told.finished.outcome == "done on 3 hosts"


def test_a_host_that_cannot_be_reached_fails_alone(shop: Shop) -> None:
    shop.fleet.unreachable.add("web-2")
    assert run(shop.session()) is Exit.UNREACHABLE
    assert shop.told.finished.outcome == "failed on 1 of 3 hosts"
    assert shop.told.finished.state == ("web-2: connection refused",)
    assert set(shop.fleet.log) == {"web-1", "web-3"}


def test_a_connection_that_is_lost_meanwhile_is_told_with_its_host(shop: Shop) -> None:
    shop.fleet.host("web-1").lost = True
    code = run(shop.session(limit="web-1:web-2"))
    assert code in {Exit.FAILED, Exit.UNREACHABLE}
    assert shop.told.finished.state == ("web-1: the connection was lost",)


def test_an_interrupt_ends_it_as_interrupted(shop: Shop) -> None:
    session = shop.session()
    session.interrupt.press()
    assert run(session) is Exit.INTERRUPTED
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


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("fleet_parallel: -1", "fleet_parallel: -1 is not a number of hosts"),
        ("fleet_lease_seconds: 1", "fleet_lease_seconds: 1 is not a number of seconds"),
        ("fleet_ledger: wbe-1", "'wbe-1' is no host of this environment, did you mean 'web-1'?"),
        ('ansible_ssh_common_args: "\'"', "ansible_ssh_common_args of host 'web-1' cannot be read"),
    ],
)
def test_validate_looks_at_what_only_a_run_needs(shop: Shop, setting: str, expected: str) -> None:
    hosts = shop.root / "inventories" / "test" / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("mode: plain", f"mode: plain, {setting}"))
    with pytest.raises(ConfigError) as caught:
        validate(shop.session("unknown"))
    assert str(caught.value).startswith("inventories/test/hosts.yml:2:")
    assert expected in str(caught.value)


def test_validate_warns_where_nothing_would_be_deployed(shop: Shop) -> None:
    (shop.root / "roles" / "web" / "compose.yml").unlink()
    assert validate(shop.session("unknown")) is Exit.OK
    assert shop.told.lines[0].startswith("warning: these hosts have no role")
    (shop.root / "inventories" / "test" / "hosts.yml").write_text("all: {}\n")
    with pytest.raises(ConfigError, match="this environment has no hosts"):
        validate(shop.session("unknown"))


def test_hosts_that_printed_the_same_are_one_group(shop: Shop) -> None:
    for name, text in (("web-1", "a\nb\nc"), ("web-2", "a\nx\nc"), ("web-3", "a\nb\nc")):
        shop.fleet.host(name).sections["script"] = text
    assert run(shop.session(), group=True) is Exit.OK
    first, second = (event for event in shop.told.events if isinstance(event, ev.Same))
    assert (first.hosts, first.lines, first.differs) == (("web-1", "web-3"), ("a", "b", "c"), ())
    assert second.hosts == ("web-2",)
    assert second.differs == ("@@ -1,3 +1,3 @@", " a", "-b", "+x", " c")
    assert not [event for event in shop.told.events if isinstance(event, ev.Output | ev.CommandEnded)]


def test_in_series_nobody_begins_after_a_failure(shop: Shop) -> None:
    shop.fleet.host("web-2").lost = True
    assert run(shop.session(), serial=1) is Exit.FAILED
    assert shop.told.finished.outcome == "failed on 1 of 3 hosts, not begun on 1"
    assert shop.told.finished.state == (
        "web-2: the connection was lost",
        "web-3: not begun: a host before it failed",
    )
    assert set(shop.fleet.log) == {"web-1"}


def test_the_failed_hosts_can_be_tried_again(shop: Shop) -> None:
    shop.fleet.unreachable.add("web-2")
    run(shop.session())
    shop.fleet.unreachable.clear()
    shop.fleet.log  # noqa: B018 - forgotten
    session = shop.session()
    assert execute(session, order(session, Asked("uname", retry=True), 5)) is Exit.OK
    assert set(shop.fleet.log) == {"web-2"}
    session = shop.session()
    assert execute(session, order(session, Asked("uname", retry=True), 5)) is Exit.OK
    assert shop.told.finished.outcome == "done on 0 hosts"
    assert shop.fleet.log == {}


def test_failed_hosts_that_nobody_knows(shop: Shop) -> None:
    with pytest.raises(UsageError, match="no command was run on test from here"):
        order(shop.session(), Asked("uname", retry=True), 5)
    path = shop.root / ".fleet" / "failed"
    path.mkdir(parents=True)
    (path / "test.json").write_text("{")
    with pytest.raises(FleetError, match="cannot be read"):
        order(shop.session(), Asked("uname", retry=True), 5)


def test_that_they_cannot_be_remembered_is_told(shop: Shop) -> None:
    (shop.root / ".fleet").write_text("")
    assert run(shop.session()) is Exit.OK
    notes = [event.text for event in shop.told.events if isinstance(event, ev.Note)]
    assert notes[0].startswith("--retry-failed will not know of this run")


def test_a_hundred_different_troubles_are_not_told_one_by_one(shop: Shop) -> None:
    hosts = [Host(f"web-{number}") for number in range(1, 101)]
    errors = {host.name: Unreachable(f"10.0.0.{number} refuses") for number, host in enumerate(hosts)}
    text = trouble(errors)
    assert text.splitlines()[-1] == "and 95 more like these"
    assert text.count("refuses") == 5
    finish = finished([host.name for host in hosts], {name: e.what for name, e in errors.items()}, errors, 1)
    assert finish.state == ("web-[1-100]: cannot be reached",)


@pytest.mark.parametrize(
    ("name", "what"),
    [("ap", "no service ap, did you mean 'app'"), ("web.db", "no service web.db"), ("web", "no service")],
)
def test_a_service_that_is_not_there(shop: Shop, name: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        order(shop.session(), Asked("uname", service=name), 5)
    assert caught.value.hint == "services with hosts here: web.app"


def test_a_service_of_two_roles_and_one_on_other_hosts(shop: Shop) -> None:
    inventory = shop.root / "inventories" / "test" / "hosts.yml"
    inventory.write_text(inventory.read_text() + "    api: {hosts: {api-1: }}\n")
    (shop.root / "roles" / "api").mkdir()
    (shop.root / "roles" / "api" / "compose.yml").write_text("services: {app: {image: x}}\n")
    with pytest.raises(UsageError, match="several roles have a service app"):
        order(shop.session(), Asked("uname", service="app"), 5)
    session = shop.session()
    made = order(session, Asked("uname", service="api.app"), 5)
    assert [host.name for host in session.hosts] == ["api-1"]
    assert made.shown == "uname (in api.app)"
    with pytest.raises(UsageError, match=r"api\.app is on none of these hosts"):
        order(shop.session(limit="web"), Asked("uname", service="api.app"), 5)


def test_a_script_that_cannot_be_read(shop: Shop) -> None:
    with pytest.raises(UsageError, match=r"nix\.sh cannot be read"):
        order(shop.session(), Asked(file="nix.sh"), 5)


def test_a_terminal_is_for_one_host_that_answers(shop: Shop) -> None:
    with pytest.raises(UsageError, match=r"a terminal is for one host, not for web-\[1-3\]"):
        terminal(shop.session())
    shop.fleet.unreachable.add("web-2")
    with pytest.raises(Unreachable, match="connection refused"):
        terminal(shop.session(limit="web-2"))
