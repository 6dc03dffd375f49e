"""Requests led around a host: real scripts on the balancers' hosts, HAProxy in memory at their sockets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fleet.errors import Fenced, FleetError, Interrupted
from fleet.model.balancing import Balancer, BalancerHost, Server
from fleet.plan.tree import Admit, Drain
from fleet.report import events as ev
from fleet.run.balancers import ASK_SECONDS, BACK_SECONDS, HANGING_SECONDS, Balancers, TrafficFailed
from fleet.run.page import page
from fleet.run.traffic import GOOD_SECONDS, Traffic
from fleet.transport.asking import too_slow
from fleet.transport.base import ConnectionLost, Transport
from fleet.transport.fake import FakeTransport
from tests.support.clock import Clock
from tests.support.directed import Directed
from tests.support.directed import Server as Seen
from tests.support.haproxy import DRAIN, MAINT

WEB = Server("lb", "app", "web-1")
SOCKET = "/run/haproxy/admin.sock"


@dataclass
class Field:
    """Two balancers that both know two servers. ``notes``: what the operator was told."""

    root: Path
    clock: Clock = field(default_factory=Clock)
    notes: list[ev.Note] = field(default_factory=list)
    lbs: dict[str, Directed] = field(default_factory=dict)
    hosts: dict[str, FakeTransport] = field(default_factory=dict)
    balancers: list[BalancerHost] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("lb-1", "lb-2"):
            lb = Directed(Seen("web-1"), Seen("web-2"), maps=("/etc/other.map", f"/run/haproxy/{name}.map"))
            self.lbs[name], self.hosts[name] = lb, FakeTransport(name, self.root)
            self.hosts[name].sockets[SOCKET] = lb.ask
            told = Balancer(
                "haproxy", SOCKET, state=f"{self.root}/{name}.state", maintenance=f"{self.root}/{name}.map"
            )
            self.balancers.append(BalancerHost(name, "lb", "lb.haproxy", told))

    def traffic(self, *, insist: bool = False, **others: Transport) -> Traffic:
        transports = {**self.hosts, **{name.replace("_", "-"): one for name, one in others.items()}}
        return Traffic(
            Balancers(self.balancers, transports, self._told, self.clock, insist=insist, clock=self.clock)
        )

    def _told(self, event: ev.Event) -> None:
        assert isinstance(event, ev.Note)
        self.notes.append(event)

    @property
    def both(self) -> Iterator[Seen]:
        return (lb["web-1"] for lb in self.lbs.values())

    @property
    def texts(self) -> list[str]:
        return [note.text for note in self.notes]


@pytest.fixture
def there(tmp_path: Path) -> Field:
    return Field(tmp_path)


def drain(timeout: float = 30, *, empty: bool = False) -> Drain:
    return Drain("web-1", "web.app", WEB, timeout, empty)


def admit(weight: int = 100, slow_start: float = 0) -> Admit:
    return Admit("web-1", "web.app", WEB, weight, slow_start)


class TestDrain:
    def test_every_balancer_is_told_once_and_the_other_servers_serve_on(self, there: Field) -> None:
        there.traffic().drain(drain())
        assert [lb.told for lb in there.lbs.values()] == [["app/web-1 state drain"]] * 2
        assert [lb.serving for lb in there.lbs.values()] == [{"web-2": 100}] * 2
        assert there.notes == []

    def test_it_ends_when_no_session_was_seen_twice(self, there: Field) -> None:
        # One that was between the balancer's choice and its count shows up late.
        there.lbs["lb-2"]["web-1"].left = [0, 0, 2, 0, 1, 0]
        there.traffic().drain(drain())
        assert there.lbs["lb-2"]["web-1"].left == [0]
        assert there.lbs["lb-2"].looks >= 6
        assert there.notes == []

    def test_after_its_time_it_tells_what_is_left_and_where(self, there: Field) -> None:
        there.lbs["lb-1"]["web-1"].left = [3]
        there.lbs["lb-2"]["web-1"].left = [1]
        there.traffic().drain(drain(5))
        (note,) = there.notes
        assert note.level == "warning"
        assert "web-1: 4 sessions of app/web-1 did not end within 5 s" in note.text
        assert "3 through lb-1, 1 through lb-2" in note.text
        assert 5 < there.clock.now < 6

    def test_one_session_is_one(self, there: Field) -> None:
        there.lbs["lb-1"]["web-1"].left = [1]
        there.traffic().drain(drain(1))
        assert "1 session of app/web-1 did not end within 1 s (1 through lb-1)" in there.texts[0]

    def test_an_empty_server_is_not_waited_for(self, there: Field) -> None:
        for server in there.both:
            server.left = [7]
        there.traffic().drain(drain(0, empty=True))
        assert not any(server.serves for server in there.both)
        assert there.clock.now < 1
        assert there.notes == []

    def test_what_was_told_is_saved_for_the_next_process(self, there: Field) -> None:
        there.traffic().drain(drain())
        for name, lb in there.lbs.items():
            assert (there.root / f"{name}.state").read_text() == lb.admin("show servers state")
            assert f" web-1 127.0.0.1 2 {DRAIN} 100 " in (there.root / f"{name}.state").read_text()
        assert not list(there.root.glob("*.new"))

    def test_out_of_maintenance_it_comes_drained(self, there: Field) -> None:
        for server in there.both:
            server.put(MAINT)
        there.traffic().drain(drain())
        assert [server.admin for server in there.both] == [DRAIN, DRAIN]

    def test_a_balancer_that_does_not_know_the_server_is_told_nothing(self, there: Field) -> None:
        there.lbs["lb-2"].forget("web-1")
        there.traffic().drain(drain())
        assert there.lbs["lb-2"].told == []
        assert not there.lbs["lb-1"]["web-1"].serves
        assert there.notes == []

    def test_what_no_balancer_knows_gets_no_requests(self, there: Field) -> None:
        """It is gone from their configuration."""
        for lb in there.lbs.values():
            lb.forget("web-1")
        there.traffic().drain(drain())
        assert there.notes == []
        assert there.clock.now == 0

    def test_but_it_cannot_be_given_any(self, there: Field) -> None:
        for lb in there.lbs.values():
            lb.forget("web-1")
        with pytest.raises(TrafficFailed, match="no balancer of lb knows app/web-1") as caught:
            there.traffic().admit(admit())
        assert "lb-1, lb-2 answered" in caught.value.why
        assert "--roles lb" in caught.value.hint

    def test_a_refusal_says_who_and_why(self, there: Field) -> None:
        there.lbs["lb-2"].user = True
        with pytest.raises(TrafficFailed, match="the balancer on lb-2 refuses") as caught:
            there.traffic().drain(drain())
        assert caught.value.why == "Permission denied"
        assert "level admin" in caught.value.hint

    @pytest.mark.parametrize("sessions", [0, 3])
    def test_one_that_says_yes_and_does_not_drain_is_not_asked_for_ever(
        self, there: Field, sessions: int
    ) -> None:
        heard = there.lbs["lb-2"].ask
        there.lbs["lb-2"]["web-1"].left = [sessions]
        there.hosts["lb-2"].sockets[SOCKET] = lambda request: "\n" if "set " in request else heard(request)
        with pytest.raises(
            TrafficFailed, match="lb-2 was told to send no more requests to app/web-1"
        ) as caught:
            there.traffic().drain(drain(5))
        assert "drained: False" in caught.value.why
        assert GOOD_SECONDS < there.clock.now < GOOD_SECONDS + 2

    def test_an_interrupt_ends_it(self, there: Field) -> None:
        there.lbs["lb-1"]["web-1"].left = [1]
        there.clock.due[1] = there.clock.set
        with pytest.raises(Interrupted) as caught:
            there.traffic().drain(drain())
        assert caught.value.host == "web-1"


class TestBalancersThatDie:
    def test_one_that_is_dead_is_told_of_once_and_left_aside(self, there: Field) -> None:
        there.lbs["lb-1"].gone = -1
        traffic = there.traffic()
        traffic.drain(drain())
        traffic.admit(admit())
        (note,) = there.notes
        assert note.level == "warning"
        assert "the balancer on lb-1 does not answer" in note.text
        assert there.lbs["lb-2"].told[0] == "app/web-1 state drain"

    def test_it_gets_time_to_come_back_in_but_only_once(self, there: Field) -> None:
        there.lbs["lb-1"].gone = -1
        traffic = there.traffic()
        traffic.drain(drain())
        took = there.clock.now
        assert BACK_SECONDS < took < BACK_SECONDS + 3
        traffic.drain(drain())
        assert there.clock.now - took < 3

    def test_one_that_just_starts_again_is_waited_for_without_a_word(self, there: Field) -> None:
        there.lbs["lb-1"].gone = 3
        there.traffic().drain(drain())
        assert there.notes == []
        assert not any(server.serves for server in there.both)

    def test_one_that_dies_in_the_middle_does_not_hold_the_rest(self, there: Field) -> None:
        for server in there.both:
            server.left = [5, 5, 5, 5, 5, 5, 0]
        there.clock.due[0.5] = lambda: setattr(there.lbs["lb-1"], "gone", -1)
        there.traffic().drain(drain(20))
        assert len(there.notes) == 1
        assert not there.lbs["lb-2"]["web-1"].serves

    def test_one_that_comes_back_without_its_drain_is_told_again(self, there: Field) -> None:
        there.lbs["lb-2"]["web-1"].left = [5] * 90 + [0]
        first = there.lbs["lb-1"]
        there.clock.due[0.5] = lambda: setattr(first, "gone", -1)

        def back() -> None:
            first.gone = 0
            first["web-1"].begin()

        there.clock.due[14] = back
        there.traffic().drain(drain(60))
        assert first.told == ["app/web-1 state drain"] * 2
        assert not first["web-1"].serves
        assert there.texts[1:] == ["the balancer on lb-1 answers again"]

    def test_all_dead_is_an_error(self, there: Field) -> None:
        for lb in there.lbs.values():
            lb.gone = -1
        for act in (lambda: there.traffic().drain(drain()), lambda: there.traffic().admit(admit())):
            with pytest.raises(TrafficFailed, match="no balancer of lb answers") as caught:
                act()
            assert "lb-1: the socket cannot be opened" in caught.value.why
            assert "lb-2: the socket cannot be opened" in caught.value.why
            assert "--allow-downtime" in caught.value.hint

    def test_unless_the_operator_insists(self, there: Field) -> None:
        for lb in there.lbs.values():
            lb.gone = -1
        traffic = there.traffic(insist=True)
        traffic.drain(drain())
        traffic.admit(admit())
        assert len(there.notes) == 2

    def test_a_host_without_a_connection_is_as_one_that_is_dead(self, there: Field) -> None:
        del there.hosts["lb-2"]
        there.traffic().drain(drain())
        assert there.texts == [
            "the balancer on lb-2 does not answer (there is no connection to it): going on without it"
        ]

    def test_one_that_answers_without_sense_is_there(self, there: Field) -> None:
        there.hosts["lb-2"].sockets[SOCKET] = lambda request: "<html>\n"
        with pytest.raises(TrafficFailed, match="lb-2 cannot be told of app/web-1") as caught:
            there.traffic().drain(drain())
        assert "its answer makes no sense" in caught.value.why

    def test_an_answer_that_breaks_off_once_is_asked_for_again(self, there: Field) -> None:
        heard, broken = there.lbs["lb-2"].ask, [True]
        there.hosts["lb-2"].sockets[SOCKET] = lambda request: heard(request)[
            : 60 if broken and broken.pop() else None
        ]
        there.traffic().drain(drain())
        assert there.notes == []
        assert not any(server.serves for server in there.both)

    def test_who_was_left_aside_is_known_afterwards(self, there: Field) -> None:
        first = there.lbs["lb-1"]
        first.gone = -1
        traffic = there.traffic()
        assert traffic.balancers.lost == {}
        traffic.drain(drain())
        assert traffic.balancers.lost == {"lb-1": "the socket cannot be opened"}
        first.gone = 0
        there.clock.now += 60
        traffic.admit(admit())
        assert traffic.balancers.lost == {"lb-1": "the socket cannot be opened"}, "it has missed the drain"

    def test_balancers_of_another_role_are_no_business_of_ours(self, there: Field) -> None:
        there.balancers[1] = replace(there.balancers[1], role="other")
        there.traffic().drain(drain())
        assert there.lbs["lb-2"].told == []
        assert set(there.traffic().balancers.views("lb")) == {"lb-1"}


class Busy(FakeTransport):
    """A balancer that answers ``slow`` questions too late."""

    def __init__(self, there: Field, slow: int) -> None:
        super().__init__("lb-2", there.root)
        self.slow, self.clock = slow, there.clock
        self.sockets[SOCKET] = there.lbs["lb-2"].ask

    def ask(self, socket: str, request: str, *, timeout: float) -> str:
        if self.slow:
            self.slow -= 1
            self.clock.now += timeout
            raise too_slow(socket, timeout, self.host)
        return super().ask(socket, request, timeout=timeout)


class TestBalancersThatHang:
    """They are there, and go on sending requests."""

    def test_one_that_is_busy_for_a_moment_is_asked_again(self, there: Field) -> None:
        there.traffic(lb_2=Busy(there, 1)).drain(drain())
        assert not any(server.serves for server in there.both)
        assert there.notes == []

    def test_nothing_is_taken_from_under_one_that_stays_silent(self, there: Field) -> None:
        traffic = there.traffic(lb_2=Busy(there, 10_000))
        for empty in (False, True):
            with pytest.raises(TrafficFailed, match="lb-2 cannot be told of app/web-1") as caught:
                traffic.drain(drain(empty=empty))
            assert "has not answered to its end" in caught.value.why
            assert "--allow-downtime" in caught.value.hint
        assert there.clock.now < BACK_SECONDS + 2 * ASK_SECONDS, "not asked again so soon"
        assert len(there.notes) == 1
        assert "without it" not in there.texts[0]

    def test_unless_the_operator_insists(self, there: Field) -> None:
        there.traffic(insist=True, lb_2=Busy(there, 10_000)).drain(drain())
        assert not there.lbs["lb-1"]["web-1"].serves
        assert "going on without it" in there.texts[0]

    def test_later_it_is_asked_again(self, there: Field) -> None:
        busy = Busy(there, 10_000)
        traffic = there.traffic(lb_2=busy)
        with pytest.raises(TrafficFailed):
            traffic.drain(drain())
        busy.slow = 0
        there.clock.now += HANGING_SECONDS
        traffic.drain(drain())
        assert not any(server.serves for server in there.both)

    def test_what_others_serve_already_may_be_admitted(self, there: Field) -> None:
        for server in there.both:
            server.put(DRAIN)
        there.traffic(lb_2=Busy(there, 10_000)).admit(admit())
        assert there.lbs["lb-1"].serving["web-1"] == 100
        assert "web-1" not in there.lbs["lb-2"].serving


class Cut(FakeTransport):
    def ask(self, socket: str, request: str, *, timeout: float) -> str:
        raise ConnectionLost("the connection was lost", host=self.host)


class TestLostConnections:
    def leading(self, there: Field, again: Callable[[str], Transport | None]) -> Traffic:
        transports = {**there.hosts, "lb-2": Cut("lb-2", there.root)}
        return Traffic(
            Balancers(there.balancers, transports, there._told, there.clock, again=again, clock=there.clock)
        )

    def test_it_is_connected_to_once_more_for_all(self, there: Field) -> None:
        asked: list[str] = []

        def again(host: str) -> Transport:
            asked.append(host)
            return there.hosts[host]

        traffic = self.leading(there, again)
        nodes = [Drain(name, "web.app", Server("lb", "app", name), 5) for name in ("web-1", "web-2")]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(traffic.drain, nodes))
        assert asked == ["lb-2"]
        assert there.lbs["lb-2"].serving == {}
        assert there.notes == []
        assert traffic.balancers.lost == {}

    def test_where_that_fails_it_is_left_aside(self, there: Field) -> None:
        traffic = self.leading(there, lambda host: None)
        traffic.drain(drain())
        assert not there.lbs["lb-1"]["web-1"].serves
        assert there.texts == [
            "the balancer on lb-2 does not answer (the connection was lost): going on without it"
        ]

    def test_one_that_is_lost_again_at_once_is_left_aside(self, there: Field) -> None:
        self.leading(there, lambda host: Cut(host, there.root)).drain(drain())
        assert len(there.notes) == 1


class TestManyHostsAtOnce:
    """Of one balancer a hundred kilometres away."""

    HOSTS = 40

    def drained(self, there: Field, seconds: float) -> tuple[Directed, list[ev.Note]]:
        names = [f"web-{number}" for number in range(self.HOSTS)]
        lb, lock = Directed(*map(Seen, names)), threading.Lock()
        hosts = {"lb-1": FakeTransport("lb-1", there.root)}
        most = 0

        def ask(request: str) -> str:
            nonlocal most
            with lock:
                most += 1
            time.sleep(seconds)
            return lb.ask(request)

        hosts["lb-1"].sockets[SOCKET] = ask
        traffic = Traffic(Balancers(there.balancers[:1], hosts, there._told, threading.Event()))
        nodes = [Drain(name, "web.app", Server("lb", "app", name), 5) for name in names]
        with ThreadPoolExecutor(self.HOSTS) as pool:
            list(pool.map(traffic.drain, nodes))
        self.asked, self.saved = most, len(hosts["lb-1"].seen)
        return lb, there.notes

    def test_a_look_serves_all_who_wait_for_one(self, there: Field) -> None:
        lb, notes = self.drained(there, 0.05)
        assert lb.serving == {}
        assert sorted(lb.told) == sorted(f"app/{name} state drain" for name in lb.servers)
        assert (there.root / "lb-1.state").read_text() == lb.admin("show servers state")
        assert notes == []
        assert self.asked - self.HOSTS < 3 * self.HOSTS / 2, "looks and states, beside one command for each"
        assert self.saved < self.HOSTS / 2


def test_a_look_from_before_a_command_is_not_taken_for_one_after_it(there: Field) -> None:
    """A look is under way while the server is drained: what it found must not be what the drain goes by."""
    lb, looking, go_on = there.lbs["lb-1"], threading.Event(), threading.Event()
    first = [True]

    def ask(request: str) -> str:
        answer = lb.ask(request)
        if "stat" in request and "set " not in request and first and first.pop():
            looking.set()
            assert go_on.wait(20)
        return answer

    there.hosts["lb-1"].sockets[SOCKET] = ask
    balancers = Balancers(there.balancers[:1], there.hosts, there._told, there.clock, clock=there.clock)
    seen: list[bool] = []
    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(balancers.knowing, WEB)
        assert looking.wait(20)
        lb.ask("set server app/web-1 state drain")
        late = pool.submit(lambda: seen.append(balancers.views("lb")["lb-1"].servers[str(WEB)].drained))
        go_on.set()
        late.result(20)
        early.result(20)
    assert seen == [True]


class TestAdmit:
    def drained(self, there: Field) -> None:
        for server in there.both:
            server.put(DRAIN)

    def test_it_serves_at_its_weight_and_that_is_saved(self, there: Field) -> None:
        self.drained(there)
        there.traffic().admit(admit(40))
        assert [lb.serving["web-1"] for lb in there.lbs.values()] == [40, 40]
        for name in there.lbs:
            assert " web-1 127.0.0.1 2 0 40 " in (there.root / f"{name}.state").read_text()

    def test_not_before_every_balancer_finds_it_well(self, there: Field) -> None:
        self.drained(there)
        sick = there.lbs["lb-2"]["web-1"]
        well = False

        def found() -> bool:
            if not well:
                assert not any(server.serves for server in there.both)
            return well

        def mend() -> None:
            nonlocal well
            well = True

        sick.well, there.clock.due[4] = found, mend
        there.traffic().admit(admit())
        assert there.clock.now >= 4
        assert all(server.serves for server in there.both)

    def test_one_that_stays_sick_gets_no_requests_and_says_what_the_check_found(self, there: Field) -> None:
        self.drained(there)
        there.lbs["lb-2"]["web-1"].well = lambda: False
        with pytest.raises(TrafficFailed, match="its balancers do not find app/web-1 healthy") as caught:
            there.traffic().admit(admit())
        assert caught.value.why == "lb-2 finds L7STS/503"
        assert there.clock.now > GOOD_SECONDS
        assert not any(server.serves for server in there.both)

    def test_out_of_maintenance_it_is_checked_first(self, there: Field) -> None:
        for server in there.both:
            server.put(MAINT)
        there.lbs["lb-1"]["web-1"].well = lambda: False
        with pytest.raises(TrafficFailed, match="do not find"):
            there.traffic().admit(admit())
        assert not any(server.serves for server in there.both)
        there.lbs["lb-1"]["web-1"].well = lambda: True
        there.traffic().admit(admit())
        assert all(server.serves for server in there.both)

    @pytest.mark.parametrize("admin", [DRAIN, MAINT])
    def test_one_without_a_check_is_not_taken_down_for_good(self, there: Field, admin: int) -> None:
        """``health down`` of a server that is not checked is never mended."""
        for server in there.both:
            server.checked = False
            server.put(admin)
        traffic = there.traffic()
        traffic.recheck(WEB)
        traffic.admit(admit())
        assert all(server.serves for server in there.both)

    def test_a_slow_start_grows_step_by_step(self, there: Field) -> None:
        self.drained(there)
        there.traffic().admit(admit(slow_start=20))
        told = [word for word in there.lbs["lb-1"].told if "weight" in word]
        assert told == [f"app/web-1 weight {weight}" for weight in range(10, 101, 10)]
        assert 18 <= there.clock.now < 20

    def test_the_smallest_share_of_a_slow_start_is_one(self, there: Field) -> None:
        self.drained(there)
        there.traffic().admit(admit(5, slow_start=10))
        told = [word for word in there.lbs["lb-1"].told if "weight" in word]
        assert told[0] == "app/web-1 weight 1"
        assert told[-1] == "app/web-1 weight 5"

    def test_one_that_serves_already_needs_no_slow_start(self, there: Field) -> None:
        there.traffic().admit(admit(60, slow_start=20))
        assert there.clock.now < 1
        assert all(server.now == 60 for server in there.both)

    def test_weight_0_is_a_share_too(self, there: Field) -> None:
        there.traffic().admit(admit(0))
        assert [server.now for server in there.both] == [0, 0]

    def test_a_balancer_that_does_not_do_as_it_was_told_is_found_out(self, there: Field) -> None:
        self.drained(there)
        heard = there.lbs["lb-2"].ask

        def deaf(request: str) -> str:
            return "\n" if "set " in request else heard(request)

        there.hosts["lb-2"].sockets[SOCKET] = deaf
        with pytest.raises(TrafficFailed, match="lb-2 was told to send requests to app/web-1") as caught:
            there.traffic().admit(admit())
        assert "drained: True" in caught.value.why

    def test_an_interrupt_ends_the_ramp(self, there: Field) -> None:
        self.drained(there)
        there.clock.due[5] = there.clock.set
        with pytest.raises(Interrupted):
            there.traffic().admit(admit(slow_start=20))
        assert all(0 < server.now < 100 for server in there.both)


class TestRecheck:
    def test_only_of_what_is_drained(self, there: Field) -> None:
        there.lbs["lb-1"]["web-1"].put(DRAIN)
        there.traffic().recheck(WEB)
        assert there.lbs["lb-1"].told == ["app/web-1 health down"]
        assert there.lbs["lb-2"].told == []

    def test_healthy_waits_for_fresh_checks(self, there: Field) -> None:
        for server in there.both:
            server.put(DRAIN)
        traffic, said = there.traffic(), list[str]()
        traffic.recheck(WEB)
        assert not any(server.up for server in there.both)
        traffic.healthy(WEB, 10, said.append)
        assert all(server.up for server in there.both)
        assert "lb-1 finds" in said[0]

    def test_with_nobody_to_ask_it_is_an_error(self, there: Field) -> None:
        for lb in there.lbs.values():
            lb.gone = -1
        with pytest.raises(TrafficFailed, match="no balancer of lb answers"):
            there.traffic().healthy(WEB, 10)


class FencedOff(FakeTransport):
    """The lease is another's."""

    def ask(self, socket: str, request: str, *, timeout: float) -> str:
        raise Fenced("the lease was lost", host=self.host)


