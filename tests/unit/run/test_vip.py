"""A move in its order: nobody is without the other's help while connections are on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fleet.errors import Fenced, Interrupted, RemoteFailed
from fleet.report import events as ev
from fleet.run.balancers import Balancers
from fleet.run.vip import ENDED_SECONDS, Move, MoveFailed, move
from fleet.secret import Text
from fleet.transport.base import ConnectionLost, Result
from tests.support.clock import Clock
from tests.support.floating import Floating
from tests.support.stub import StubTransport

ADDRESS = "192.0.2.10"
CONTAINERS = {"lb-1": "ucarp-1", "lb-2": "ucarp-2", "lb-3": "ucarp-3"}
MOVE = Move(ADDRESS, "lb-1", "lb-2", CONTAINERS)
CLEARED = ["lb-2 clear", "lb-1 clear"]


@dataclass
class Host(StubTransport):
    floating: Floating | None = None

    def run(self, script: Text, **_: object) -> Result:  # type: ignore[override]
        assert self.floating
        result = self.floating.answer(self.host, str(script))
        assert result, script
        return result


@dataclass
class Stage:
    floating: Floating = field(default_factory=lambda: Floating(ADDRESS, CONTAINERS, {"lb-1"}))
    clock: Clock = field(default_factory=Clock)
    told: list[ev.Event] = field(default_factory=list)

    def move(self, moving: Move = MOVE) -> None:
        transports = {host: Host(host=host, floating=self.floating) for host in CONTAINERS}
        balancers = Balancers((), transports, self.told.append, self.clock)
        move(moving, transports, balancers, self.told.append, self.clock, self.clock)

    @property
    def left(self) -> set[str]:
        return self.floating.kept | self.floating.leading | self.floating.aside


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_address_goes_when_the_way_back_is_there(stage: Stage) -> None:
    stage.floating.begun = [3, 1, 0]
    stage.move()
    assert stage.floating.having == {"lb-2"}
    middle = ["lb-1 keep", "lb-2 lead", "lb-3 give", "lb-1 give", "lb-2 take"]
    after = ["lb-1 rejoin", "lb-3 rejoin"]
    assert stage.floating.changes == [*CLEARED, *middle, *after, *CLEARED]
    waits = [event.need for event in stage.told if isinstance(event, ev.Waiting)]
    assert waits == [f"3 connections to {ADDRESS} to end", f"1 connection to {ADDRESS} to end"]


def test_every_move_has_a_mark_of_its_own(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((1_900_000_000.2, 1_900_000_009.9))
    monkeypatch.setattr("fleet.run.vip.time.time", lambda: next(times))
    stage.move()
    stage.move(Move(ADDRESS, "lb-2", "lb-1", CONTAINERS))
    assert stage.floating.numbers == ["number=1900000000", "number=1900000009"]


def test_what_does_not_end_is_told_and_cut(stage: Stage) -> None:
    stage.floating.begun = [2] * 1000
    stage.move()
    assert stage.clock.now >= ENDED_SECONDS
    (note,) = (event.text for event in stage.told if isinstance(event, ev.Note))
    assert "lb-1: 2 connections" in note
    assert not stage.left


@pytest.mark.parametrize(
    ("having", "words"),
    [(set(), "no host has"), ({"lb-1", "lb-3"}, "lb-1 and lb-3 have"), ({"lb-3"}, "is on lb-3, not on lb-1")],
)
def test_it_is_on_exactly_one_host_or_nothing_is_done(stage: Stage, having: set[str], words: str) -> None:
    stage.floating.having = having
    with pytest.raises(MoveFailed, match=words):
        stage.move()
    assert stage.floating.changes == []


def test_a_host_whose_ucarp_does_not_run_gets_nothing(stage: Stage) -> None:
    stage.floating.broken["lb-2 ready"] = "ucarp does not run there"
    with pytest.raises(RemoteFailed, match="take the address") as caught:
        stage.move()
    assert caught.value.host == "lb-2"
    assert "ucarp does not run there" in caught.value.why
    assert stage.floating.changes == []


@pytest.mark.parametrize("step", ["lb-1 keep", "lb-2 lead", "lb-3 give"])
def test_what_fails_before_the_address_goes_leaves_it_where_it_was(stage: Stage, step: str) -> None:
    stage.floating.broken[step] = "no"
    with pytest.raises(RemoteFailed):
        stage.move()
    assert stage.floating.having == {"lb-1"}
    assert not stage.left


@pytest.mark.parametrize("step", ["lb-2 take", "lb-1 begun", "lb-2 elected"])
def test_a_connection_lost_later_leaves_no_rule_where_one_can_go(stage: Stage, step: str) -> None:
    stage.floating.broken[step] = ConnectionLost("the connection is gone", host=step[:4])
    with pytest.raises(ConnectionLost):
        stage.move()
    assert not stage.left


def test_both_hosts_are_cleared_up_though_one_cannot_be(stage: Stage) -> None:
    def lose(done: str) -> None:
        if done == "lb-2 take":
            stage.floating.broken["lb-2 clear"] = ConnectionLost("the connection is gone", host="lb-2")

    stage.floating.then = lose
    with pytest.raises(ConnectionLost):
        stage.move()
    assert stage.left == {"lb-2"}


def test_a_lost_lease_is_what_is_told(stage: Stage) -> None:
    stage.floating.broken["lb-1 give"] = Fenced("the lease is not ours any more")
    with pytest.raises(Fenced):
        stage.move()


def test_an_interrupt_before_the_address_goes_changes_nothing(stage: Stage) -> None:
    stage.floating.then = lambda done: stage.clock.set() if done == "lb-2 lead" else None
    with pytest.raises(Interrupted):
        stage.move()
    assert stage.floating.having == {"lb-1"}
    assert not stage.left


def test_ucarp_gets_its_time_and_not_for_ever(stage: Stage) -> None:
    stage.floating.late = 5
    stage.move()
    stage.floating.deaf = True
    with pytest.raises(MoveFailed, match="ucarp on lb-1 does not take"):
        stage.move(Move(ADDRESS, "lb-2", "lb-1", CONTAINERS))
    assert not stage.left
    assert stage.floating.having == set(), "nobody would take it off again"


def test_an_address_that_went_elsewhere_is_told(stage: Stage) -> None:
    def away(done: str) -> None:
        if done == "lb-2 elected":
            stage.floating.having = {"lb-3"}

    stage.floating.then = away
    with pytest.raises(MoveFailed, match="is on lb-3 now"):
        stage.move()
