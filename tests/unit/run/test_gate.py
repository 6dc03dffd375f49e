"""A gate over a stream of samples, with a clock that the test moves."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import repeat

import pytest

from fleet.errors import Fenced, FleetError, Interrupted, RemoteFailed
from fleet.facts.proven import prove
from fleet.model.gates import AnyOf, ControllerCheck, DockerCheck, GateSpec, HttpCheck, RunningCheck
from fleet.plan.tree import Gate
from fleet.report import events as ev
from fleet.run.gate import MARGIN, GateFailed, watch
from fleet.transport.base import ConnectionLost, Result
from tests.support.build import service
from tests.support.stub import StubTransport, ended

SPEC = GateSpec((RunningCheck(), HttpCheck(8000, "/health")), deadline=10, rise=2, fall=3, healthy_for=2)
GOOD = "sample\trunning\t0\t0\thealthy\tok\tok"
BAD = "sample\trunning\t0\t0\tstarting\tok\tno:http :8000/health: status 503, wanted 200: no database"
EVIDENCE = "first line\nlast line\n\f2026 exit 1: refused\n\n\fstatus running, exit code 0\n"


@dataclass
class Watched:
    events: list[ev.Event] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    transport: StubTransport = field(default_factory=StubTransport)


class Clock:
    """A second goes by before each line."""

    now = 100.0

    def tick(self) -> None:
        self.now += 1


def run(
    lines: Iterable[str],
    ending: Result | Exception | None = None,
    spec: GateSpec = SPEC,
    *,
    fresh: bool = True,
    cancel: threading.Event | None = None,
    evidence: Result | Exception | None = None,
    seen: Watched | None = None,
) -> Watched:
    seen = seen if seen is not None else Watched()
    clock = Clock()
    seen.transport = StubTransport(
        [(lines, ending or ended(None, timed_out=True)), ((), evidence or ended(0, EVIDENCE))],
        before_line=clock.tick,
    )

    def keep(name: str, text: str) -> str:
        seen.kept[name] = text
        return f".fleet/runs/r/{name}.txt"

    gate = Gate("web-1", replace(service(), gate=spec), "shop-test-web-app-1", "/var/lib/fleet", fresh=fresh)
    watch(gate, seen.transport, seen.events.append, cancel or threading.Event(), keep, lambda: clock.now)
    return seen


def failed(*args: object, **fields: object) -> tuple[GateFailed, Watched]:
    seen = Watched()
    with pytest.raises(GateFailed) as caught:
        run(*args, seen=seen, **fields)  # type: ignore[arg-type]
    return caught.value, seen


def test_it_passes_after_the_healthy_time_and_stops_sampling() -> None:
    seen = run([BAD, GOOD, GOOD, GOOD, "never read"])
    needs = [event.need for event in seen.events if isinstance(event, ev.Waiting)]
    assert needs == [
        "http :8000/health: status 503, wanted 200: no database",
        "healthy for 0 of 2 s",
        "healthy for 1 of 2 s",
    ]
    assert {event.step for event in seen.events if isinstance(event, ev.Waiting)} == {"web-1/gate:web.app"}
    assert seen.transport.timeouts[0] == SPEC.deadline + MARGIN


def test_that_it_passed_is_remembered_on_the_host() -> None:
    seen = run([GOOD, GOOD, GOOD])
    assert seen.transport.scripts[1:] == [prove("/var/lib/fleet", "shop-test-web-app-1")]
    with pytest.raises(RemoteFailed, match="is healthy, but that cannot be remembered"):
        run([GOOD, GOOD, GOOD], evidence=ended(1, err="Read-only file system"))


def test_the_deadline_fails_it_with_the_last_reason() -> None:
    error, _ = failed(repeat(BAD))
    assert (
        "web.app is not healthy: timeout, not healthy within 10 s: http :8000/health: status 503"
        in error.what
    )
    assert (error.host, error.step) == ("web-1", "web-1/gate:web.app")


def test_the_deadline_also_counts_while_the_sampler_says_other_things() -> None:
    error, _ = failed(repeat("Welcome to Debian"))
    assert "gave no sample" in error.what


def test_a_container_that_ends_fails_at_once() -> None:
    error, seen = failed([GOOD, "sample\texited\t137\t0\t-\tok\tno:x", "never read"])
    assert "the container ended with exit code 137" in error.what
    assert "exited exit 137" in seen.kept["failures/web-1.web.app"]


def test_a_restart_fails_a_fresh_container_and_older_restarts_are_no_reason() -> None:
    restarted = GOOD.replace("running\t0\t0", "running\t1\t3")
    error, _ = failed([restarted])
    assert "restarted" in error.what
    run(repeat(restarted), fresh=False)
    error, _ = failed([restarted, BAD.replace("running\t0\t0", "running\t1\t4")], fresh=False)
    assert "restarted" in error.what


def test_the_operator_sees_the_last_words_and_the_bundle_holds_the_rest() -> None:
    error, seen = failed([GOOD, GOOD, BAD, BAD, BAD])
    assert error.why.splitlines() == ["health: 2026 exit 1: refused", "log: first line", "log: last line"]
    assert error.bundle == ".fleet/runs/r/failures/web-1.web.app.txt"
    assert error.bundle in error.hint
    bundle = seen.kept["failures/web-1.web.app"]
    assert bundle.startswith("web-1/gate:web.app: it was healthy and is not any more: http :8000/health")
    for part in ("first line\nlast line", "2026 exit 1: refused", "status running, exit code 0"):
        assert part in bundle
    rows = [row for row in bundle.splitlines() if "running healthy" in row or "running starting" in row]
    assert [row.split("  ")[-1] for row in rows] == [
        "running healthy ok ok",
        "running starting ok [http :8000/health: status 503, wanted 200: no database]",
    ], "equal samples are one row"


def test_a_log_of_many_lines_is_cut_for_the_operator() -> None:
    log = "\n".join(f"line {number}" for number in range(50))
    error, seen = failed(repeat(BAD), evidence=ended(0, f"{log}\n\f\f"))
    assert next(line for line in error.why.splitlines() if line.startswith("log:")) == "log: line 42"
    assert "line 0\n" in seen.kept["failures/web-1.web.app"]


def test_evidence_that_is_not_to_be_had_does_not_hide_the_cause() -> None:
    error, seen = failed(repeat(BAD), evidence=ConnectionLost("the connection was lost"))
    assert "not healthy within 10 s" in error.what
    assert "not to be had: the connection was lost" in seen.kept["failures/web-1.web.app"]


def test_an_empty_log_is_told_as_empty() -> None:
    error, seen = failed(repeat(BAD), evidence=ended(0, "\f\f"))
    assert error.why == "log: (empty)"
    assert "(none)" in seen.kept["failures/web-1.web.app"]


def test_a_lost_connection_is_no_failed_gate() -> None:
    with pytest.raises(ConnectionLost):
        run([GOOD], ConnectionLost("gone"))


def test_an_interrupt_is_no_failed_gate() -> None:
    cancel = threading.Event()

    def lines() -> Iterable[str]:
        yield BAD
        cancel.set()
        yield BAD

    with pytest.raises(Interrupted) as caught:
        run(lines(), cancel=cancel)
    assert caught.value.step == "web-1/gate:web.app"


def test_a_sampler_that_dies_says_what_the_host_said() -> None:
    error, _ = failed([], ended(127, err="sh: docker: not found\n"))
    assert "the host gave no sample (exit status 127) sh: docker: not found" in error.what


def test_a_sampler_that_dies_in_the_middle_says_what_was_still_needed() -> None:
    error, _ = failed([BAD], ended(1))
    assert "sampling ended early: http :8000/health: status 503" in error.what


@pytest.mark.parametrize("cut", [9, 20, 27])
def test_a_sample_that_was_cut_off_is_none(cut: int) -> None:
    error, _ = failed([BAD, GOOD[:cut]], ended(None, timed_out=True))
    assert isinstance(error, FleetError)
    assert "status 503" in error.what


def test_a_container_that_another_run_took_away_is_no_sick_one() -> None:
    with pytest.raises(Fenced, match="refuses this run"):
        run(["sample\texited\t0\t0\tnone\tok\tok"], evidence=Fenced("the host refuses this run"))


def test_checks_on_the_controller_are_made_here() -> None:
    def controller(*words: str) -> ControllerCheck:
        return ControllerCheck((sys.executable, "-c", *words))

    sample = "sample\trunning\t0\t0\t-\tok\tok"
    run(repeat(sample), spec=replace(SPEC, checks=(controller("pass"), RunningCheck()), healthy_for=0))
    told = "import sys; print('no route', file=sys.stderr); sys.exit(1)"
    error, _ = failed(
        repeat(sample), spec=replace(SPEC, checks=(controller(told), RunningCheck()), deadline=2)
    )
    assert "controller" in error.what
    assert error.what.endswith(": no route")


def test_a_controller_check_may_be_an_alternative_and_may_not_exist() -> None:
    missing = ControllerCheck(("/no/such/program",))
    spec = replace(SPEC, checks=(AnyOf((missing, DockerCheck())),), healthy_for=0)
    run(repeat("sample\trunning\t0\t0\thealthy\tok\tok"), spec=spec)
    error, _ = failed(repeat("sample\trunning\t0\t0\t-\tok\tno:unhealthy"), spec=replace(spec, deadline=2))
    assert "none of: controller /no/such/program: No such file or directory; unhealthy" in error.what


def test_a_controller_check_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.run.gate.CONTROLLER_SECONDS", 0.05)
    hanging = ControllerCheck((sys.executable, "-c", "import time; time.sleep(30)"))
    spec = replace(SPEC, checks=(hanging,), deadline=1)
    error, _ = failed(repeat("sample\trunning\t0\t0\t-\tok"), spec=spec)
    assert "no end after 0.05 s" in error.what
