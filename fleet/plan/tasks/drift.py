"""Where what a release's tasks brought about is not so any more, field by field."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from fleet.facts.tasks.packages import bare
from fleet.model.desired import HostState
from fleet.model.found import HostFacts, Unknown
from fleet.model.found_tasks import FoundPath, FoundUser
from fleet.model.tasks import Body, CommandTask, CronTask, FileTask, PackageTask, SysctlTask, UserTask
from fleet.ops.tasks.files import PutFile
from fleet.ops.tasks.texts import EditCron, SetKernel
from fleet.plan.tasks.compare import TaskChange
from fleet.plan.tasks.files import Impossible, file_work, other_attributes
from fleet.plan.tasks.programs import command_work, has_groups, other_fields, package_work, user_work
from fleet.plan.tasks.texts import Texts
from fleet.secret import refs_of

AS = "as deployed"
Field = tuple[str, str, str, tuple[str, ...]]
"""What, as it was deployed, as it was found, and a unified difference."""


def task_drift(
    state: HostState, host: HostFacts, marks: Mapping[str, str], directory: str
) -> Iterator[TaskChange]:
    """``marks``: fingerprints of secrets as they were deployed. ``directory`` as of ``task_dir``."""
    if not state.tasks:
        return
    looked_at = (host.paths, host.packages, host.kernel, host.users, host.crontabs, host.commands)
    for fact in looked_at:
        if isinstance(fact, Unknown):
            yield "host tasks", "", AS, f"not known: {fact.reason}", ()
            return
    looking = _Look(host, marks, directory, Texts(host))
    seen: set[Body] = set()
    for task in state.tasks:
        if task.body not in seen:
            seen.add(task.body)
            for what, old, new, lines in looking.fields(task.body):
                yield f"task {task.role}: {task.name}", what, old, new, lines
    left = host.notified if isinstance(host.notified, tuple) else ()
    for handler in state.handlers:
        if handler.mark in left:
            yield f"handler {handler.role}: {handler.name}", "", "has run", "is still to be run", ()


class _Look:
    def __init__(self, host: HostFacts, marks: Mapping[str, str], directory: str, texts: Texts) -> None:
        self._host = host
        self._marks = marks
        self._directory = directory
        self._texts = texts

    def fields(self, body: Body) -> Iterator[Field]:
        try:
            yield from self._fields(body)
        except Impossible as wrong:
            yield "", AS, str(wrong), ()

    def _fields(self, body: Body) -> Iterator[Field]:
        match body:
            case FileTask():
                paths = self._host.paths if isinstance(self._host.paths, Mapping) else {}
                yield from self._file(body, paths.get(body.path, FoundPath(body.path)))
            case CommandTask():
                if command_work(body, self._host):
                    yield " ".join(body.argv), "done", "to be done again", ()
            case PackageTask():
                yield from self._packages(body)
            case UserTask():
                users = self._host.users if isinstance(self._host.users, Mapping) else {}
                if user_work(body, self._host):
                    yield from _user(body, users.get(body.name))
            case SysctlTask():
                work = self._texts.sysctl(body)
                if isinstance(work, SetKernel) and work.running is not None:
                    yield body.name, body.value, work.running or "not there", ()
                if isinstance(work, SetKernel) and work.edit:
                    yield body.file, "", "", _unified(work.edit.after, work.edit.before)
            case CronTask():
                cron = self._texts.cron(body)
                if isinstance(cron, EditCron):
                    yield cron.where, "", "", _unified(cron.edit.after, cron.edit.before)

    def _file(self, wish: FileTask, found: FoundPath) -> Iterator[Field]:
        if not all(str(ref) in self._marks for ref in refs_of(wish.content or "")):
            # Whether its content is what it was cannot be told.
            wish = replace(wish, content=None)
        work = file_work(wish, found, self._marks, self._directory)
        if work is None:
            return
        if wish.state == "absent":
            yield wish.path, "", "there", ()
        elif wish.state == "link":
            yield wish.path, f"link to {wish.target}", f"link to {found.link}" if found.link else "", ()
        elif found.kind == "absent":
            yield wish.path, "there", "", ()
        else:
            for what, there, wanted in other_attributes(wish, found):
                yield f"{wish.path} {what}", wanted, there, ()
            if isinstance(work, PutFile):
                yield _content(wish, found)

    def _packages(self, wish: PackageTask) -> Iterator[Field]:
        versions = self._host.packages if isinstance(self._host.packages, Mapping) else {}
        for name in wish.names:
            if package_work(replace(wish, names=(name,)), self._host):
                version = name.partition("=")[2]
                wanted = "" if wish.state == "absent" else version or "installed"
                yield f"package {bare(name)}", wanted, versions.get(bare(name), ""), ()


def _content(wish: FileTask, found: FoundPath) -> Field:
    if found.link is not None:
        return wish.path, "a file", f"link to {found.link}", ()
    if not isinstance(wish.content, str):
        return wish.path, AS, "changed; it holds secrets and is not shown", ()
    if found.content is None:
        return wish.path, AS, "changed; it is not shown", ()
    return wish.path, "", "", _unified(wish.content, found.content)


def _user(wish: UserTask, found: FoundUser | None) -> Iterator[Field]:
    user = f"user {wish.name}"
    if found is None:
        yield user, "there", "", ()
    elif wish.state == "absent":
        yield user, "", "there", ()
    else:
        for what, there, wanted in other_fields(wish, found):
            yield f"{user} {what}", wanted, there or "none", ()
        if wish.groups is not None and not has_groups(wish, found):
            yield f"{user} groups", ",".join(wish.groups) or "none", ",".join(found.groups) or "none", ()


def _unified(wanted: str, found: str) -> tuple[str, ...]:
    lines = difflib.unified_diff(wanted.splitlines(), found.splitlines(), lineterm="", n=2)
    return tuple(lines)[2:] or ("  the last line's end",)
