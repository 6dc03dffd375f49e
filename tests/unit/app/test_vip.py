"""Who has the virtual address, and its move, with the lease and over hosts in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fleet.app.locks import lock
from fleet.app.vip import vip
from fleet.errors import Exit, Locked, UsageError
from fleet.report import events as ev
from fleet.transport.base import Result
from tests.support.floating import Floating
from tests.support.memory import FENCE, FENCE_END, MemoryHost
from tests.unit.app.conftest import Shop

ADDRESS = "192.0.2.10"
HOSTS = """\
all:
  vars: {fleet_project: shop, mode: plain}
  children:
    web: {hosts: {web-1: }}
    lb: {hosts: {lb-1: , lb-2: }}
"""
LB = f"""\
services:
  ucarp:
    image: "registry.example:5000/ucarp:1.5"
    network_mode: host
    x-fleet: {{virtual_address: {{address: {ADDRESS}}}}}
"""


def never(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


@pytest.fixture
def floating(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Floating:
    (shop.root / "inventories" / "test" / "hosts.yml").write_text(HOSTS)
    (shop.root / "roles" / "lb").mkdir()
    (shop.root / "roles" / "lb" / "compose.yml").write_text(LB)
    monkeypatch.setattr("fleet.run.vip.SETTLED_SECONDS", 0.01)
    name = "shop-test-lb-ucarp-1"
    made = Floating(ADDRESS, {"lb-1": name, "lb-2": name}, {"lb-1"})
    for host in ("lb-1", "lb-2"):
        _answering(shop.fleet.host(host), made)
    return made


def _answering(host: MemoryHost, floating: Floating) -> None:
    """The host carries out the scripts of a move, and whatever else it did before."""
    before: Callable[..., Result] = host.run

    def run(script: Any, **given: Any) -> Result:
        text = host.keyring.reveal(script)
        fence, _, rest = text.partition(FENCE_END) if text.startswith(FENCE) else ("", "", text)
        if (answer := floating.answer(host.host, rest)) is None:
            return before(script, **given)
        refused = before(fence + FENCE_END, **given) if fence else None
        return refused if refused and refused.rc else answer

    host.run = run  # type: ignore[method-assign]


def notes(shop: Shop) -> list[str]:
    return [event.text for event in shop.told.events if isinstance(event, ev.Note)]


def test_who_has_it_is_shown(shop: Shop, floating: Floating) -> None:
    assert vip(shop.session(), never, "") is Exit.OK
    assert shop.told.rows == [(ADDRESS, "lb-1", "yes"), (ADDRESS, "lb-2", "no")]
    vip(shop.session(json=True), never, "")
    assert [(one["host"], one["holds"]) for one in shop.told.records] == [("lb-1", True), ("lb-2", False)]
    assert floating.changes == []


@pytest.mark.parametrize(
    ("having", "words"),
    [(set(), f"no host has {ADDRESS}"), ({"lb-1", "lb-2"}, f"lb-1 and lb-2 have {ADDRESS}")],
)
def test_an_address_that_is_not_on_one_host_is_an_error_that_says_what_to_do(
    shop: Shop, floating: Floating, having: set[str], words: str
) -> None:
    floating.having = having
    assert vip(shop.session(), never, "") is Exit.FAILED
    (error,) = shop.told.errors
    assert words in error
    assert "→" in error


def test_a_host_that_does_not_answer_is_not_taken_for_one_without_it(shop: Shop, floating: Floating) -> None:
    shop.fleet.unreachable.add("lb-2")
    assert vip(shop.session(), never, "") is Exit.UNREACHABLE
    assert (ADDRESS, "lb-2", "not known") in shop.told.rows


def test_it_is_moved_under_the_lease(shop: Shop, floating: Floating) -> None:
    asked: list[str] = []
    assert vip(shop.session(), lambda text: not asked.append(text), "lb-2") is Exit.OK
    assert asked == [f"Move {ADDRESS} of test from lb-1 to lb-2?"]
    assert floating.having == {"lb-2"}
    assert notes(shop)[-1] == f"{ADDRESS} is on lb-2"
    lock(shop.session(), "the fair")
    with pytest.raises(Locked):
        vip(shop.session(yes=True), never, "lb-1")
    assert floating.having == {"lb-2"}


def test_a_no_and_a_move_to_where_it_is_change_nothing(shop: Shop, floating: Floating) -> None:
    assert vip(shop.session(), lambda text: False, "lb-2") is Exit.FAILED
    assert vip(shop.session(), never, "lb-1") is Exit.OK
    assert notes(shop)[-1] == f"{ADDRESS} is on lb-1 already"
    assert floating.changes == []


def test_the_other_host_has_to_answer(shop: Shop, floating: Floating) -> None:
    shop.fleet.unreachable.add("lb-1")
    with pytest.raises(Exception, match="1 host cannot be used"):
        vip(shop.session(yes=True), never, "lb-2")
    assert floating.changes == []


@pytest.mark.parametrize("target", ["web-1", "lb-3"])
def test_a_host_without_a_part_in_it_is_refused_by_name(shop: Shop, floating: Floating, target: str) -> None:
    with pytest.raises(UsageError, match=f"{target} has no part"):
        vip(shop.session(yes=True), never, target)


def test_an_environment_without_one_says_how_to_have_one(shop: Shop) -> None:
    with pytest.raises(UsageError, match="no service in test has a virtual address"):
        vip(shop.session(), never, "")
