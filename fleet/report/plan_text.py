"""A plan as an operator reads it: what happens where, in which order, equal turns told once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fleet.model.gates import (
    AnyOf,
    Check,
    ControllerCheck,
    DockerCheck,
    ExecCheck,
    GateSpec,
    HttpCheck,
    LogCheck,
    RunningCheck,
    TcpCheck,
)
from fleet.ops.config import WriteConfig
from fleet.ops.containers import Create, Remove, Replace
from fleet.ops.places import MakeNetwork, MakeVolume
from fleet.ops.pull import Pull
from fleet.ops.secrets import WriteSecrets
from fleet.plan.tree import Gate, Phase, Plan, Rollout, Step, Turn
from fleet.report.names import fold


@dataclass(frozen=True, slots=True)
class Line:
    """``style``: plain, title, change, add, remove, faint, warning or error."""

    text: str
    style: str = "plain"


def plan_lines(plan: Plan, *, diff: bool = False) -> Iterator[Line]:
    """``diff`` adds each operation's difference below it."""
    for stage in plan.stages:
        if isinstance(stage, Phase):
            limit = f", {stage.limit} hosts at once" if len(stage.turns) > stage.limit else ""
            yield Line(f"{stage.title}{limit}", "title")
            yield from _turns(stage.turns, "  ", diff=diff)
        else:
            yield Line(_headline(stage), "title")
            for number, batch in enumerate(stage.batches, 1):
                yield from _turns(batch, f"  {number}. " if len(stage.batches) > 1 else "  ", diff=diff)
        yield Line("")
    for finding in plan.findings:
        where = f"{finding.host}: " if finding.host else ""
        yield Line(f"{'error' if finding.error else 'warning'}: {where}{finding.what}",
                   "error" if finding.error else "warning")  # fmt: skip
        if finding.hint:
            yield Line(f"  → {finding.hint}", "faint")
    yield Line(summary(plan), "title")


def summary(plan: Plan) -> str:
    """One line of counts."""
    kinds = {
        "to create": (Create,),
        "to replace": (Replace,),
        "to remove": (Remove,),
        "configurations to write": (WriteConfig,),
        "secret directories to write": (WriteSecrets,),
        "images to pull": (Pull,),
        "networks and volumes to create": (MakeNetwork, MakeVolume),
    }
    counts = [
        f"{count} {name}"
        for name, types in kinds.items()
        if (count := sum(isinstance(step.op, types) for step in plan.steps))
    ]
    kept = f"; {len(plan.kept)} as wanted" if plan.kept else ""
    if plan.errors:
        return f"Plan for {plan.env}: not possible ({len(plan.errors)} errors)"
    if plan.empty:
        return f"Nothing to do: {plan.env} is at {plan.version}{kept}"
    return f"Plan for {plan.env} at {plan.version}: {', '.join(counts) or 'gates only'}{kept}"


def _headline(stage: Rollout) -> str:
    policy = stage.policy
    batches = len(stage.batches)
    words = [f"{len(stage.turns)} of {stage.total} hosts" if stage.total > 1 else "1 host"]
    if batches > 1:
        sizes = list(dict.fromkeys(len(batch) for batch in stage.batches))
        words.append(f"{batches} batches of {', '.join(map(str, sizes))}")
    words.append(policy.order)
    if policy.delay:
        words.append(f"{policy.delay:g} s between")
    if stage.min_healthy:
        words.append(f"at least {stage.min_healthy} healthy")
    words.append(f"on failure: {policy.failure_action}")
    return f"{stage.service}: {', '.join(words)}"


def _turns(turns: Sequence[Turn], prefix: str, *, diff: bool) -> Iterator[Line]:
    groups: dict[tuple[tuple[str, str, tuple[str, ...]], ...], list[str]] = {}
    for turn in turns:
        content = tuple(_content(step, diff=diff) for step in turn.steps)
        groups.setdefault(content, []).append(turn.host)
    for content, hosts in groups.items():
        yield Line(f"{prefix}{fold(hosts)}")
        prefix = " " * len(prefix)
        for text, style, lines in content:
            yield Line(f"{prefix}  {text}", style)
            for line in lines:
                yield Line(f"{prefix}    {line}", {"+": "add", "-": "remove"}.get(line[:1], "faint"))


def _content(step: Step | Gate, *, diff: bool) -> tuple[str, str, tuple[str, ...]]:
    if isinstance(step, Gate):
        return f"wait until {gate_text(step.service.gate)}", "faint", ()
    style = {Create: "add", Remove: "remove", Replace: "change", WriteConfig: "change"}.get(
        type(step.op), "plain"
    )
    mark = {"add": "+ ", "remove": "- ", "change": "~ "}.get(style, "")
    return f"{mark}{step.op.describe()}", style, step.op.diff() if diff else ()


def gate_text(spec: GateSpec) -> str:
    """``docker, http :8000/health = 200; 2 in a row for 5 s, within 60 s``."""
    checks = " and ".join(map(check_text, spec.checks))
    return f"{checks}; {spec.rise} in a row for {spec.healthy_for:g} s, within {spec.deadline:g} s"


def check_text(check: Check) -> str:
    match check:
        case DockerCheck():
            text = "healthy"
        case RunningCheck():
            text = "running"
        case HttpCheck(port, path, status, match):
            text = f"http :{port}{path} is {status}" + (f" matching {match}" if match else "")
        case TcpCheck(port):
            text = f"tcp :{port}"
        case ExecCheck(command):
            text = f"exec {' '.join(command)}"
        case ControllerCheck(command):
            text = f"controller {' '.join(command)}"
        case LogCheck(pattern):
            text = f"log {pattern}"
        case AnyOf(checks):
            text = f"({' or '.join(map(check_text, checks))})"
    return text
