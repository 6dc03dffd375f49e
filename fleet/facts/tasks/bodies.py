"""Tasks of one kind, and what all their probes begin with."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TypeVar

from fleet.facts.probe import Answer, Question
from fleet.model.found import Unknown
from fleet.model.tasks import CommandTask, CronTask, FileTask, PackageTask, SysctlTask, UserTask

B = TypeVar("B", FileTask, CommandTask, PackageTask, SysctlTask, UserTask, CronTask)

AS_ROOT = '[ "$(id -u)" = 0 ] || exit 0\n'
"""Others than root may not see all: what is hidden from them must not be taken for absent. That it is not
root :class:`fleet.facts.tasks.notified.NotifiedProbe` tells."""

ENCODE = 'encode() { [ -n "$1" ] && printf %s "$1" | base64 | tr -d \'\\n\' || printf -- -; }\n'


def bodies(question: Question, kind: type[B]) -> Iterator[B]:
    return (task.body for task in question.wanted.tasks if isinstance(task.body, kind))


def told(answer: Answer, what: str, word: str, columns: int) -> list[list[str]] | Unknown:
    """The columns of each line, all of which begin with ``word``."""
    rows = [line.split(" ") for line in answer.out.splitlines()]
    if answer.rc or any(row[0] != word or len(row) != columns + 1 for row in rows):
        return answer.unknown(what)
    return [row[1:] for row in rows]


def decoded(word: str) -> str:
    """Raises ValueError when it is not what ``encode`` prints."""
    return "" if word == "-" else base64.b64decode(word, validate=True).decode("utf-8", "surrogateescape")
