"""One step: its effects in order, and every way in which a script can end as an error of its own."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from fleet.errors import Drift, FleetError, Interrupted, RemoteFailed
from fleet.health.transition import UNMET
from fleet.model.found_tasks import FoundPath
from fleet.model.gates import TcpCheck
from fleet.model.tasks import FileTask
from fleet.model.transitions import Transition
from fleet.ops import effects as fx
from fleet.ops.config import INVALID, RELOAD
from fleet.ops.containers import Recipe, Replace
from fleet.ops.effects import Effect
from fleet.ops.tasks.change import ChangeHost
from fleet.ops.tasks.files import MakeDirectory
from fleet.ops.transitions import Await
from fleet.plan.tree import Step
from fleet.report import events as ev
from fleet.run.perform import failure, perform, shown
from fleet.secret import Hole, SealedText, SecretRef
from fleet.transport.base import ApiFailed, ConnectionLost, Result
from tests.support.build import service
from tests.support.stub import StubTransport, ended

SECRET = SealedText(("printf ", Hole(SecretRef("env", "PASSWORD")), "\n"))


@dataclass(frozen=True)
class Doing:
    """An operation of any effects."""

    done: tuple[Effect, ...]
    target: str = "thing:x"
    timeout: float = 42

    def describe(self) -> str:
        return "write x"

    def diff(self) -> tuple[str, ...]:
        return ()

    def effects(self) -> tuple[Effect, ...]:
        return self.done


def step(*effects: Effect) -> Step:
    return Step("web-1", Doing(effects))


def carry_out(
    made: Step, transport: StubTransport, cancel: threading.Event | None = None, **fields: bool
) -> list[ev.Event]:
    events: list[ev.Event] = []
    perform(made, transport, events.append, cancel or threading.Event(), **fields)
    return events


@pytest.mark.parametrize(
    ("result", "kind", "what", "why", "hint"),
    [
        (ended(3, err="boom\n"), RemoteFailed, "write x: exit status 3", "boom", ""),
        (ended(3, out="told on out\n"), RemoteFailed, "write x: exit status 3", "told on out", ""),
        (ended(None, timed_out=True), RemoteFailed, "write x: no end after 42 s", "", ""),
        (ended(None, signal="SIGKILL"), RemoteFailed, "write x: killed by SIGKILL", "", ""),
        (ended(None, stopped=True), Interrupted, "write x: stopped", "", ""),
        (ended(75, err="a was changed\n"), Drift, "a was changed", "", "make a new plan"),
        (ended(75), Drift, "the host was changed since the plan was made", "", "make a new plan"),
        (
            ended(INVALID, err="line 3: bad\n"),
            RemoteFailed,
            "write x: its own check refuses the new files",
            "line 3: bad",
            "correct the template; the files on the host are untouched",
        ),
        (
            ended(RELOAD, err="bad\n"),
            RemoteFailed,
            "write x: the reload failed",
            "bad",
            "look at the container's log; the files from before are in place again",
        ),
        (
            ended(1, err="printf: write error: No space left on device\n"),
            RemoteFailed,
            "write x: the disk is full",
            "printf: write error: No space left on device",
            "make room on the host (df -h), then run again",
        ),
    ],
)
def test_every_ending_of_a_script(
    result: Result, kind: type[FleetError], what: str, why: str, hint: str
) -> None:
    transport = StubTransport([((), result)])
    with pytest.raises(FleetError) as caught:
        carry_out(step(fx.Shell("false\n")), transport)
    error = caught.value
    assert type(error) is kind
    assert (error.what, error.why, error.hint) == (what, why, hint)
    assert (error.host, error.step) == ("web-1", "web-1/thing:x")


def test_only_the_end_of_a_long_output_is_told() -> None:
    error = failure("write x", ended(1, err="\n".join(map(str, range(100)))), 42)
    assert error.why.splitlines() == [str(number) for number in range(80, 100)]


def test_output_that_is_no_utf_8_is_told_all_the_same() -> None:
    error = failure("write x", Result(1, b"", b"caf\xe9\n", 0.1), 42)
    assert error.why == "caf\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "error", [ApiFailed("the disk is full", status=500), ConnectionLost("gone"), Drift("no")]
)
def test_what_a_transport_raises_keeps_its_type_and_learns_where(error: FleetError) -> None:
    def answer(call: object) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        carry_out(step(fx.Api(fx.StartContainer("x"))), StubTransport(answer=answer))
    assert caught.value is error
    assert (error.host, error.step) == ("web-1", "web-1/thing:x")


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (
            ended(68, err="no such user\nexit status 1\n"),
            "tasks.yml:3:5: file: path=/a\nno such user\nexit status 1",
        ),
        (ended(75, err="/a was changed\n"), ""),
    ],
)
def test_a_task_of_a_host_that_fails_tells_its_parameters(result: Result, why: str) -> None:
    work = MakeDirectory(FileTask("/a", "directory"), FoundPath("/a"))
    made = Step("web-1", ChangeHost("x", "tasks.yml:3:5: file: path=/a", work, 60))
    with pytest.raises(FleetError) as caught:
        carry_out(made, StubTransport([((), result)]))
    assert caught.value.why == why


def test_effects_in_order_and_nothing_after_a_failure() -> None:
    transport = StubTransport([((), ended()), ((), ended(1))])
    start, stop = fx.StartContainer("x"), fx.StopContainer("x", 1)
    with pytest.raises(RemoteFailed):
        carry_out(step(fx.Api(start), fx.Shell("one\n"), fx.Shell("two\n"), fx.Api(stop)), transport)
    assert transport.asked == [start]
    assert transport.scripts == ["one\n", "two\n"]
    assert transport.timeouts == [42, 42, 42]


def test_progress_is_told_under_the_step() -> None:
    events = carry_out(step(fx.Api(fx.PullImage("x"))), StubTransport())
    assert events == [ev.Progress("web-1", "web-1/thing:x", 1, 2)]


def test_an_interrupt_begins_no_step() -> None:
    cancel, transport = threading.Event(), StubTransport()
    cancel.set()
    with pytest.raises(Interrupted) as caught:
        carry_out(step(fx.Api(fx.StartContainer("x"))), transport, cancel)
    assert transport.asked == []
    assert caught.value.step == "web-1/thing:x"


def test_a_step_that_has_begun_is_finished() -> None:
    cancel = threading.Event()
    transport = StubTransport(answer=lambda call: cancel.set())
    stop, start = fx.StopContainer("x", 1), fx.StartContainer("x")
    carry_out(step(fx.Api(stop), fx.Api(start)), transport, cancel)
    assert transport.asked == [stop, start]


def test_commands_are_shown_with_references_for_secrets() -> None:
    auth = fx.RegistryAuth("shop", SECRET)
    effects = (fx.Shell(SECRET), fx.Api(fx.PullImage("x", "", auth)), fx.Shell("true\n"))
    transport = StubTransport([((), ended()), ((), ended())])
    told = [
        event for event in carry_out(step(*effects), transport, show=True) if isinstance(event, ev.Command)
    ]
    assert [event.host for event in told] == ["web-1"] * 3
    assert told[0].text == "sh -s <<'END'\nprintf ‹!secret env:PASSWORD›\nEND"
    assert "PullImage" in told[1].text
    assert transport.scripts[0] is SECRET
    assert "true" in shown(fx.Shell("true\n"))


def test_nothing_is_shown_unless_asked() -> None:
    assert carry_out(step(fx.Shell("true\n")), StubTransport([((), ended())])) == []


def replacing(transport: StubTransport) -> FleetError:
    recipe = Recipe("shop", "test", "v2", service(), "registry.example:5000/app@sha256:" + "a" * 64, "d1")
    made = Step("web-1", Replace(recipe, "shop-test-web-app-1", "old", 10, "image"))
    with pytest.raises(FleetError) as caught:
        carry_out(made, transport)
    return caught.value


def refusing(kind: type, error: FleetError, *also: type) -> StubTransport:
    """Refuses calls of ``kind`` with ``error``, and those of ``also`` without a reason."""

    def answer(call: object) -> None:
        if isinstance(call, kind):
            raise error
        if isinstance(call, also):
            raise ApiFailed("the engine is tired")

    return StubTransport(answer=answer)


def test_a_new_container_that_is_refused_gives_its_place_back() -> None:
    transport = refusing(fx.StartContainer, ApiFailed("the port is taken", hint="free it"))
    error = replacing(transport)
    assert (error.what, error.hint) == ("the port is taken", "the container from before runs again; free it")
    assert transport.asked[-2:] == [
        fx.ReinstateContainer("old", "shop-test-web-app-1"),
        fx.RemoveContainer("shop-test-web-app-1.next"),
    ]


def test_an_old_container_that_cannot_come_back_is_told_too() -> None:
    error = replacing(refusing(fx.StartContainer, ApiFailed("the port is taken"), fx.ReinstateContainer))
    assert error.what == "the port is taken"
    assert error.why == "and the old container cannot be put back: the engine is tired"
    assert "runs again" not in error.hint


@pytest.mark.parametrize("error", [Drift("another container"), ConnectionLost("gone")])
def test_where_nothing_was_begun_or_nobody_listens_nothing_is_put_back(error: FleetError) -> None:
    transport = refusing(fx.ExpectContainer, error)
    assert replacing(transport) is error
    assert [type(call) for call in transport.asked] == [fx.ExpectContainer]


@pytest.mark.parametrize(
    ("state", "hint"),
    [
        ("pre-start", "nothing was stopped: bring up what it waits for, then run again"),
        ("pre-stop", "it was not stopped: let it finish, or docker stop it, then run again"),
        ("stopped", "its container is gone: see what it has left on the host, then run again"),
    ],
)
def test_what_is_waited_for_around_a_start_and_a_stop(state: str, hint: str) -> None:
    why = f"{state}: not within 5 s: tcp db:1: nothing listens"
    transport = StubTransport([((), ended(UNMET, err=why))])
    op = Await("web.app", state, Transition((TcpCheck(1, "db"),), 5))
    with pytest.raises(RemoteFailed) as caught:
        carry_out(Step("web-1", op), transport)
    error = caught.value
    assert (error.what, error.why, error.hint) == (f"web.app: {state} failed", why, hint)
    assert error.step == f"web-1/{state}:web.app"


def test_what_is_not_as_wanted_after_the_stop_gives_the_old_one_its_place_back() -> None:
    stopped = Transition((TcpCheck(1, "db"),), 5)
    recipe = Recipe("shop", "test", "v2", service(), "app@sha256:1", "d")
    op = Replace(recipe, "n", "old", 1, "x", stopped=stopped)
    transport = StubTransport([((), ended(UNMET, err="stopped: not within 5 s"))])
    with pytest.raises(RemoteFailed) as caught:
        carry_out(Step("web-1", op), transport)
    assert caught.value.what == "replace web.app (x): what is to be seen after the stop was not"
    assert caught.value.why == "stopped: not within 5 s"
    assert caught.value.hint == "the container from before runs again"
    assert transport.asked[-2] == fx.ReinstateContainer("old", "n")
