"""A plan as an operator reads it: what happens where, in which order, equal turns told once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fleet.model.desired import NO_VERSION
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
from fleet.ops.adopt import AdoptVolume
from fleet.ops.config import WriteConfig
from fleet.ops.containers import Create, Remove, Replace
from fleet.ops.drop_volume import DropVolume
from fleet.ops.job import RunJob
from fleet.ops.places import MakeNetwork, MakeVolume
from fleet.ops.prune import RemoveDirectory, RemoveImage
from fleet.ops.pull import Pull
from fleet.ops.secrets import WriteSecrets
from fleet.ops.snapshots import ClearAway, DropSnapshot
from fleet.ops.taking_back import GiveUp, TakeBack
from fleet.ops.tasks.change import ChangeHost, RunHandler
from fleet.ops.transitions import transition_text
from fleet.plan.keeping import OwnVolume, RestoreVolume, ShipSnapshot, TakeSnapshot, UpgradeVolume
from fleet.plan.tree import Finding, Gate, MoveVolume, Node, Phase, Plan, Rollout, Step, Trial, Turn
from fleet.report.names import fold


@dataclass(frozen=True, slots=True)
class Line:
    """``style``: plain, title, change, add, remove, faint, warning or error. ``hang``: columns by which
    what does not fit on the line is indented further."""

    text: str
    style: str = "plain"
    hang: int = 2


def plan_lines(plan: Plan, *, diff: bool = False) -> Iterator[Line]:
    """``diff`` adds each operation's difference below it."""
    yield from body_lines(plan, diff=diff)
    yield Line(summary(plan), "title")


def body_lines(plan: Plan, *, diff: bool = False) -> Iterator[Line]:
    """All but the summary."""
    for stage in plan.stages:
        if isinstance(stage, Phase):
            most = "one host" if stage.limit == 1 else f"{stage.limit} hosts"
            limit = f", {most} at once" if len(stage.turns) > stage.limit else ""
            yield Line(f"{stage.title}{limit}", "title")
            groups = [_Group(str(fold(hosts)), content) for content, hosts in _alike(stage.turns, diff=diff)]
        elif isinstance(stage, Trial):
            yield Line(f"{stage.service}: new and old side by side", "title")
            groups = [_Group(str(fold(hosts)), content) for content, hosts in _alike(stage.turns, diff=diff)]
        else:
            yield Line(_headline(stage), "title")
            yield from (Line(f"  {text}", "faint") for text in _gates(stage))
            groups = _batches(stage, diff=diff)
        for group in groups:
            yield from group.lines()
        if isinstance(stage, Trial):
            yield Line(f"  {_trial_text(stage)}", "faint")
        yield Line("")
    yield from _findings(plan)


def _findings(plan: Plan) -> Iterator[Line]:
    """Each once, with all hosts that it is about."""
    groups: dict[Finding, list[str]] = {}
    for finding in plan.findings:
        groups.setdefault(replace(finding, host=""), []).append(finding.host)
    for finding, hosts in groups.items():
        kind = "error" if finding.error else "warning"
        where = fold(filter(None, hosts))
        yield Line(f"{kind}: {f'{where}: ' if where else ''}{finding.what}", kind)
        if finding.hint:
            yield Line(f"  → {finding.hint}", "faint")


def summary(plan: Plan) -> str:
    """One line of counts."""
    nodes = [node for stage in plan.stages for turn in stage.turns for node in turn.steps]
    done = [node.op if isinstance(node, Step) else node for node in nodes]
    counts = [
        f"{count} {one if count == 1 else many}"
        for types, one, many in COUNTED
        if (count := sum(isinstance(one, types) for one in done))
    ]
    kept = f"; {len(plan.kept)} as wanted" if plan.kept else ""
    if plan.errors:
        count = len({(error.what, error.hint) for error in plan.errors})
        errors = "1 error" if count == 1 else f"{count} errors"
        return f"Plan for {plan.env}: not possible, {errors}"
    named = plan.version != NO_VERSION
    if plan.empty:
        return f"Nothing to do{f': {plan.env} is at {plan.version}' if named else f' in {plan.env}'}{kept}"
    at = f" at {plan.version}" if named else ""
    return f"Plan for {plan.env}{at}: {', '.join(counts) or 'gates only'}{kept}"


COUNTED: tuple[tuple[tuple[type, ...], str, str], ...] = (
    ((ChangeHost,), "host task to do", "host tasks to do"),
    ((RunHandler,), "handler to run", "handlers to run"),
    ((Create,), "to create", "to create"),
    ((Replace,), "to replace", "to replace"),
    ((Remove,), "to remove", "to remove"),
    ((RunJob,), "job to run", "jobs to run"),
    ((WriteConfig,), "configuration to write", "configurations to write"),
    ((WriteSecrets,), "secret directory to write", "secret directories to write"),
    ((Pull,), "image to pull", "images to pull"),
    ((MakeNetwork,), "network to create", "networks to create"),
    ((MakeVolume,), "volume to create", "volumes to create"),
    ((AdoptVolume,), "volume to adopt", "volumes to adopt"),
    ((MoveVolume,), "volume to move", "volumes to move"),
    ((DropVolume,), "volume to remove", "volumes to remove"),
    ((TakeBack,), "volume to take back", "volumes to take back"),
    ((UpgradeVolume,), "volume to upgrade", "volumes to upgrade"),
    ((OwnVolume,), "volume to change the owner of", "volumes to change the owner of"),
    ((RestoreVolume,), "volume to restore", "volumes to restore"),
    ((TakeSnapshot,), "snapshot to take", "snapshots to take"),
    ((ShipSnapshot,), "snapshot to send", "snapshots to send"),
    ((DropSnapshot,), "snapshot to remove", "snapshots to remove"),
)


