"""The verdict of a gate: a table of samples against a specification."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.health.judge import CheckResult, Fail, Pass, Sample, Wait, judge
from fleet.model.gates import AnyOf, DockerCheck, GateSpec, HttpCheck, TcpCheck

SPEC = GateSpec((DockerCheck(),), deadline=30, interval=1, rise=2, fall=3, healthy_for=3)
OK, NO = CheckResult(True), CheckResult(False, "Docker health is starting")


def samples(pattern: str, **fields: object) -> list[Sample]:
    """``+`` good, ``-`` bad, one a second."""
    results = {"+": (OK,), "-": (NO,)}
    return [Sample(float(at), "running", results=results[mark], **fields) for at, mark in enumerate(pattern)]


@pytest.mark.parametrize(
    ("pattern", "verdict"),
    [
        ("", Wait),
        ("-", Wait),
        ("--+", Wait),
        ("++++", Pass),
        ("-++++", Pass),
        # Good long enough in all, never long enough in a row.
        ("++-++-++", Wait),
        # The minimum healthy time has not passed yet.
        ("+++", Wait),
        # It was healthy, then three times not.
        ("+++---", Fail),
        # Never healthy: only the deadline ends that.
        ("-" * 20, Wait),
    ],
)
def test_pattern_of_samples(pattern: str, verdict: type) -> None:
    seen = samples(pattern)
    assert isinstance(judge(seen, SPEC, 0, len(seen)), verdict)


def test_deadline_is_a_timeout_and_names_what_was_missing() -> None:
    verdict = judge(samples("-" * 31), SPEC, 0, 30)
    assert verdict == Fail("timeout, not healthy within 30 s: Docker health is starting")


def test_deadline_without_a_sample() -> None:
    assert judge([], SPEC, 0, 30) == Fail("timeout, not healthy within 30 s: no answer from the host")


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (Sample(1, "exited", 3), "the container ended with exit code 3"),
        (Sample(1, "gone"), "the container is gone"),
        (Sample(1, "restarting", 1, 1), "the container restarted (last exit code 1)"),
        (Sample(1, "running", 137, 2, "", (OK,)), "the container restarted (last exit code 137)"),
    ],
)
def test_a_dying_container_ends_the_gate_at_once(sample: Sample, reason: str) -> None:
    verdict = judge([sample], SPEC, 0, 1)
    assert verdict == Fail(reason)


def test_restarts_before_the_gate_do_not_count() -> None:
    seen = samples("++++", restarts=4)
    assert isinstance(judge(seen, SPEC, 0, 4, restarts=4), Pass)


def test_any_of_needs_one_and_tells_all() -> None:
    spec = GateSpec((AnyOf((HttpCheck(80), TcpCheck(81))), DockerCheck()), rise=1, healthy_for=0)
    bad, worse = CheckResult(False, "http"), CheckResult(False, "tcp")
    one = Sample(0, "running", results=(bad, OK, OK))
    assert isinstance(judge([one], spec, 0, 1), Pass)
    none = Sample(0, "running", results=(bad, worse, OK))
    assert judge([none], spec, 0, 1) == Wait("none of: http; tcp")
    later = Sample(0, "running", results=(OK, worse, NO))
    assert judge([later], spec, 0, 1) == Wait("Docker health is starting")


@given(st.lists(st.sampled_from("+-"), max_size=40), st.integers(1, 4), st.integers(0, 6))
def test_passing_means_a_good_streak_long_enough(marks: list[str], rise: int, healthy_for: int) -> None:
    spec = GateSpec((DockerCheck(),), deadline=1000, rise=rise, fall=3, healthy_for=healthy_for)
    seen = samples("".join(marks))
    if isinstance(judge(seen, spec, 0, len(seen)), Pass):
        streak = len(marks) - ("".join(marks).rfind("-") + 1)
        assert streak >= rise
        assert streak - 1 >= healthy_for
