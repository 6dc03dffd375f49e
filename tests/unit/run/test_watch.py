"""A watch with a clock that the test moves: balancers that count, measures that come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from fleet.errors import Fenced, FleetError, Interrupted, Unreachable
from fleet.health.compare import Outcome, Verdict
from fleet.model.balancing import BalancerView, Server, ServerView
from fleet.model.watch import HttpValue, LogRate, Measure, WatchCommand, WatchSpec
from fleet.report import events as ev
from fleet.run.watch import TRIES, Watched, watch
from fleet.transport.base import ConnectionLost, Result
from tests.support.stub import StubTransport, ended

OLD, NEW = Server("lb", "shop", "web-1-blue"), Server("lb", "shop", "web-1-green")
PANICS = LogRate("panics", "panic", most=2)


@dataclass
class Scene:
    """Each second both versions answer ``rate`` requests; ``bad`` percent of the new one's are errors."""

    rate: int = 50
    bad: int = 0
    measures: tuple[Measure, ...] = ()
    window: float = 60
    containers: tuple[tuple[str, str], ...] = ()
    hosts: dict[str, StubTransport] = field(default_factory=dict)
    on_look: Callable[[], None] = lambda: None
    on_wait: Callable[[], None] = lambda: None
    now: float = 1000.0
    looks: int = 0
    cancel: threading.Event = field(default_factory=threading.Event)
    told: list[ev.Compared] = field(default_factory=list)

    def look(self) -> Mapping[str, BalancerView]:
        self.looks += 1
        self.on_look()
        count = int(self.rate * (self.now - 900))
        return {
            "lb-1": BalancerView({
                str(OLD): ServerView(up=True, requests=count, response_ms=12),
                str(NEW): ServerView(up=True, requests=count, errors_5xx=count * self.bad // 100),
            })
        }  # fmt: skip

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.on_wait()

    def emit(self, event: ev.Event) -> None:
        assert isinstance(event, ev.Compared)
        self.told.append(event)

    def run(self) -> Verdict:
        spec = WatchSpec(window=self.window, requests=100, measures=self.measures)
        watched = Watched("web.app", "v41", "v42", (OLD,), (NEW,), self.containers)
        return watch(
            spec, watched, self.look, self.hosts, self.emit, self.cancel, lambda: self.now, self.wait
        )  # fmt: skip

    @property
    def seconds(self) -> float:
        return self.now - 1000


def test_a_good_version_is_watched_for_the_whole_window() -> None:
    scene = Scene()
    verdict = scene.run()
    assert (verdict.outcome, verdict.reasons) == (Outcome.PASS, ())
    assert scene.seconds == 60
    assert [one.seconds for one in scene.told] == [2.0 * number for number in range(1, 31)]
    assert [one.seconds_left for one in scene.told][-3:] == [4, 2, 0]
    last = scene.told[-1]
    assert (last.service, last.old, last.new) == ("web.app", "v41", "v42")
    assert last.rows[:2] == (
        ("requests", "3,000", "3,000", "≥100", ""),
        ("errors", "0.00 %", "0.00 %", "≤1.00 %", "ok"),
    )


def test_a_short_window_is_looked_at_ten_times() -> None:
    scene = Scene(window=5)
    assert scene.run().outcome is Outcome.PASS
    assert len(scene.told) == pytest.approx(10, abs=1)


def test_a_broken_version_is_stopped_early() -> None:
    scene = Scene(bad=60)
    verdict = scene.run()
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons == (
        "errors: 60.00 % of 100 requests, of the old version 0.00 %; at most 1.00 % is allowed",
    )
    assert scene.seconds == 2
    assert scene.told[-1].seconds_left == 0
    assert scene.told[-1].rows[1][4] == "no"


def test_a_version_a_little_worse_fails_when_no_good_end_is_left() -> None:
    scene = Scene(bad=2)
    assert scene.run().outcome is Outcome.FAIL
    assert 30 <= scene.seconds < 40


def test_too_few_requests() -> None:
    scene = Scene(rate=1)
    assert scene.run().outcome is Outcome.TOO_LITTLE


def test_no_balancer_at_all() -> None:
    scene = Scene()
    scene.look = dict  # type: ignore[method-assign]
    verdict = scene.run()
    assert verdict.outcome is Outcome.TOO_LITTLE


def failing(scene: Scene, looks: Iterable[int], error: FleetError) -> None:
    wanted = set(looks)

    def fail() -> None:
        if scene.looks in wanted:
            raise error

    scene.on_look = fail


def test_balancers_that_do_not_answer_for_a_moment() -> None:
    scene = Scene()
    failing(scene, [1, 2, 10, 11, 32, 33], Unreachable("no route"))
    assert scene.run().outcome is Outcome.PASS
    assert scene.seconds == 64


@pytest.mark.parametrize("first", [1, 7])
def test_balancers_that_do_not_answer_any_more(first: int) -> None:
    scene = Scene()
    failing(scene, range(first, 100), Unreachable("no route"))
    with pytest.raises(Unreachable, match="no route"):
        scene.run()
    assert scene.looks == first + TRIES - 1


def test_who_lost_the_lease_looks_no_further() -> None:
    scene = Scene()
    failing(scene, [5], Fenced("lost"))
    with pytest.raises(Fenced):
        scene.run()
    assert scene.looks == 5


def test_interrupted() -> None:
    scene = Scene()

    def press() -> None:
        if scene.seconds >= 10:
            scene.cancel.set()

    scene.on_wait = press
    with pytest.raises(Interrupted):
        scene.run()
    assert scene.seconds == 10


def test_the_watch_itself_waits_and_is_woken() -> None:
    scene = Scene()
    watched = Watched("web.app", "v41", "v42", (OLD,), (NEW,))
    threading.Timer(0.05, scene.cancel.set).start()
    with pytest.raises(Interrupted):
        watch(WatchSpec(window=600), watched, scene.look, {}, scene.emit, scene.cancel)
    assert scene.looks == 1


def test_a_measure_fails_after_three_tries_in_a_row() -> None:
    unread = HttpValue("queue", "http://127.0.0.1:1/", "length")
    scene = Scene(measures=(unread, WatchCommand("smoke test", ("true",))))
    verdict = scene.run()
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reasons == ("queue: 127.0.0.1:1: Connection refused",)
    assert scene.seconds == 2 * TRIES
    assert [row for row in scene.told[0].rows if row[0] == "queue"] == [("queue", "", "", "", "")]
    assert scene.told[-1].rows[-2:] == (("queue", "", "?", "", "no"), ("smoke test", "", "good", "", "ok"))


def test_a_command_that_fails_now_and_then_is_good(tmp_path: object) -> None:
    count = f"{tmp_path}/count"
    now_and_then = f"echo >>{count}; [ $(($(wc -l <{count}) % 3)) -eq 0 ]"
    scene = Scene(measures=(WatchCommand("smoke test", ("sh", "-c", now_and_then)),))
    assert scene.run().outcome is Outcome.PASS


def counting(answers: Iterable[Result | Exception]) -> StubTransport:
    return StubTransport([((), answer) for answer in answers])


def test_lines_are_told_by_minute_and_container() -> None:
    hosts = {"web-1": counting([ended(0, "1\n2\n")] * 10), "web-2": counting([ended(0, "3\n")] * 10)}
    scene = Scene(
        measures=(PANICS,), hosts=hosts, containers=(("web-1", "a"), ("web-1", "b"), ("web-2", "c"))
    )
    assert scene.run().outcome is Outcome.PASS
    assert scene.told[-1].rows[-1] == ("panics", "", "2", "≤2/min", "ok")
    # Every six seconds of a minute, and in the end.
    assert len(hosts["web-1"].scripts) == 10
    assert "--since 60.000s a" in str(hosts["web-1"].scripts[-1])
    assert "a" not in str(hosts["web-2"].scripts[-1]).split()


def test_too_many_lines_are_too_many_at_once() -> None:
    scene = Scene(
        measures=(PANICS,), hosts={"web-1": counting([ended(0, "3\n")])}, containers=(("web-1", "a"),)
    )
    assert scene.run().reasons == ("panics: 3, wanted ≤2/min",)
    assert scene.seconds == 6


def test_a_host_whose_logs_cannot_be_read() -> None:
    lost = ConnectionLost("the connection was lost")
    hosts = {"web-1": counting([ended(0, "0\n"), lost, lost, ended(0, "0\n"), lost, lost, lost])}
    scene = Scene(measures=(PANICS,), hosts=hosts, containers=(("web-1", "a"),))
    assert scene.run().reasons == ("panics: the connection was lost",)
    assert scene.seconds == 42


def test_no_container_has_no_log() -> None:
    scene = Scene(measures=(PANICS,))
    assert scene.run().reasons == ("panics: there is no container whose log could be read",)


def test_what_begins_within_the_window_is_not_the_end() -> None:
    """Reading took its time: lines of the last seconds would not have been counted."""
    hosts = {"web-1": counting([ended(0, "0\n")] * 20)}
    scene = Scene(measures=(PANICS,), hosts=hosts, containers=(("web-1", "a"),))
    slow = iter([False] * 27 + [True] + [False] * 10)

    def look() -> None:
        scene.now += 5 if next(slow) else 0

    scene.on_look = look
    scene.run()
    assert [one.seconds_left for one in scene.told].count(0) == 1
    assert scene.told[-1].seconds >= 60
    assert "--since 6" in str(hosts["web-1"].scripts[-1])
