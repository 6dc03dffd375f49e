"""The items of a file of tasks: which module each has, whether and how often it is done on this host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from fleet.config.roles.scalars import name_of
from fleet.config.tasks.modules import ALIASES, MODULES
from fleet.config.tasks.scope import TaskScope, Wrong
from fleet.config.tasks.words import KEYWORDS, REFUSED_KEYWORDS, REFUSED_MODULES
from fleet.config.yaml import Path
from fleet.secret import SealedText
from fleet.suggest import suggest

COLLECTIONS = (
    "ansible.builtin.",
    "ansible.legacy.",
    "ansible.posix.",
    "community.general.",
    "community.docker.",
)
FOR_HANDLERS, FOR_TASKS = {"listen", "changed_when"}, {"loop", "loop_control", "notify"}


@dataclass(frozen=True, slots=True)
class Item:
    """One task of one turn of its loop. ``parameters`` are as written, by the place of each in the file."""

    scope: TaskScope
    path: Path
    module: str
    key: str
    """The module as it is written."""
    parameters: dict[str, tuple[Any, Path]]
    line: str = ""
    """What a module got instead of parameters: a command."""

    def keyword(self, name: str) -> Any:
        written = self.scope.document.value[self.path[0]].get(name)
        return self.scope.rendered(written, (*self.path, name))

    @property
    def at(self) -> Path:
        """Of the module."""
        return (*self.path, self.key)


def items(scope: TaskScope, *, handlers: bool = False) -> Iterator[Item]:
    """Mistakes are told, and their tasks left out."""
    written = scope.document.value
    if written is None:
        return
    if not isinstance(written, list):
        hint = "as in tasks/main.yml of an Ansible role; handlers stand in handlers.yml"
        scope.problems.add(f"must be a list of tasks, not {name_of(written)}", (), hint=hint)
        return
    for number, one in enumerate(written):
        try:
            yield from _item(scope, one, (number,), handlers=handlers)
        except Wrong:
            continue


def _item(scope: TaskScope, written: Any, path: Path, *, handlers: bool) -> Iterator[Item]:
    if not isinstance(written, dict):
        raise scope.wrong(f"a task is a mapping, not {name_of(written)}", path)
    module, key = _module(scope, written, path)
    _check_keywords(scope, written, path, key, handlers=handlers)
    parameters, line = _parameters(scope, written, path, module, key)
    item = Item(scope, path, module, key, parameters, line)
    for turn in _turns(item):
        if _when(turn):
            yield turn


def short(key: str) -> str:
    """A module's name without its collection."""
    collection = next((one for one in COLLECTIONS if key.startswith(one)), "")
    return key.removeprefix(collection)


def _module(scope: TaskScope, written: dict[Any, Any], path: Path) -> tuple[str, str]:
    found = [key for key in written if short(str(key)) in MODULES]
    if len(found) == 1:
        return short(found[0]), found[0]
    if found:
        what = f"a task has one module, and this has {' and '.join(found)}"
        raise scope.wrong(what, (*path, found[1]), "write two tasks", key=True)
    for key in map(str, written):
        if hint := REFUSED_MODULES.get(short(key)):
            raise scope.wrong(f"the module {key!r} is not carried out by Fleet", (*path, key), hint, key=True)
        if hint := REFUSED_KEYWORDS.get(key):
            raise scope.wrong(f"{key!r} is not carried out by Fleet", (*path, key), hint, key=True)
    rest = [key for key in map(str, written) if key not in KEYWORDS]
    hint = f"known: {', '.join(MODULES)}"
    if not rest:
        raise scope.wrong("the task has no module", path, hint)
    what = f"unknown module {rest[0]!r}{suggest(short(rest[0]), MODULES)}"
    raise scope.wrong(what, (*path, rest[0]), hint, key=True)


