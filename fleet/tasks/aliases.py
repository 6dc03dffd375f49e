"""Short names of the project's own: ``fleet: {aliases: {stage: deploy --env staging}}`` in its invoke.yaml.

An alias is its task with other defaults: it takes the same flags, and those that are typed win.
"""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.exceptions import ParseError
from invoke.parser import Parser
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.tasks import Task

from fleet.app.root import nearest
from fleet.errors import ConfigError
from fleet.suggest import suggest
from fleet.tasks.common import OPTIONAL, POSITIONAL, bare_words

FILE = "invoke.yaml"


def with_aliases(tasks: Collection, start: Path) -> Collection:
    """``tasks``, and those that the project around ``start`` has named; a mistake there ends the program."""
    root = nearest(start)
    try:
        for name, line in _read(root / FILE if root else Path()).items():
            tasks.add_task(_alias(name, line, tasks))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
    return tasks


def _read(file: Path) -> Mapping[str, str]:
    """Raises ConfigError. A file that is no YAML is the reader's of the rest to tell."""
    if not file.is_file():
        return {}
    import yaml  # noqa: PLC0415

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    settings = found.get("fleet") if isinstance(found, Mapping) else None
    aliases = settings.get("aliases") if isinstance(settings, Mapping) else None
    if not isinstance(aliases or {}, Mapping):
        raise _wrong("fleet.aliases", "it is a mapping of names to lines")
    for name, line in (aliases or {}).items():
        if not isinstance(name, str) or not isinstance(line, str):
            raise _wrong(f"fleet.aliases.{name}", "a name and a line, as in stage: deploy --env staging")
    return aliases or {}


def _alias(name: str, line: str, tasks: Collection) -> Task[Any]:
    """Raises ConfigError."""
    where = f"fleet.aliases.{name}"
    try:
        task, *words = shlex.split(line) or [""]
    except ValueError as error:
        raise _wrong(where, str(error)) from error
    if name in tasks.tasks:
        raise _wrong(where, "there is a task of that name")
    if task not in tasks.tasks:
        raise _wrong(where, f"there is no task {task!r}{suggest(task, tasks.tasks)}")
    target = tasks.tasks[task]
    try:
        presets = _presets(target, words)
    except ParseError as error:
        raise _wrong(where, str(error)) from error
    signature = inspect.signature(target.body)
    parameters = [
        one.replace(default=presets[one.name]) if one.name in presets else one
        for one in signature.parameters.values()
    ]

    def run(*args: Any, **typed: Any) -> None:
        target.body(*args, **typed)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__name__ = name
    run.__doc__ = f"{line} (invoke.yaml)."
    positional = [one for one in target.positional if one not in presets]
    return Task(run, name, help=target.help, positional=positional, auto_shortflags=False)


def _presets(target: Task[Any], words: list[str]) -> dict[str, Any]:
    """The values that ``words`` give to arguments of the task. Raises ParseError."""
    own = words[: words.index("--")] if "--" in words else words
    arguments = _arguments(target, own)
    context = ParserContext(name=target.name, args=arguments)
    (parsed,) = Parser(contexts=[context]).parse_argv([target.name, *own])
    found = {_name(one): one.value for one in parsed.args.values() if one.got_value}
    if len(own) < len(words) and "command" in inspect.signature(target.body).parameters:
        found["command"] = shlex.join(words[len(own) + 1 :])
    return found


def _arguments(target: Task[Any], words: list[str]) -> list[Argument]:
    """Those of the task, as many of them without a flag as ``words`` has: others may be typed later."""
    # invoke takes the help texts out of a task as it reads them.
    texts = dict(target.help)
    arguments = target.get_arguments()
    target.help = texts
    flags = [one for one in inspect.signature(target.body).parameters.values() if one.name != "ctx"]
    bare = bare_words(target.name, flags, [target.name, *words])
    names = [name for name in (*POSITIONAL, *OPTIONAL) if name in {flag.name for flag in flags}][:bare]
    for one in arguments:
        one.positional = _name(one) in names
    return sorted(arguments, key=lambda one: names.index(_name(one)) if one.positional else len(names))


def _name(argument: Argument) -> str:
    return str(argument.attr_name or argument.name).replace("-", "_")


def _wrong(where: str, why: str) -> ConfigError:
    return ConfigError(f"{FILE}: {where}: {why}")
