"""The stage of host tasks: before anything of a service is touched, on all hosts side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from fleet.model.desired import Desired, HostState
from fleet.model.found import Facts, HostFacts, Unknown
from fleet.model.found_tasks import FoundPath
from fleet.model.tasks import (
    Body,
    CommandTask,
    CronTask,
    FileTask,
    Handler,
    PackageTask,
    SysctlTask,
    Task,
    UserTask,
    task_dir,
)
from fleet.ops.tasks.change import ChangeHost, RunHandler, Work
from fleet.ops.tasks.texts import EditCron, SetKernel
from fleet.plan.tasks.files import Impossible, file_work
from fleet.plan.tasks.programs import command_work, package_work, user_work
from fleet.plan.tasks.texts import Texts
from fleet.plan.tree import Finding, Phase, Step, Turn

TITLE = "host tasks"


@dataclass(frozen=True, slots=True)
class HostTasks:
    phases: tuple[Phase, ...] = ()
    findings: tuple[Finding, ...] = ()


def host_tasks(desired: Desired, facts: Facts) -> HostTasks:
    """Facts must be known."""
    turns, findings = [], []
    for state in desired.hosts:
        if not state.tasks:
            continue
        host = facts.hosts[state.host]
        directory = task_dir(desired.state_dir, desired.project, desired.env)
        walk = _Walk(state, host, directory, facts.fingerprints.get(state.host, {}))
        steps = tuple(Step(state.host, op) for op in walk.ops())
        findings += walk.findings
        if steps:
            turns.append(Turn(state.host, steps))
    return HostTasks((Phase(TITLE, tuple(turns)),) if turns else (), tuple(findings))


class _Walk:
    """The tasks of one host in their order."""

    def __init__(
        self, state: HostState, facts: HostFacts, directory: str, fingerprints: Mapping[str, str]
    ) -> None:
        self.findings: list[Finding] = []
        self._state = state
        self._facts = facts
        self._directory = directory
        self._prints = fingerprints
        self._texts = Texts(facts)

    def ops(self) -> Iterator[ChangeHost | RunHandler]:
        changes = [*self._changes()]
        # What an earlier change does on the side, such as a package that brings its own configuration, is no
        # drift. So everything that the plan saw is looked at once more before the first change.
        loose = False
        above: list[str] = []
        made = []
        for task, work in changes:
            below = isinstance(task.body, FileTask) and task.body.path.startswith(tuple(above))
            guarded = not (loose or below) or isinstance(work, (EditCron, SetKernel))
            made.append((task, work, guarded))
            loose = loose or isinstance(task.body, (CommandTask, PackageTask, UserTask))
            above += [f"{task.body.path}/"] if isinstance(task.body, FileTask) else []
        ahead = tuple(work.guard() for _, work, guarded in made if not guarded and work.guard())
        for number, (task, work, guarded) in enumerate(made):
            yield ChangeHost(
                task.name,
                task.told,
                work,
                task.timeout,
                () if number else ahead,
                guarded,
                tuple(self._mark(handler) for handler in self._handlers(task)),
            )
        yield from self._notified([task for task, _ in changes])

    def _changes(self) -> Iterator[tuple[Task, Work]]:
        seen: set[Body] = set()
        for task in self._state.tasks:
            if task.body in seen:
                continue  # two roles of the host say the same
            seen.add(task.body)
            try:
                work = self._work(task.body)
            except Impossible as wrong:
                where = f"{task.at}: " if task.at else ""
                self.findings.append(Finding(True, f"{where}{wrong}", wrong.hint, self._state.host))
                continue
            if work is not None:
                yield task, work

    def _work(self, body: Body) -> Work | None:
        match body:
            case FileTask():
                paths = {} if isinstance(self._facts.paths, Unknown) else self._facts.paths
                found = paths.get(body.path, FoundPath(body.path))
                return file_work(body, found, self._prints, self._directory)
            case CommandTask():
                return command_work(body, self._facts)
            case PackageTask():
                return package_work(body, self._facts)
            case UserTask():
                return user_work(body, self._facts)
            case SysctlTask():
                return self._texts.sysctl(body)
            case CronTask():
                return self._texts.cron(body)

    def _notified(self, changed: Collection[Task]) -> Iterator[RunHandler]:
        left = self._facts.notified if isinstance(self._facts.notified, tuple) else ()
        for handler in self._state.handlers:
            names = [task.name for task in changed if handler in self._handlers(task)]
            if names or handler.mark in left:
                why = ", ".join(names) or "an earlier run, in which it did not end well"
                yield RunHandler(
                    handler.role,
                    handler.name,
                    handler.told,
                    handler.body,
                    self._mark(handler),
                    handler.timeout,
                    why,
                )

    def _handlers(self, task: Task) -> list[Handler]:
        return [one for one in self._state.handlers if one.role == task.role and one.name in task.notify]

    def _mark(self, handler: Handler) -> str:
        return f"{self._directory}/notified/{handler.mark}"
