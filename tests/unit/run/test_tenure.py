"""A lease is renewed while the run lives; once it is lost, or may be, nothing more is changed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from fleet.errors import Fenced, FleetError, LedgerError
from fleet.model.leases import Claim, Lease
from fleet.ops.effects import ExpectContainer, PullImage, StartContainer
from fleet.run.fenced import FencedTransport
from fleet.run.tenure import Tenure, now
from tests.support.stub import StubTransport, ended

LEASE = Lease(7, Claim("run-1", "anna", "laptop", "deploy v2", "2026-01-01T00:00:00Z", seconds=30))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def tenure(clock: Clock, renew: Callable[[], None] = lambda: None, **told: Callable[..., None]) -> Tenure:
    return Tenure(LEASE, 1000.0, renew, clock=clock, **told)


def test_within_its_time_it_lets_pass() -> None:
    clock = Clock()
    held = tenure(clock)
    held.check()
    clock.now = 1029.9
    held.check()


def test_a_controller_that_slept_past_the_expiry_notices_by_itself() -> None:
    clock, reasons = Clock(), []
    held = tenure(clock, lost=reasons.append)
    clock.now = 1030
    with pytest.raises(Fenced, match="the lease of this run was lost") as caught:
        held.check()
    assert "slept" in caught.value.why
    assert "inv deploy --resume" in caught.value.hint
    assert len(reasons) == 1
    clock.now = 1000
    with pytest.raises(Fenced):
        held.check()
    assert len(reasons) == 1, "told once"


def beating(seconds: float, renew: Callable[[], None], **told: Callable[..., None]) -> Tenure:
    """With real time, in small."""
    claim = Claim("run-1", "anna", "laptop", "deploy v2", "2026-01-01T00:00:00Z", seconds=seconds)

    return Tenure(Lease(7, claim), now(), renew, **told)


def test_it_is_renewed_until_the_run_ends() -> None:
    twice = threading.Event()
    count = 0

    def renew() -> None:
        nonlocal count
        count += 1
        if count == 2:
            twice.set()

    held = beating(0.3, renew)
    with held:
        before = held.until
        assert twice.wait(5)
    assert held.until > before
    held.check()
    after = count
    assert not held._thread.is_alive()
    assert count == after


def test_what_was_used_up_before_it_began_counts() -> None:
    renewed = threading.Event()
    claim = Claim("run-1", "anna", "laptop", "deploy v2", "2026-01-01T00:00:00Z", seconds=600)
    with Tenure(Lease(7, claim), now() - 590, renewed.set) as held:
        assert renewed.wait(5)
    assert held.until > now() + 590


def test_another_holder_ends_it_at_once() -> None:
    lost = threading.Event()

    def renew() -> None:
        raise Fenced("the lease is not ours", why="bert has it since 14:05")

    with beating(0.3, renew, lost=lambda why: lost.set()) as held:
        assert lost.wait(5)
        with pytest.raises(Fenced) as caught:
            held.check()
    assert caught.value.why == "bert has it since 14:05"


def test_a_ledger_host_that_gives_no_answer_is_asked_again_and_told_once() -> None:
    answers: list[FleetError | None] = [LedgerError("no answer"), LedgerError("no answer"), None]
    again, late = threading.Event(), []

    def renew() -> None:
        error = answers.pop(0) if answers else None
        if not answers:
            again.set()
        if error:
            raise error

    with beating(0.6, renew, late=late.append) as held:
        assert again.wait(5)
        held.check()
    assert [str(error) for error in late] == ["no answer"]


def fenced(clock: Clock, host: StubTransport, ahead: float = 500.0) -> FencedTransport:
    return FencedTransport(host, tenure(clock), lambda until: f"check {until}\n", ahead)


def test_a_script_begins_with_the_check_in_the_hosts_own_time() -> None:
    host = StubTransport([((), ended())])
    fenced(Clock(), host).run("change\n", timeout=5)
    assert host.scripts == ["check 1530\nchange\n"]


def test_an_operation_is_checked_on_the_host_once_and_here_at_each_call() -> None:
    clock, host = Clock(), StubTransport([((), ended())])
    transport = fenced(clock, host)
    transport.docker(ExpectContainer("app", "1"), timeout=5)
    transport.docker(StartContainer("app"), timeout=5)
    assert host.scripts == ["check 1530\n"]
    assert host.asked == [ExpectContainer("app", "1"), StartContainer("app")]
    clock.now = 1030
    with pytest.raises(Fenced):
        transport.docker(StartContainer("app"), timeout=5)
    assert len(host.asked) == 2


@pytest.mark.parametrize("call", [PullImage("app@sha256:1"), ExpectContainer("app")])
def test_a_host_that_refuses_is_not_changed(call: PullImage | ExpectContainer) -> None:
    host = StubTransport([((), ended(76, err="another run holds token 8"))])
    with pytest.raises(Fenced, match="refuses this run") as caught:
        fenced(Clock(), host).docker(call, timeout=5)
    assert caught.value.why == "another run holds token 8"
    assert host.asked == []


def test_a_script_is_not_even_sent_when_the_lease_is_over() -> None:
    clock, host = Clock(), StubTransport()
    transport = fenced(clock, host)
    clock.now = 1031
    with pytest.raises(Fenced):
        transport.run("change\n", timeout=5)
    assert host.scripts == []


def test_a_question_is_asked_only_while_the_lease_is_held() -> None:
    clock, host = Clock(), StubTransport()
    host.sockets["/run/door"] = lambda request: f"to {request}"
    transport = fenced(clock, host)
    assert transport.ask("/run/door", "x", timeout=5) == "to x"
    clock.now = 1030
    host.sockets.clear()
    with pytest.raises(Fenced):
        transport.ask("/run/door", "x", timeout=5)
    assert host.scripts == []
