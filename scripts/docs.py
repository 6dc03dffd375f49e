#!/usr/bin/env python3
"""The generated parts of docs/commands.md: ``python scripts/docs.py`` writes them, a test compares.

Tasks and flags come from ``fleet.tasks.ns``, exit codes from ``fleet.errors.Exit``, the events of ``--json``
from ``fleet.report.events``.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.parser import Argument
from invoke.tasks import Task

from fleet.errors import Exit
from fleet.report import events
from fleet.tasks.common import OPTIONAL

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"

EXITS: dict[Exit, str] = {
    Exit.OK: "Done, or there was nothing to do.",
    Exit.FAILED: "Something failed on a host or in a registry, the linter refused the plan, or the question "
    "was answered with no.",
    Exit.CHANGES: "`plan`, and `--check` of every task that has it: there is something to do.",
    Exit.ROLLED_BACK: "The new version failed, and the hosts of the run are back on what they ran before.",
    Exit.USAGE: "The command line is wrong: an unknown environment, role or host, a file that is no saved "
    "plan, a question that nobody can answer.",
    Exit.CONFIG: "A file is wrong, or a secret cannot be had. Nothing was connected to.",
    Exit.UNREACHABLE: "Hosts could not be reached: name, route, port, host key or login. `deploy` and `plan` "
    "changed nothing; `status` and `exec` did what they could on the others.",
    Exit.LOCKED: "Somebody else is changing this environment, or has frozen it; or the lease of this run was "
    "lost. Says who, since when, and what to do.",
    Exit.DRIFT: "A host is not as the plan saw it, and the step that noticed did nothing; or, for "
    "`status --drift`, not as the last release left it.",
    Exit.INTERRUPTED: "^C, SIGTERM or SIGHUP. What was begun was finished first, unless a second one came.",
}

KINDS = {bool: "", int: "=NUMBER", str: "=TEXT"}


def collection() -> Collection:
    """The tasks as they are before invoke has parsed anything: it empties their help while it does."""
    loaded = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("fleet.tasks")}
    try:
        return importlib.import_module("fleet.tasks").ns
    finally:
        sys.modules.update(loaded)


def tasks() -> Iterator[str]:
    ns = collection()
    calls = {name: _arguments(ns.tasks[name]) for name in sorted(ns.tasks)}
    users: dict[tuple[str, str, str], list[str]] = {}
    for name, arguments in calls.items():
        for one in arguments:
            users.setdefault(_row(one), []).append(name)
    shared = {row: names for row, names in users.items() if len(names) > 1}
    yield "| flag of several tasks | meaning | tasks |"
    yield "|---|---|---|"
    for row, names in sorted(shared.items()):
        yield f"| `{row[0]}` | {row[1]}{row[2]} | {' '.join(names)} |"
    for name, arguments in calls.items():
        words = [f"[{_shown(one)}]" for one in arguments]
        yield f"\n### {name}\n"
        yield f"{inspect.getdoc(ns.tasks[name].body)}\n"
        yield from textwrap.wrap(
            f"inv {name} {' '.join(words)}", 100, initial_indent=" " * 4,
            subsequent_indent=" " * (9 + len(name)), break_on_hyphens=False, break_long_words=False,
        )  # fmt: skip
        own = [row for row in map(_row, arguments) if row not in shared]
        if own:
            yield "\n| flag | meaning |"
            yield "|---|---|"
        yield from (f"| `{flag}` | {meaning}{default} |" for flag, meaning, default in own)


def exits() -> Iterator[str]:
    yield "| code | name | when |"
    yield "|---|---|---|"
    for code in Exit:
        yield f"| {code.value} | {code.name.lower().replace('_', ' ')} | {EXITS[code]} |"


def records() -> Iterator[str]:
    yield "| event | fields | |"
    yield "|---|---|---|"
    for kind in typing.get_args(events.Event):
        fields = " ".join(f"`{field.name}`" for field in dataclasses.fields(kind))
        # Without a docstring of its own a dataclass gets its signature as one.
        doc = "" if (kind.__doc__ or "").startswith(f"{kind.__name__}(") else inspect.getdoc(kind) or ""
        yield f"| `{kind.__name__}` | {fields} | {_cell(doc.replace('``', '`'))} |"


def _arguments(task: Task[Any]) -> list[Argument]:
    return sorted(task.get_arguments(), key=_place)


def _place(argument: Argument) -> tuple[int, str]:
    """Words first, in their order, then flags by name."""
    name = _flag(argument)
    if name in OPTIONAL:
        return OPTIONAL.index(name), name
    return (0 if argument.positional else len(OPTIONAL)), name


def _row(argument: Argument) -> tuple[str, str, str]:
    """Flag, meaning, and a default that the meaning does not tell."""
    meaning, default = _cell(argument.help), argument.default
    known = not default or f"default {default}" in meaning
    return _shown(argument), meaning, "" if known else f"; default `{default}`"


def _flag(argument: Argument) -> str:
    return str(max(argument.names, key=len))


def _shown(argument: Argument) -> str:
    if argument.positional or _flag(argument) in OPTIONAL:
        return _flag(argument).upper()
    flag = _flag(argument).strip("_").replace("_", "-")
    return f"{'-' if len(flag) == 1 else '--'}{flag}{KINDS[argument.kind]}"


def _cell(text: Any) -> str:
    return " ".join(str(text or "").split()).replace("|", "\\|")


SECTIONS = {"tasks": tasks, "exit codes": exits, "events": records}


def page(text: str) -> str:
    """``text`` with every generated section made anew."""
    for name, section in SECTIONS.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        body = "\n".join(section()).strip()
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{body}\n\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