def test_a_lost_lease_is_no_dead_balancer(there: Field) -> None:
    fenced = FencedOff("lb-1", there.root)
    for act in (
        lambda traffic: traffic.drain(drain()),
        lambda traffic: traffic.admit(admit()),
        lambda traffic: traffic.balancers.save(there.balancers[0]),
        lambda traffic: page(traffic.balancers, "lb", "app", on=True),
    ):
        with pytest.raises(Fenced):
            act(there.traffic(lb_1=fenced))
    assert there.notes == []


class TestSave:
    def test_hosts_that_are_led_side_by_side_do_not_spoil_each_others_file(self, there: Field) -> None:
        traffic = there.traffic()
        nodes = [Drain(name, "web.app", Server("lb", "app", name), 5) for name in ("web-1", "web-2")] * 4
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(traffic.drain, nodes))
        for name, lb in there.lbs.items():
            assert (there.root / f"{name}.state").read_text() == lb.admin("show servers state")

    def test_a_directory_that_is_not_there_is_an_error(self, there: Field) -> None:
        one = there.balancers[0]
        there.balancers[0] = replace(one, balancer=replace(one.balancer, state=f"{there.root}/no/state"))
        with pytest.raises(Exception, match="save the balancer's state"):
            there.traffic().drain(drain())

    def test_without_a_file_nothing_is_saved(self, there: Field) -> None:
        there.balancers[:] = [replace(one, balancer=Balancer("haproxy", SOCKET)) for one in there.balancers]
        there.traffic().drain(drain())
        assert [host.seen for host in there.hosts.values()] == [[], []]