def _headline(stage: Rollout) -> str:
    policy = stage.policy
    batches = len(stage.batches)
    words = [f"{len(stage.turns)} of {stage.total} hosts" if stage.total > 1 else "1 host"]
    if batches > 1:
        sizes = list(dict.fromkeys(len(batch) for batch in stage.batches))
        words.append(f"{batches} batches of {' and '.join(map(str, sizes))}")
    words.append(stage.manner)
    if policy.delay:
        words.append(f"{policy.delay:g} s between")
    if stage.min_healthy:
        words.append(f"at least {stage.min_healthy} healthy")
    words.append(f"on failure: {policy.failure_action}")
    return f"{stage.service}: {', '.join(words)}"


Content = tuple[tuple[str, str, tuple[str, ...]], ...]
"""What a turn does: text, style and difference of each of its operations."""


@dataclass(frozen=True, slots=True)
class _Group:
    hosts: str
    content: Content

    def lines(self) -> Iterator[Line]:
        yield Line(f"  {self.hosts}")
        for text, style, difference in self.content:
            yield Line(f"    {text}", style)
            for line in difference:
                yield Line(f"      {line}", {"+": "add", "-": "remove"}.get(line[:1], "faint"))


def _alike(turns: Sequence[Turn], *, diff: bool) -> list[tuple[Content, list[str]]]:
    """Hosts whose turns read the same, together."""
    groups: dict[Content, list[str]] = {}
    for turn in turns:
        content = tuple(_content(step, diff=diff) for step in turn.steps if not isinstance(step, Gate)) or (
            ("only its gate", "faint", ()),
        )
        groups.setdefault(content, []).append(turn.host)
    return list(groups.items())


def _batches(stage: Rollout, *, diff: bool) -> list[_Group]:
    """A run of batches that read the same is told once: ``batches 1-50, one host each: web-[01-50]``."""
    if len(stage.batches) == 1:
        return [_Group(fold(hosts), content) for content, hosts in _alike(stage.batches[0], diff=diff)]
    found: list[_Group] = []
    same: list[tuple[int, list[str], Content]] = []

    def flush() -> None:
        if same:
            numbers = f"batch {same[0][0]}" if len(same) == 1 else f"batches {same[0][0]}-{same[-1][0]}"
            size = len(same[0][1])
            each = f", {'one host' if size == 1 else f'{size} hosts'} each" if len(same) > 1 else ""
            hosts = fold(host for _, names, _ in same for host in names)
            found.append(_Group(f"{numbers}{each}: {hosts}", same[0][2]))
            same.clear()

    for number, batch in enumerate(stage.batches, 1):
        alike = _alike(batch, diff=diff)
        if len(alike) > 1:
            flush()
            found += [_Group(f"batch {number}: {fold(hosts)}", content) for content, hosts in alike]
            continue
        content, hosts = alike[0]
        if same and (same[0][2] != content or len(same[0][1]) != len(hosts)):
            flush()
        same.append((number, hosts, content))
    flush()
    return found


def _gates(stage: Rollout) -> list[str]:
    gates = [step for turn in stage.turns for step in turn.steps if isinstance(step, Gate)]
    tests = f"; then roles/{stage.role}/tests"
    told = [f"gate: {gate_text(one.service.gate)}{tests if one.tests else ''}" for one in gates]
    # What is waited for in the midst of a replacement is no step of its own.
    ops = [step.op for turn in stage.turns for step in turn.steps if isinstance(step, Step)]
    told += [
        f"stopped: {transition_text(op.stopped)}" for op in ops if isinstance(op, Replace) and op.stopped
    ]
    return list(dict.fromkeys(told))


def _trial_text(stage: Trial) -> str:
    """What becomes of it: ``watched for 60 s, then it waits for inv promote or inv abort``."""
    watched = f"watched for {stage.seconds:g} s" if stage.watch else f"for {stage.seconds:g} s"
    then = "then the next share" if stage.share.seconds else "then it waits for inv promote or inv abort"
    return f"{watched}, {then}" if stage.seconds else then.removeprefix("then ")


def _content(step: Node, *, diff: bool) -> tuple[str, str, tuple[str, ...]]:
    done = step.op if isinstance(step, Step) else step
    style = done.work.style if isinstance(done, ChangeHost) else STYLES.get(type(done), "plain")
    difference = step.op.diff() if diff and isinstance(step, Step) else ()
    return f"{MARKS.get(style, '')}{done.describe()}", style, difference


STYLES: dict[type, str] = {
    Create: "add",
    Remove: "remove",
    RemoveImage: "remove",
    RemoveDirectory: "remove",
    Replace: "change",
    WriteConfig: "change",
    MoveVolume: "change",
    DropVolume: "remove",
    DropSnapshot: "remove",
    ClearAway: "remove",
    RestoreVolume: "change",
    UpgradeVolume: "change",
    OwnVolume: "change",
    GiveUp: "change",
    TakeBack: "change",
}
MARKS = {"add": "+ ", "remove": "- ", "change": "~ "}


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
