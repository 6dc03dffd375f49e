"""Carry out a plan: stages in sequence, hosts side by side, and what a failure means for the rest.

The executor knows no host and no engine: it calls :class:`Hands`. What it decides itself is pure
bookkeeping: who failed, whether the next batch may begin, and what the outcome is.
"""

from __future__ import annotations

import enum
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from fleet.errors import Drift, Fenced, FleetError, Interrupted
from fleet.plan.keeping import Keep, OwnVolume, RestoreVolume, ShipSnapshot, TakeSnapshot, UpgradeVolume
from fleet.plan.tree import (
    CopyVolume,
    Gate,
    Haul,
    Lead,
    MoveVolume,
    Node,
    Phase,
    Plan,
    Rollout,
    Step,
    Trial,
    Turn,
)
from fleet.report import events as ev
from fleet.run.interrupt import Interrupt


class Ending(enum.Enum):
    DONE = "done"
    FAILED = "failed"
    PAUSED = "paused"
    ROLL_BACK = "roll back"
    DRIFT = "drift"
    INTERRUPTED = "interrupted"
    LOST = "the lease was lost"
    UNDECIDED = "undecided"


@dataclass(slots=True)
class Outcome:
    """``touched``: hosts on which a changing step began, in that order; ``errors`` by host."""

    ending: Ending = Ending.DONE
    touched: dict[str, None] = field(default_factory=dict)
    errors: dict[str, FleetError] = field(default_factory=dict)
    finished: int = 0
    why: str = ""


class Undecided(FleetError):
    """There was too little traffic to compare two versions by."""


class Hands(Protocol):
    """What does the work on the hosts. Each raises FleetError when it went wrong."""

    def perform(self, step: Step) -> None: ...

    def watch(self, gate: Gate) -> None: ...

    def lead(self, node: Lead) -> None: ...

    def haul(self, node: Haul) -> None: ...

    def keep(self, node: Keep) -> None: ...

    def compare(self, trial: Trial) -> None:
        """Raises Undecided when nobody can say yet whether the new version is as good."""


class Around(Protocol):
    """Who has a word before and after each batch. Both raise FleetError to object."""

    def before(self, rollout: Rollout, number: int, hosts: Sequence[str]) -> None: ...

    def after(self, rollout: Rollout, number: int, hosts: Sequence[str]) -> None: ...


