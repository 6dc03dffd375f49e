"""The tests of roles by hand and as a gate, on a fleet in memory."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from fleet.app.deploy import deploy
from fleet.app.rollback import rollback
from fleet.app.verify import folded, verify
from fleet.errors import Exit, FleetError, UsageError
from fleet.report import events as ev
from tests.unit.app.conftest import COMPOSE, Shop

SICK = """\
def test_well():
    pass


def test_not_on_the_second(fleet):
    assert fleet.host != "web-2", fleet.secret("password")
"""
VARS = """\
def test_what_is_told(fleet):
    import os

    assert fleet.var("colour") == "green of web-1"
    assert fleet.secret("password") == "hunter2-in-clear"
    assert "APP_PASSWORD" not in os.environ
    assert fleet.version == "v1"


def test_what_is_not(fleet):
    for ask, name, why in [
        (fleet.var, "password", "is a secret"),
        (fleet.secret, "colour", "colour is no secret"),
        (fleet.var, "color", "no variable 'color'"),
        (fleet.var, "broken", "'nowhere' is undefined"),
    ]:
        try:
            ask(name)
        except LookupError as error:
            assert why in str(error)
        else:
            raise AssertionError(name)
"""
DEFAULTS = """\
colour: "green of {{ inventory_hostname }}"
password: !secret env:APP_PASSWORD
broken: "{{ nowhere }}"
"""


def write(shop: Shop, tests: str) -> None:
    directory = shop.root / "roles" / "web" / "tests"
    directory.mkdir()
    (directory / "test_web.py").write_text(tests)
    (shop.root / "roles" / "web" / "defaults.yml").write_text(DEFAULTS)


def agree(question: str) -> bool:
    return True


def test_equal_results_are_told_once_and_a_failure_is_exit_1(shop: Shop) -> None:
    write(shop, SICK)
    assert verify(shop.session("")) is Exit.FAILED
    same = [event for event in shop.told.events if isinstance(event, ev.SameTest)]
    assert [(one.test, one.outcome, [*one.hosts]) for one in same] == [
        ("test_well", "passed", ["web-1", "web-2", "web-3"]),
        ("test_not_on_the_second", "passed", ["web-1", "web-3"]),
        ("test_not_on_the_second", "failed", ["web-2"]),
    ]
    (failed,) = (one for one in same if one.outcome == "failed")
    assert failed.at == "roles/web/tests/test_web.py:6"
    assert "hunter2" not in shop.told.text
    assert shop.told.finished.outcome == "failed on 1 of 3 hosts"
    assert shop.told.finished.state == ("web-2: web: 1 of 2 tests failed",)


def test_what_the_tests_are_told_and_what_they_have_to_ask_for(shop: Shop) -> None:
    assert deploy(shop.session(yes=True), agree) is Exit.OK
    write(shop, VARS)
    assert verify(shop.session("", limit="web-1")) is Exit.OK, shop.told.text
    assert shop.told.finished.outcome == "done on 1 host"


LEAKING = "def test_it(): assert not 'the password is hunter2-in-clear'\n"


def test_a_secret_that_a_test_has_read_itself_is_masked(shop: Shop) -> None:
    write(shop, LEAKING)
    assert verify(shop.session("", limit="web-1")) is Exit.FAILED
    assert "the password is ‹secret›" in shop.told.text
    assert "hunter2" not in shop.told.text


def test_without_its_secrets_it_says_that_they_are_not_masked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shop, "def test_it(): pass")
    monkeypatch.delenv("APP_PASSWORD")
    assert verify(shop.session("", limit="web-1")) is Exit.OK
    assert "one that a test prints is not masked" in shop.told.text
    assert "!secret env:APP_PASSWORD: the variable is not set" in shop.told.text


def test_hosts_that_do_not_answer_and_a_ledger_that_is_silent(shop: Shop) -> None:
    write(shop, "def test_it(fleet): assert fleet.version == ''")
    shop.fleet.unreachable.add("web-1")
    assert verify(shop.session("", limit="web-1:web-2")) is Exit.UNREACHABLE
    assert "the tests are not told the version" in shop.told.text
    assert shop.told.finished.state == ("web-1: connection refused",)


def test_a_role_whose_tests_cannot_be_run_is_told_with_its_host(shop: Shop) -> None:
    write(shop, "def check(): pass")
    assert verify(shop.session("", limit="web-2")) is Exit.FAILED
    assert shop.told.finished.state == ("web-2: there is no test in roles/web/tests",)


def test_an_interrupt_ends_it_as_interrupted(shop: Shop) -> None:
    write(shop, SICK)
    session = shop.session("", limit="web-2")
    session.interrupt.press()
    assert verify(session) is Exit.INTERRUPTED


def test_roles_without_tests_are_a_mistake_of_the_command(shop: Shop) -> None:
    with pytest.raises(UsageError, match="no role of these hosts has tests"):
        verify(shop.session(""))


def test_a_library_that_is_missing_is_told_before_a_host_is_asked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shop, SICK)
    found: Any = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "testinfra" else found(name))
    for use in (verify, lambda session: deploy(session, agree)):
        with pytest.raises(FleetError, match="testinfra is not installed here") as caught:
            use(shop.session())
        assert "pip install 'fleet-deploy[verify]'" in caught.value.hint
    assert shop.fleet.log == {}


def test_a_failed_test_is_a_failed_gate_and_the_next_run_asks_again(shop: Shop) -> None:
    (shop.root / "roles" / "web" / "compose.yml").write_text(COMPOSE)
    assert deploy(shop.session("v1", yes=True), agree) is Exit.OK
    write(shop, SICK)
    assert deploy(shop.session("v2", yes=True), agree) is Exit.ROLLED_BACK
    (failed,) = (event for event in shop.told.events if isinstance(event, ev.StepFailed))
    assert (failed.host, failed.step) == ("web-2", "web-2/gate:web.app")
    assert failed.what == "1 of 2 tests failed: test_not_on_the_second"
    assert failed.why.startswith("roles/web/tests/test_web.py:6 test_not_on_the_second: ‹secret›")
    assert failed.bundle
    assert shop.running() == {name: ["v1"] for name in ("web-1", "web-2", "web-3")}

    assert deploy(shop.session("v2", yes=True, on_failure="pause"), agree) is Exit.FAILED
    assert deploy(shop.session("v2", yes=True, on_failure="pause"), agree) is Exit.FAILED
    assert "1 of 2 tests failed" in shop.told.text


def test_going_back_asks_no_tests(shop: Shop) -> None:
    for version in ("v1", "v2"):
        assert deploy(shop.session(version, yes=True), agree) is Exit.OK
    write(shop, SICK)
    assert rollback(shop.session(yes=True), agree, "v1") is Exit.OK


def test_folded_keeps_the_order_of_tests() -> None:
    def result(host: str, test: str, outcome: str, why: str = "") -> ev.Tested:
        return ev.Tested(host, "web", test, "f.py:1", outcome, why, 0.1)

    told = [
        result("b", "one", "passed"),
        result("b", "two", "failed", "x"),
        result("a", "one", "passed"),
        result("a", "two", "failed", "y"),
    ]
    assert [(one.test, one.hosts, one.why) for one in folded(told)] == [
        ("one", ("b", "a"), ""),
        ("two", ("b",), "x"),
        ("two", ("a",), "y"),
    ]
