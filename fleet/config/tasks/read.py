"""All tasks and handlers of a role for one host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from fleet.config.problems import FileProblems, Problems
from fleet.config.roles.scalars import integer, name_of
from fleet.config.roles.source import RoleSource
from fleet.config.tasks.bodies import body, command
from fleet.config.tasks.items import Item, items
from fleet.config.tasks.scope import TaskScope, Wrong
from fleet.config.yaml import Document
from fleet.errors import ConfigError
from fleet.model.desired import HostState
from fleet.model.tasks import CronTask, FileTask, Handler, PackageTask, SysctlTask, Task, UserTask
from fleet.render import Variables
from fleet.secret import SealedText
from fleet.suggest import suggest


def with_tasks(state: HostState, source: RoleSource, variables: Variables, problems: Problems) -> HostState:
    """``state`` of the role, with its tasks. Incomplete when ``problems`` were added."""
    found: dict[Handler, tuple[str, ...]] = {}
    if source.handlers:
        scope = _scope(source, source.handlers, variables, problems, state.host)
        found = dict(_all_handlers(scope))
    tasks: tuple[Task, ...] = ()
    if source.tasks:
        scope = _scope(source, source.tasks, variables, problems, state.host)
        names = {name: handler.name for handler, more in found.items() for name in (handler.name, *more)}
        several = {
            topic: tuple(handler.name for handler, more in found.items() if topic in (handler.name, *more))
            for topic in names
        }
        tasks = tuple(_all_tasks(scope, several, _written_names(source)))
    return replace(state, tasks=tasks, handlers=tuple(found))


def _written_names(source: RoleSource) -> set[str]:
    """Of handlers, also of those that this host has not by their ``when``."""
    written = source.handlers.value if source.handlers else None
    found = set()
    for one in written if isinstance(written, list) else ():
        if isinstance(one, dict):
            listen = one.get("listen") or []
            found |= {one.get("name"), *(listen if isinstance(listen, list) else [listen])}
    return {str(name) for name in found if name}


def _scope(
    source: RoleSource, document: Document, variables: Variables, problems: Problems, host: str
) -> TaskScope:
    return TaskScope(source, document, variables, FileProblems(problems, document, host))


def _all_tasks(scope: TaskScope, handlers: dict[str, tuple[str, ...]], written: set[str]) -> Iterator[Task]:
    for item in items(scope):
        try:
            made = body(item)
            yield Task(
                scope.source.name,
                _name(item) or _default_name(made, item),
                made,
                _told(item),
                tuple(dict.fromkeys(_notified(item, handlers, written))),
                _timeout(item),
                scope.document.at(item.path),
            )
        except Wrong:
            continue


def _all_handlers(scope: TaskScope) -> Iterator[tuple[Handler, tuple[str, ...]]]:
    seen: set[str] = set()
    for item in items(scope, handlers=True):
        try:
            if item.module != "command":
                what = "a handler is a command"
                raise scope.wrong(what, item.at, "such as command: systemctl reload NAME", key=True)
            name = _name(item)
            if not name:
                raise scope.wrong("a handler needs a name", item.path, "tasks notify it by that")
            if name in seen:
                raise scope.wrong(f"a second handler {name!r}", (*item.path, "name"))
            seen.add(name)
            listen = item.keyword("listen") or []
            topics = tuple(map(str, listen if isinstance(listen, list) else [listen]))
            made = command(item, handler=True)
            yield Handler(scope.source.name, name, made, _told(item), _timeout(item)), topics
        except Wrong:
            continue


def _name(item: Item) -> str:
    found = item.keyword("name")
    if isinstance(found, SealedText):
        raise item.scope.wrong("name: a secret cannot stand here", (*item.path, "name"))
    return "" if found is None else " ".join(str(found).split())


def _default_name(made: object, item: Item) -> str:
    match made:
        case FileTask():
            return f"{item.module} {made.path}"
        case PackageTask():
            return f"{item.module} {', '.join(made.names)}"
        case SysctlTask() | UserTask() | CronTask():
            return f"{item.module} {made.name}"
    return item.module


def _told(item: Item) -> str:
    """As it is written: no secret is in that, and no long text."""
    given = [f"{name}={_short(value)}" for name, (value, _) in item.parameters.items()]
    words = [item.line, *given] if item.line else given
    return f"{item.scope.document.at(item.path)}: {item.key}: {' '.join(words)}"


def _short(value: object) -> str:
    text = str(value).partition("\n")[0]
    return text if len(text) <= 60 and "\n" not in str(value) else f"{text[:59]}…"


def _timeout(item: Item) -> float:
    found = item.keyword("timeout")
    if found is None:
        return 600
    try:
        seconds = integer(found)
    except ValueError:
        seconds = 0
    if seconds < 1:
        what = f"timeout: must be a number of seconds, not {name_of(found)}"
        raise item.scope.wrong(what, (*item.path, "timeout"))
    return seconds


def _notified(item: Item, handlers: dict[str, tuple[str, ...]], written: set[str]) -> Iterator[str]:
    found = item.keyword("notify")
    for number, name in enumerate(found if isinstance(found, list) else [found]):
        if name is None:
            continue
        place = (*item.path, "notify", number) if isinstance(found, list) else (*item.path, "notify")
        if not isinstance(name, str):
            raise item.scope.wrong(f"notify: must be the name of a handler, not {name_of(name)}", place)
        if name not in handlers and name not in written:
            what = f"there is no handler {name!r}{suggest(name, written)}"
            hint = f"handlers stand in {item.scope.source.shown}/handlers.yml"
            raise item.scope.wrong(what, place, hint)
        yield from handlers.get(name, ())


def twice(state: HostState) -> Iterator[ConfigError]:
    """Two tasks of a host that want different things of the same: each deploy would undo one of them."""
    seen: dict[str, tuple[object, Task]] = {}
    for task in state.tasks:
        for key, wish in _subjects(task):
            known, first = seen.setdefault(key, (wish, task))
            if known != wish:
                hint = "say all of it in one task"
                yield ConfigError(f"a second task for {key}, the first at {first.at}", hint=hint, at=task.at)


def _subjects(task: Task) -> Iterable[tuple[str, object]]:
    match task.body:
        case FileTask():
            return [(task.body.path, task.body)]
        case PackageTask():
            state = task.body.state
            return [(f"package {name.partition('=')[0]}", (name, state)) for name in task.body.names]
        case SysctlTask():
            return [(f"sysctl {task.body.name}", task.body), (task.body.file, "lines of it")]
        case UserTask():
            return [(f"user {task.body.name}", task.body)]
        case CronTask():
            where = task.body.file or task.body.user
            return [
                (f"cron job {task.body.name} of {where}", task.body),
                *([(task.body.file, "lines of it")] if task.body.file else []),
            ]
    return []