class Executor:
    """One run of one plan. ``parallel``: hosts at once."""

    def __init__(
        self,
        hands: Hands,
        emit: ev.Emit,
        interrupt: Interrupt,
        around: Around | None = None,
        *,
        parallel: int = 32,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hands = hands
        self._emit = emit
        self._interrupt = interrupt
        self._around = around
        self._parallel = parallel
        self._clock = clock

    def run(self, plan: Plan) -> Outcome:
        outcome = Outcome()
        for number, stage in enumerate(plan.stages, 1):
            if self._stop_asked(outcome):
                break
            hosts = tuple(dict.fromkeys(turn.host for turn in stage.turns))
            self._emit(ev.StageStarted(stage_title(stage), number, len(plan.stages), hosts))
            if isinstance(stage, Phase):
                self._phase(stage, outcome)
            elif isinstance(stage, Trial):
                self._trial(stage, outcome)
            else:
                self._rollout(stage, outcome)
            if outcome.ending is not Ending.DONE:
                break
        if outcome.ending is Ending.DONE and outcome.errors:
            outcome.ending = Ending.FAILED
        return outcome

    def _phase(self, phase: Phase, outcome: Outcome) -> None:
        touched = dict(outcome.touched)
        errors = self._side_by_side(phase.turns, phase.limit, outcome)
        if phase.harmless:
            outcome.touched = touched
        if errors:
            outcome.errors.update(errors)
            back = phase.on_failure == "rollback"
            outcome.ending = _ending(errors, Ending.ROLL_BACK if back else Ending.FAILED)
            outcome.why = f"{phase.title} failed on {_names(errors)}"

    def _trial(self, trial: Trial, outcome: Outcome) -> None:
        """What fails here is taken back or left for the operator, as the trial says."""
        errors = self._side_by_side(trial.turns, self._parallel, outcome)
        if not errors and trial.seconds:
            try:
                self._hands.compare(trial)
            except Undecided as undecided:
                outcome.ending, outcome.why = Ending.UNDECIDED, undecided.what
                if outcome.errors:
                    outcome.ending = Ending.FAILED
                    outcome.why = f"hosts failed before: {_names(outcome.errors)}; and {undecided.what}"
                self._emit(ev.Note(str(undecided), "warning"))
                return
            except Exception as raised:  # noqa: BLE001 — whatever it is, the way back goes on
                error = raised if isinstance(raised, FleetError) else _mistake(raised)
                errors = {"": error}
                self._emit(ev.Note(str(error), "error"))
        if errors:
            outcome.errors.update({host: error for host, error in errors.items() if host})
            back = trial.on_failure == "rollback"
            outcome.ending = _ending(errors, Ending.ROLL_BACK if back else Ending.PAUSED)
            outcome.why = next(iter(errors.values())).what

    def _rollout(self, rollout: Rollout, outcome: Outcome) -> None:
        """Batch by batch, with the healthy hosts counted before each."""
        healthy = set(rollout.healthy) - set(outcome.errors)
        failed: dict[str, FleetError] = {}
        policy = rollout.policy
        for number, batch in enumerate(rollout.batches, 1):
            if self._stop_asked(outcome):
                return
            if not self._may_take(rollout, batch, healthy, outcome):
                return
            hosts = tuple(turn.host for turn in batch)
            if self._around and self._objects(self._around.before, rollout, number, hosts, outcome):
                return
            self._emit(ev.BatchStarted(rollout.service, number, len(rollout.batches), hosts))
            began = self._clock()
            errors = self._side_by_side(batch, self._parallel, outcome)
            took = self._clock() - began
            self._emit(ev.BatchFinished(rollout.service, number, len(rollout.batches), tuple(errors), took))
            failed.update(errors)
            outcome.errors.update(errors)
            healthy = (healthy | set(hosts)) - set(outcome.errors)
            if errors and self._ends(rollout, failed, outcome):
                return
            if self._around and self._objects(self._around.after, rollout, number, hosts, outcome):
                return
            if policy.delay and number < len(rollout.batches):
                self._emit(ev.Delay(rollout.service, policy.delay))
                self._interrupt.asked.wait(policy.delay)

    def _objects(
        self,
        word: Callable[[Rollout, int, Sequence[str]], None],
        rollout: Rollout,
        number: int,
        hosts: tuple[str, ...],
        outcome: Outcome,
    ) -> bool:
        """An objection ends the rollout like a batch that failed."""
        try:
            word(rollout, number, hosts)
        except FleetError as error:
            back = rollout.policy.failure_action == "rollback"
            outcome.ending = _ending({"": error}, Ending.ROLL_BACK if back else Ending.PAUSED)
            outcome.why = error.what
            self._emit(ev.Note(str(error), "error"))
            return True
        return False

    def _ends(self, rollout: Rollout, failed: dict[str, FleetError], outcome: Outcome) -> bool:
        """Do the failures so far end the rollout, and how?"""
        policy = rollout.policy
        ending = _ending(failed, Ending.DONE)
        if ending is Ending.DONE:
            if len(failed) / rollout.total <= policy.max_failure_ratio or policy.failure_action == "continue":
                return False
            ending = Ending.ROLL_BACK if policy.failure_action == "rollback" else Ending.PAUSED
        outcome.ending = ending
        outcome.why = f"{rollout.service} failed on {_names(failed)}"
        return True

    def _may_take(self, rollout: Rollout, batch: Sequence[Turn], healthy: set[str], outcome: Outcome) -> bool:
        """``min_healthy`` once more, with what has failed meanwhile."""
        taken = {turn.host for turn in batch if turn.disrupts} & healthy
        stay = len(healthy - taken)
        if not taken or stay >= rollout.min_healthy:
            return True
        back = rollout.policy.failure_action == "rollback" and bool(outcome.errors)
        outcome.ending = Ending.ROLL_BACK if back else Ending.PAUSED
        outcome.why = (
            f"{rollout.service}: the next batch would leave {stay} healthy, "
            f"{rollout.min_healthy} are the minimum of role {rollout.role}"
        )
        return False

    def _side_by_side(self, turns: Sequence[Turn], limit: int, outcome: Outcome) -> dict[str, FleetError]:
        """All hosts finish, then all errors are known."""
        with ThreadPoolExecutor(max(1, min(limit, self._parallel, len(turns)))) as pool:
            results = list(pool.map(lambda turn: self._turn(turn, outcome), turns))
        return {turn.host: error for turn, error in zip(turns, results, strict=True) if error}

    def _turn(self, turn: Turn, outcome: Outcome) -> FleetError | None:
        error: FleetError | None = None
        failed_before = turn.host in outcome.errors
        for step in turn.steps:
            text = step.describe()
            if failed_before:
                self._emit(ev.StepSkipped(turn.host, step.id, text, "the host failed before"))
            elif error is not None:
                self._emit(ev.StepSkipped(turn.host, step.id, text, "the step before it failed"))
            elif self._interrupt.now.is_set() or (step is turn.steps[0] and self._interrupt.asked.is_set()):
                # A host that has begun its turn ends it, so that it is not left without the service.
                self._emit(ev.StepSkipped(turn.host, step.id, text, "interrupted"))
                error = Interrupted("interrupted", host=turn.host, step=step.id)
            else:
                error = self._one(step, text, outcome)
        return error

    def _one(self, step: Node, text: str, outcome: Outcome) -> FleetError | None:
        self._emit(ev.StepStarted(step.host, step.id, text))
        began = self._clock()
        try:
            if isinstance(step, Gate):
                self._hands.watch(step)
            elif isinstance(step, Step):
                outcome.touched[step.host] = None
                self._hands.perform(step)
            elif isinstance(step, CopyVolume | MoveVolume):
                outcome.touched |= dict.fromkeys((step.move.source, step.host))
                self._hands.haul(step)
            elif isinstance(step, TakeSnapshot | RestoreVolume | UpgradeVolume | OwnVolume | ShipSnapshot):
                outcome.touched[step.host] = None
                self._hands.keep(step)
            else:
                outcome.touched[step.host] = None
                self._hands.lead(step)
        except Exception as raised:  # noqa: BLE001 — whatever it is, the other hosts and the way back go on
            error = raised if isinstance(raised, FleetError) else _mistake(raised, step.host, step.id)
            took = self._clock() - began
            bundle = str(getattr(error, "bundle", ""))
            self._emit(
                ev.StepFailed(step.host, step.id, text, error.what, error.why, error.hint, took, bundle)
            )
            return error
        outcome.finished += 1
        done = step.passed if isinstance(step, Gate) else text
        self._emit(ev.StepFinished(step.host, step.id, done, self._clock() - began))
        return None

    def _stop_asked(self, outcome: Outcome) -> bool:
        if self._interrupt.asked.is_set():
            outcome.ending = Ending.INTERRUPTED
            outcome.why = "interrupted by the operator"
        return self._interrupt.asked.is_set()


def stage_title(stage: Phase | Rollout | Trial) -> str:
    if isinstance(stage, Trial):
        return f"{stage.service}: {stage.share.weight} % of the requests to the new version"
    return stage.title if isinstance(stage, Phase) else stage.service


def _mistake(raised: Exception, host: str = "", step: str = "") -> FleetError:
    frames = traceback.extract_tb(raised.__traceback__)[-3:]
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return FleetError(
        "a mistake in Fleet, not in your files",
        why=f"{type(raised).__name__}: {raised}\n{where}",
        hint="please report it, with the run's journal",
        host=host,
        step=step,
    )


def _ending(errors: dict[str, FleetError], otherwise: Ending) -> Ending:
    """A lost lease, an interrupt and a drift say how the run ends, whatever the policy."""
    kinds = {type(error) for error in errors.values()}
    if Fenced in kinds:
        return Ending.LOST
    if Interrupted in kinds:
        return Ending.INTERRUPTED
    return Ending.DRIFT if kinds and kinds <= {Drift} else otherwise


def _names(errors: dict[str, FleetError]) -> str:
    return ", ".join(errors)
