"""Watch one gate: a stream of samples from the host, each judged as it comes."""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from fleet.errors import Fenced, FleetError, Interrupted, RemoteFailed
from fleet.facts.proven import prove
from fleet.health.judge import CheckResult, Fail, Pass, Sample, Verdict, Wait, judge, leaves
from fleet.health.script import read, sampler
from fleet.model.gates import ControllerCheck
from fleet.plan.tree import Gate
from fleet.report import events as ev
from fleet.run.perform import failure
from fleet.shell import words
from fleet.transport.base import Transport

MARGIN = 15
PROOF_SECONDS = 30
CONTROLLER_SECONDS = 10
HEALTH_LOG = (
    "{{if .State.Health}}{{range .State.Health.Log}}"
    "{{.Start}} exit {{.ExitCode}}: {{.Output}}\n{{end}}{{end}}"
)
STATE = (
    "status {{.State.Status}}, exit code {{.State.ExitCode}}, restarts {{.RestartCount}}, "
    "out of memory {{.State.OOMKilled}}, started {{.State.StartedAt}}, error: {{.State.Error}}"
)


class GateFailed(RemoteFailed):
    """The service did not get healthy. ``bundle``: the file with all that was seen."""

    bundle = ""


def watch(
    gate: Gate,
    transport: Transport,
    emit: ev.Emit,
    cancel: threading.Event,
    keep: Callable[[str, str], str],
    clock: Callable[[], float] = time.monotonic,
    tests: Callable[[], None] = lambda: None,
) -> None:
    """Return when the gate passes. Raises GateFailed with the cause, Interrupted, ConnectionLost, Fenced.

    ``keep(name, text)`` stores a file in the run's directory and answers where. ``tests``: what else has to
    pass before the container counts as proven; what they raise is raised.
    """
    spec = gate.service.gate
    samples: list[Sample] = []
    verdicts: list[Pass | Fail] = []
    started = clock()

    def verdict_now() -> Verdict:
        restarts = samples[0].restarts if samples and not gate.fresh else 0
        return judge(samples, spec, started, clock(), restarts)

    own = [check if isinstance(check, ControllerCheck) else None for check in leaves(spec.checks)]

    def line(stream: str, text: str) -> bool:
        sample = read(text, clock()) if stream == "out" else None
        # A line that was cut off when the sampler was ended is no sample.
        if sample is None or len(sample.results) != len(own):
            return clock() - started > spec.deadline + MARGIN
        samples.append(_with_own(sample, own))
        verdict = verdict_now()
        if isinstance(verdict, Wait):
            emit(ev.Waiting(gate.host, gate.id, verdict.need))
            return False
        verdicts.append(verdict)
        return True

    result = transport.run(
        sampler(gate.container, spec), timeout=spec.deadline + MARGIN, on_line=line, cancel=cancel
    )
    if cancel.is_set() and not verdicts:
        raise Interrupted("interrupted at the gate", host=gate.host, step=gate.id)
    verdict = verdicts[0] if verdicts else _last(verdict_now())
    if isinstance(verdict, Pass):
        tests()
        proof = transport.run(prove(gate.state_dir, gate.container), timeout=PROOF_SECONDS)
        if not proof.ok:
            raise failure(
                f"{gate.service.key} is healthy, but that cannot be remembered", proof, PROOF_SECONDS
            )
        return
    if not samples:
        words_of_host = result.err.decode("utf-8", "replace").strip()
        verdict = Fail(f"the host gave no sample ({result.ending(spec.deadline + MARGIN)}) {words_of_host}")
    raise _failed(gate, verdict, samples, transport, keep)


def _last(verdict: Verdict) -> Fail | Pass:
    """The stream ended without a verdict: the deadline has passed, or the sampler died."""
    return Fail(f"sampling ended early: {verdict.need}") if isinstance(verdict, Wait) else verdict


def _with_own(sample: Sample, own: list[ControllerCheck | None]) -> Sample:
    if not any(own):
        return sample
    results = tuple(
        _on_controller(check) if check else result for check, result in zip(own, sample.results, strict=True)
    )
    return replace(sample, results=results)


def _on_controller(check: ControllerCheck) -> CheckResult:
    command = shlex.join(check.command)
    try:
        done = subprocess.run(  # noqa: S603 — the operator's own command, as words, without a shell
            check.command, capture_output=True, timeout=CONTROLLER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return CheckResult(False, f"controller {command}: no end after {CONTROLLER_SECONDS} s")
    except OSError as error:
        return CheckResult(False, f"controller {command}: {error.strerror}")
    output = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    return CheckResult(
        done.returncode == 0, f"controller {command}: {output[-1] if output else done.returncode}"
    )


def _failed(
    gate: Gate,
    verdict: Fail,
    samples: list[Sample],
    transport: Transport,
    keep: Callable[[str, str], str],
) -> GateFailed:
    """What the operator needs to see: the samples, the health log, the end of the container's log."""
    seen = _evidence(gate.container, transport)
    log, _, rest = seen.partition("\f")
    told, _, inspection = rest.partition("\f")
    health = [line for line in told.splitlines() if line.strip()]
    bundle = keep(
        f"failures/{gate.host}.{gate.service.key}",
        f"{gate.id}: {verdict.reason}\n\nsamples (seconds, state, checks)\n{_table(samples)}\n\n"
        f"health log of the engine\n{chr(10).join(health) or '(none)'}\n\n"
        f"container log (last 200 lines)\n{log.strip() or '(empty)'}\n\nstate\n{inspection.strip()}\n",
    )
    tail = [f"health: {line}" for line in health[-1:]]
    tail += [f"log: {line}" for line in log.strip().splitlines()[-8:]]
    error = GateFailed(
        f"{gate.service.key} is not healthy: {verdict.reason}",
        why="\n".join(tail) or "log: (empty)",
        hint=f"all that was seen is in {bundle}",
        host=gate.host,
        step=gate.id,
    )
    error.bundle = bundle
    return error


def _evidence(container: str, transport: Transport) -> str:
    name = words([container])
    script = (
        f"docker logs --tail 200 {name} 2>&1\nprintf '\\f'\n"
        f"docker inspect -f {shlex.quote(HEALTH_LOG)} {name} 2>&1\nprintf '\\f'\n"
        f"docker inspect -f {shlex.quote(STATE)} {name} 2>&1\n"
    )
    try:
        return transport.run(script, timeout=30).out.decode("utf-8", "replace")
    except Fenced:
        # It was another's run that took the container away.
        raise
    except FleetError as error:
        return f"(not to be had: {error.what})\f"


def _table(samples: list[Sample]) -> str:
    """A row per change: what stayed the same is counted, not repeated."""
    rows: list[tuple[float, float, str]] = []
    for sample in samples:
        results = " ".join("ok" if result.ok else f"[{result.message}]" for result in sample.results)
        exit_code = f" exit {sample.exit_code}" if sample.state != "running" else ""
        text = f"{sample.state}{exit_code} {sample.health} {results}"
        at = sample.at - samples[0].at
        if rows and rows[-1][2] == text:
            rows[-1] = (rows[-1][0], at, text)
        else:
            rows.append((at, at, text))
    return "\n".join(f"{first:6.1f} - {last:5.1f}  {text}" for first, last, text in rows)
