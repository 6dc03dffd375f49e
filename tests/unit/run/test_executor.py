"""What a failure means for the rest of a run: the executor with hands that do as they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from fleet.errors import Drift, Fenced, FleetError, Interrupted, RemoteFailed
from fleet.model.balancing import Server
from fleet.model.services import Batches, UpdatePolicy
from fleet.model.strategy import Share
from fleet.model.watch import WatchSpec
from fleet.ops.containers import Remove
from fleet.plan.tree import Admit, Gate, Lead, Phase, Plan, Rollout, Step, Trial, Turn
from fleet.report import events as ev
from fleet.run.executor import Ending, Executor, Outcome, Undecided
from fleet.run.interrupt import Interrupt
from tests.support.build import service

SERVICE = service()


@dataclass
class FakeHands:
    """``fail``: step ids that raise. ``during``: called in the middle of the step of that id."""

    fail: dict[str, FleetError] = field(default_factory=dict)
    during: dict[str, Callable[[], None]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def perform(self, step: Step) -> None:
        self._do(step.id)

    def watch(self, gate: Gate) -> None:
        self._do(gate.id)

    def lead(self, node: Lead) -> None:
        self._do(node.id)

    def compare(self, trial: Trial) -> None:
        self._do(f"{trial.service} at {trial.share.weight}")

    def _do(self, step: str) -> None:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.during.get(step, lambda: None)()
        with self.lock:
            self.running -= 1
            self.done.append(step)
        if step in self.fail:
            raise self.fail[step]


def turn(host: str, disrupts: bool = True) -> Turn:
    step = Step(host, Remove("old", "id", "web.app", 10, "test"))
    return Turn(host, (step, Gate(host, SERVICE, "new", "/var/lib/fleet")), disrupts)


def rollout(*batches: tuple[str, ...], **fields: object) -> Rollout:
    hosts = [host for batch in batches for host in batch]
    made = Rollout(
        "web.app",
        "web",
        tuple(tuple(turn(host) for host in batch) for batch in batches),
        UpdatePolicy(Batches((1,))),
        total=len(hosts),
        healthy=frozenset(hosts),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


@dataclass
class Ran:
    outcome: Outcome
    hands: FakeHands
    events: list[ev.Event]

    def of(self, kind: type) -> list[ev.Event]:
        return [event for event in self.events if isinstance(event, kind)]


def run(
    *stages: Rollout | Phase | Trial, hands: FakeHands | None = None, interrupt: Interrupt | None = None
) -> Ran:
    hands = hands or FakeHands()
    events: list[ev.Event] = []
    executor = Executor(hands, events.append, interrupt or Interrupt(), parallel=8)
    return Ran(executor.run(Plan("shop", "test", "v2", stages)), hands, events)


def gate(host: str) -> str:
    return f"{host}/gate:web.app"


def step(host: str) -> str:
    return f"{host}/container:old"


def failing(*hosts: str) -> FakeHands:
    return FakeHands({gate(host): RemoteFailed("not healthy") for host in hosts})


def test_batches_follow_each_other_and_hosts_of_a_batch_run_side_by_side() -> None:
    meet = threading.Barrier(2, timeout=5)
    hands = FakeHands(during={step("a"): meet.wait, step("b"): meet.wait})
    ran = run(rollout(("a", "b"), ("c",)), hands=hands)
    assert ran.outcome.ending is Ending.DONE
    assert ran.hands.done[-2:] == [step("c"), gate("c")]
    assert list(ran.outcome.touched) in (["a", "b", "c"], ["b", "a", "c"])


@pytest.mark.parametrize(("action", "ending"), [("pause", Ending.PAUSED), ("rollback", Ending.ROLL_BACK)])
def test_a_failed_gate_ends_the_rollout(action: str, ending: Ending) -> None:
    ran = run(rollout(("a",), ("b",), policy=UpdatePolicy(failure_action=action)), hands=failing("a"))
    assert ran.outcome.ending is ending
    assert ran.outcome.why == "web.app failed on a"
    assert step("b") not in ran.hands.done


def test_continue_goes_on_and_still_fails_in_the_end() -> None:
    ran = run(rollout(("a",), ("b",), policy=UpdatePolicy(failure_action="continue")), hands=failing("a"))
    assert ran.hands.done == [step("a"), gate("a"), step("b"), gate("b")]
    assert ran.outcome.ending is Ending.FAILED


def test_failures_up_to_the_ratio_are_borne() -> None:
    policy = UpdatePolicy(failure_action="rollback", max_failure_ratio=0.25)
    batches = (("a",), ("b",), ("c",), ("d",))
    assert run(rollout(*batches, policy=policy), hands=failing("a")).outcome.ending is Ending.FAILED
    assert run(rollout(*batches, policy=policy), hands=failing("a", "b")).outcome.ending is Ending.ROLL_BACK


def test_all_hosts_of_a_failing_batch_finish_and_all_errors_are_told() -> None:
    ran = run(rollout(("a", "b", "c")), hands=failing("a", "b"))
    assert gate("c") in ran.hands.done
    assert set(ran.outcome.errors) == {"a", "b"}
    assert len(ran.of(ev.StepFailed)) == 2


def test_the_rest_of_a_turn_is_skipped_with_its_reason() -> None:
    ran = run(rollout(("a",)), hands=FakeHands({step("a"): RemoteFailed("no")}))
    (skipped,) = ran.of(ev.StepSkipped)
    why = "the step before it failed"
    assert skipped == ev.StepSkipped("a", gate("a"), "wait until web.app is healthy", why)


def test_drift_ends_the_run_as_drift() -> None:
    ran = run(rollout(("a",), ("b",)), hands=FakeHands({step("a"): Drift("other container")}))
    assert ran.outcome.ending is Ending.DRIFT


def test_a_delay_lies_between_batches_and_not_after_the_last() -> None:
    ran = run(rollout(("a",), ("b",), policy=UpdatePolicy(delay=0.01)))
    assert len(ran.of(ev.Delay)) == 1


def test_min_healthy_is_counted_again_before_each_batch() -> None:
    stage = rollout(("a",), ("b",), ("c",), min_healthy=2, policy=UpdatePolicy(failure_action="continue"))
    ran = run(stage, hands=failing("a"))
    assert ran.outcome.ending is Ending.PAUSED
    assert "would leave 1 healthy, 2 are the minimum of role web" in ran.outcome.why
    assert step("b") not in ran.hands.done


def test_a_failed_phase_ends_the_run_before_the_first_restart() -> None:
    phase = Phase("pull images", (turn("a", disrupts=False), turn("b", disrupts=False)))
    ran = run(phase, rollout(("c",)), hands=failing("a"))
    assert ran.outcome.ending is Ending.FAILED
    assert step("c") not in ran.hands.done
    assert gate("b") in ran.hands.done


@pytest.mark.parametrize(("action", "ending"), [("pause", Ending.FAILED), ("rollback", Ending.ROLL_BACK)])
def test_what_a_failed_job_means_for_the_run(action: str, ending: Ending) -> None:
    phase = Phase("job web.migrate", (turn("a", disrupts=False),), on_failure=action)
    ran = run(phase, rollout(("a",)), hands=failing("a"))
    assert ran.outcome.ending is ending
    assert "job web.migrate failed on a" in ran.outcome.why
    assert list(ran.outcome.touched) == ["a"]


def test_a_phase_keeps_its_limit() -> None:
    turns = tuple(turn(f"h{number}") for number in range(20))
    ran = run(Phase("pull images", turns, limit=3))
    assert ran.hands.most <= 3


def test_first_interrupt_finishes_the_running_turn_and_begins_nothing() -> None:
    interrupt = Interrupt()
    hands = FakeHands(during={step("a"): interrupt.press})
    ran = run(rollout(("a",), ("b",)), hands=hands, interrupt=interrupt)
    assert ran.hands.done == [step("a"), gate("a")]
    assert ran.outcome.ending is Ending.INTERRUPTED


def test_second_interrupt_skips_the_rest_of_the_turn() -> None:
    interrupt = Interrupt()

    def twice() -> None:
        interrupt.press()
        interrupt.press()

    hands = FakeHands(during={step("a"): twice})
    ran = run(rollout(("a",), ("b",)), hands=hands, interrupt=interrupt)
    assert ran.hands.done == [step("a")]
    assert ran.outcome.ending is Ending.INTERRUPTED
    assert interrupt.now.is_set()


def test_a_host_that_failed_gets_no_further_service() -> None:
    """With failure_action continue its dependents would start against a broken dependency."""
    first = rollout(("a",), ("b",), policy=UpdatePolicy(failure_action="continue"))
    second = rollout(("a",), ("b",), policy=UpdatePolicy(failure_action="pause"))
    ran = run(first, second, hands=failing("a"))
    assert ran.hands.done.count(step("a")) == 1
    assert ran.hands.done.count(step("b")) == 2
    assert ran.outcome.ending is Ending.FAILED
    assert {event.why for event in ran.of(ev.StepSkipped)} == {"the host failed before"}


SERVER = Server("lb", "app", "a-green")
AT_5, AT_50 = "web.app at 5", "web.app at 50"


def trial(weight: int, *hosts: str, seconds: float = 60, on_failure: str = "rollback") -> Trial:
    turns = tuple(Turn(host, (Admit(host, "web.app", SERVER, weight),)) for host in hosts or ("a", "b"))
    share, watch = Share(weight, seconds), WatchSpec()
    return Trial("web.app", "web", turns, share, (), (), "v2", "v1", watch, on_failure)


def share(host: str) -> str:
    return f"{host}/admit:app/a-green"


def test_a_trial_gives_each_share_and_then_looks_how_it_does() -> None:
    ran = run(trial(5), trial(50))
    assert ran.outcome.ending is Ending.DONE
    assert set(ran.hands.done[:2]) == {share("a"), share("b")}
    assert [one for one in ran.hands.done if "web.app at" in one] == [AT_5, AT_50]
    assert ran.hands.done[2] == AT_5
    assert list(ran.outcome.touched) in (["a", "b"], ["b", "a"])
    assert "web.app: 5 % of the requests to the new version" in repr(ran.of(ev.StageStarted)[0])


def test_one_that_is_not_watched_is_not_compared() -> None:
    unwatched = replace(trial(50, seconds=0), watch=None)
    assert run(unwatched).hands.done[-1] in (share("a"), share("b"))
    # A share without a time is watched for the window of the watch.
    assert run(trial(50, seconds=0)).hands.done[-1] == AT_50


@pytest.mark.parametrize(("action", "ending"), [("rollback", Ending.ROLL_BACK), ("pause", Ending.PAUSED)])
@pytest.mark.parametrize("where", [AT_5, share("b")])
@pytest.mark.parametrize("watch", [WatchSpec(), None])
def test_what_is_not_as_good_is_taken_back_or_left_as_the_trial_says(
    action: str, ending: Ending, where: str, watch: WatchSpec | None
) -> None:
    hands = FakeHands({where: RemoteFailed("v2 is not as good")})
    first = replace(trial(5, on_failure=action), watch=watch)
    ran = run(first, trial(50), rollout(("c",)), hands=hands)
    assert ran.outcome.ending is ending
    assert ran.outcome.why == "v2 is not as good"
    assert AT_50 not in ran.hands.done
    assert step("c") not in ran.hands.done


def test_a_host_whose_share_cannot_be_given_has_failed_and_nothing_is_compared() -> None:
    ran = run(trial(5), hands=FakeHands({share("b"): RemoteFailed("no balancer answers")}))
    assert set(ran.outcome.errors) == {"b"}
    assert AT_5 not in ran.hands.done
    assert share("a") in ran.hands.done


def test_a_verdict_is_no_error_of_a_host() -> None:
    ran = run(trial(5), hands=FakeHands({AT_5: RemoteFailed("v2 is not as good", why="5 of 9 failed")}))
    assert ran.outcome.errors == {}
    (note,) = (one for one in ran.of(ev.Note) if isinstance(one, ev.Note))
    assert note.level == "error"
    assert "5 of 9 failed" in note.text


def test_when_nobody_can_say_the_run_stops_there_and_nothing_is_taken_back() -> None:
    hands = FakeHands({AT_5: Undecided("nobody can say", hint="inv promote or inv abort")})
    ran = run(trial(5), trial(50), rollout(("c",)), hands=hands)
    assert ran.outcome.ending is Ending.UNDECIDED
    assert ran.outcome.why == "nobody can say"
    assert ran.outcome.errors == {}
    assert AT_50 not in ran.hands.done
    assert step("c") not in ran.hands.done
    (note,) = (one for one in ran.of(ev.Note) if isinstance(one, ev.Note))
    assert note.level == "warning"


def test_when_nobody_can_say_hosts_that_failed_before_are_not_forgotten() -> None:
    hands = FakeHands({gate("c"): RemoteFailed("not healthy"), AT_5: Undecided("nobody can say")})
    carrying_on = UpdatePolicy(Batches((1,)), failure_action="continue")
    ran = run(rollout(("c",), ("d",), policy=carrying_on), trial(5), hands=hands)
    assert ran.outcome.ending is Ending.FAILED
    assert ran.outcome.why == "hosts failed before: c; and nobody can say"


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (Fenced("the lease was lost"), Ending.LOST),
        (Interrupted("interrupted"), Ending.INTERRUPTED),
        (Drift("changed"), Ending.DRIFT),
    ],
)
@pytest.mark.parametrize("where", [AT_5, share("a")])
def test_a_trial_that_must_end_ends_as_that(error: FleetError, ending: Ending, where: str) -> None:
    ran = run(trial(5), trial(50), hands=FakeHands({where: error}))
    assert ran.outcome.ending is ending
    assert AT_50 not in ran.hands.done


def test_an_interrupt_between_two_shares_leaves_the_first() -> None:
    interrupt = Interrupt()
    hands = FakeHands(during={AT_5: interrupt.asked.set})
    ran = run(trial(5), trial(50), hands=hands, interrupt=interrupt)
    assert ran.outcome.ending is Ending.INTERRUPTED
    assert ran.hands.done[-1] == AT_5


def test_a_mistake_of_ours_in_a_comparison_is_told_and_taken_back() -> None:
    def mistake() -> None:
        raise ValueError("not so")

    ran = run(trial(5), hands=FakeHands(during={AT_5: mistake}))
    assert ran.outcome.ending is Ending.ROLL_BACK
    assert "a mistake in Fleet" in ran.outcome.why