class TestPage:
    def entries(self, there: Field) -> list[list[tuple[str, str]]]:
        return [lb.maps[f"/run/haproxy/{name}.map"] for name, lb in there.lbs.items()]

    def test_on_and_off_as_often_as_one_likes(self, there: Field) -> None:
        traffic = there.traffic()
        for on in (True, True, False, False, True):
            assert page(traffic.balancers, "lb", "app", on=on) == ["lb-1", "lb-2"]
            assert self.entries(there) == [[("app", "on")] if on else []] * 2
            for name in there.lbs:
                assert (there.root / f"{name}.map").read_text() == ("app on\n" if on else "")
        assert not list(there.root.glob("*.new"))

    def test_other_backends_keep_theirs(self, there: Field) -> None:
        for name in there.lbs:
            (there.root / f"{name}.map").write_text("application on\nother on\n")
        page(there.traffic().balancers, "lb", "app", on=True)
        assert (there.root / "lb-1.map").read_text() == "application on\nother on\napp on\n"
        page(there.traffic().balancers, "lb", "app", on=False)
        assert (there.root / "lb-1.map").read_text() == "application on\nother on\n"

    def test_one_that_is_dead_is_not_among_those_that_were_told(self, there: Field) -> None:
        there.lbs["lb-1"].gone = -1
        assert page(there.traffic().balancers, "lb", "app", on=True) == ["lb-2"]

    def test_a_balancer_without_a_table_is_an_error(self, there: Field) -> None:
        there.lbs["lb-1"].maps = {}
        with pytest.raises(TrafficFailed, match="lb-1 has no table") as caught:
            page(there.traffic().balancers, "lb", "app", on=True)
        assert "lb-1.map" in caught.value.why

    def test_a_refusal_is_an_error(self, there: Field) -> None:
        there.lbs["lb-1"].user = True
        with pytest.raises(TrafficFailed, match="lb-1 refuses") as caught:
            page(there.traffic().balancers, "lb", "app", on=True)
        assert caught.value.why.startswith("Permission denied")


def test_the_balancer_of_a_service_on_a_host(there: Field) -> None:
    assert there.traffic().balancers.balancer("lb-2", "lb.haproxy") == there.balancers[1]
    with pytest.raises(FleetError, match=r"lb\.proxy is no balancer") as caught:
        there.traffic().balancers.balancer("lb-1", "lb.proxy")
    assert caught.value.host == "lb-1"