def _check_keywords(
    scope: TaskScope, written: dict[Any, Any], path: Path, module: str, *, handlers: bool
) -> None:
    wrong: list[Wrong] = []
    for key in map(str, written):
        place = (*path, key)
        if key == module:
            continue
        if hint := REFUSED_KEYWORDS.get(key):
            wrong.append(scope.wrong(f"{key!r} is not carried out by Fleet", place, hint, key=True))
        elif key not in KEYWORDS:
            what = f"unknown keyword {key!r}{suggest(key, KEYWORDS)}"
            wrong.append(scope.wrong(what, place, key=True))
        elif key in (FOR_TASKS if handlers else FOR_HANDLERS):
            where = "tasks, not of handlers" if handlers else "handlers, not of tasks"
            wrong.append(scope.wrong(f"{key!r} is a keyword of {where}", place, key=True))
        elif key == "become" and written[key] not in (True, "true", "yes"):
            hint = "for another user write a command: runuser -u USER -- …"
            wrong.append(scope.wrong("become: tasks are done as root", place, hint))
        elif key == "changed_when" and written[key] is not False:
            wrong.append(scope.wrong("changed_when: only false, at handlers", place))
        elif key == "args" and short(module) != "command":
            wrong.append(scope.wrong("args: only of a command in one line", place, key=True))
    if wrong:
        raise wrong[0]


def _parameters(
    scope: TaskScope, written: dict[Any, Any], path: Path, module: str, key: str
) -> tuple[dict[str, tuple[Any, Path]], str]:
    value, more = written[key], written.get("args") or {}
    place = (*path, key)
    line = ""
    if isinstance(value, str) and module == "command":
        line, value = value, {}
        if any(
            word.partition("=")[0] in {"creates", "removes", "chdir"} for word in line.split() if "=" in word
        ):
            raise scope.wrong("parameters stand in the command's line", place, "write them below args:")
    if not isinstance(value, dict):
        hint = f"{key}: {{name: value}}, instead of name=value" if isinstance(value, str) else ""
        raise scope.wrong(f"{key}: parameters are a mapping, not {name_of(value)}", place, hint)
    if not isinstance(more, dict):
        raise scope.wrong(f"args: must be a mapping, not {name_of(more)}", (*path, "args"))
    found: dict[str, tuple[Any, Path]] = {}
    aliases = ALIASES.get(module, {})
    for where, given in ((place, value), ((*path, "args"), more)):
        for name, one in given.items():
            real = aliases.get(str(name), str(name))
            if real in found:
                raise scope.wrong(f"{real!r} is said twice", (*where, name), key=True)
            found[real] = (one, (*where, name))
    return found, line


def _turns(item: Item) -> Iterator[Item]:
    written = item.scope.document.value[item.path[0]]
    if "loop" not in written:
        yield item
        return
    place = (*item.path, "loop")
    found = item.keyword("loop")
    if not isinstance(found, list):
        raise item.scope.wrong(f"loop: must be a list, not {name_of(found)}", place)
    for one in found:
        yield replace(item, scope=item.scope.over({_loop_var(item, written): one}))


def _loop_var(item: Item, written: dict[str, Any]) -> str:
    control = written.get("loop_control") or {}
    place = (*item.path, "loop_control")
    if not isinstance(control, dict):
        raise item.scope.wrong("loop_control: must be a mapping", place)
    for key in control:
        if key not in {"loop_var", "label"}:
            raise item.scope.wrong(
                f"loop_control: {key!r} is not carried out by Fleet", (*place, key), key=True
            )
    return str(control.get("loop_var", "item"))


def _when(item: Item) -> bool:
    written = item.scope.document.value[item.path[0]].get("when")
    several = written if isinstance(written, list) else [written]
    for number, one in enumerate(several):
        place = (*item.path, "when", number) if isinstance(written, list) else (*item.path, "when")
        if one is not None and not _true(item.scope, one, place):
            return False
    return True


def _true(scope: TaskScope, written: Any, place: Path) -> bool:
    if isinstance(written, bool):
        return written
    if not isinstance(written, str):
        raise scope.wrong(f"when: must be an expression, not {name_of(written)}", place)
    if "{{" in written:
        raise scope.wrong("when: is an expression already", place, "leave out the {{ }}")
    found = scope.rendered("{{ " + written + " }}", place)
    if isinstance(found, str) and found.lower() in {"true", "false"}:
        return found.lower() == "true"
    if not isinstance(found, bool):
        what = f"when: gives {name_of(found)}, and must be true or false"
        hint = "" if isinstance(found, SealedText) else "compare it: … == …, … | length > 0, … is defined"
        raise scope.wrong(what, place, hint)
    return found
