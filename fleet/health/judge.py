"""The verdict over a gate's samples: pure, with the time as an input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fleet.model.gates import AnyOf, Check, GateSpec

ENDED = frozenset({"exited", "dead", "gone"})


@dataclass(frozen=True, slots=True)
class CheckResult:
    ok: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a container. ``at`` in seconds of a monotonic clock; ``results`` one for each
    single check of the gate, in their order."""

    at: float
    state: str
    exit_code: int = 0
    restarts: int = 0
    health: str = ""
    results: tuple[CheckResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """``need``: what is still missing, for the live view."""

    need: str


@dataclass(frozen=True, slots=True)
class Pass:
    seconds: float


@dataclass(frozen=True, slots=True)
class Fail:
    """``reason`` says so when it was the deadline that ended it."""

    reason: str


Verdict = Wait | Pass | Fail


def leaves(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The single checks, those inside ``any`` included, in the order in which they are sampled."""
    found: list[Check] = []
    for check in checks:
        found.extend(leaves(check.checks) if isinstance(check, AnyOf) else (check,))
    return tuple(found)


def good(sample: Sample, spec: GateSpec) -> CheckResult:
    """All checks of the gate over one sample; the message tells every one that is not met."""
    if sample.state != "running":
        return CheckResult(False, f"container is {sample.state}")
    results = iter(sample.results)
    failed = [one.message for one in [_result(check, results) for check in spec.checks] if not one.ok]
    return CheckResult(not failed, "; ".join(failed))


def _result(check: Check, results: Iterator[CheckResult]) -> CheckResult:
    if not isinstance(check, AnyOf):
        return next(results)
    alternatives = [_result(one, results) for one in check.checks]
    if any(alternative.ok for alternative in alternatives):
        return CheckResult(True)
    return CheckResult(False, "none of: " + "; ".join(one.message for one in alternatives))


def judge(
    samples: Sequence[Sample], spec: GateSpec, started: float, now: float, restarts: int = 0
) -> Verdict:
    """Pass, wait or fail. ``started`` and ``now`` in seconds of the samples' clock; ``restarts`` is
    the container's restart count when the gate began."""
    if samples:
        last = samples[-1]
        if last.state in ENDED:
            ended = "is gone" if last.state == "gone" else f"ended with exit code {last.exit_code}"
            return Fail(f"the container {ended}")
        if last.restarts > restarts or last.state == "restarting":
            return Fail(f"the container restarted (last exit code {last.exit_code})")
    results = [good(sample, spec) for sample in samples]
    streak = _streak(results)
    if streak >= spec.rise and samples[-1].at - samples[-streak].at >= spec.healthy_for:
        return Pass(now - started)
    bad = results[-1].message if results and not results[-1].ok else ""
    if _fell(results, spec):
        return Fail(f"it was healthy and is not any more: {bad}")
    if now - started >= spec.deadline:
        seen = bad or ("healthy too late" if streak else "no answer from the host")
        return Fail(f"timeout, not healthy within {spec.deadline:g} s: {seen}")
    if streak:
        since = samples[-1].at - samples[-streak].at
        return Wait(f"healthy for {since:.0f} of {spec.healthy_for:g} s")
    return Wait(bad or "first sample")


def _streak(results: Sequence[CheckResult]) -> int:
    """How many good samples end the list."""
    count = 0
    for result in reversed(results):
        if not result.ok:
            break
        count += 1
    return count


def _fell(results: Sequence[CheckResult], spec: GateSpec) -> bool:
    if len(results) < spec.fall or any(result.ok for result in results[-spec.fall :]):
        return False
    run = 0
    for result in results[: -spec.fall]:
        run = run + 1 if result.ok else 0
        if run >= spec.rise:
            return True
    return False
