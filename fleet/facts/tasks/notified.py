"""Handlers that a task has notified and that have not ended well yet."""

from __future__ import annotations

import re

from fleet.facts.probe import Answer, Question
from fleet.model.found import Unknown
from fleet.model.tasks import task_dir
from fleet.shell import words

MARK = re.compile("[0-9a-f]{16}")


class NotifiedProbe:
    name = "notified"

    def script(self, question: Question) -> str:
        if not question.wanted.tasks:
            return ""
        directory = f"{task_dir(question.state_dir, question.project, question.env)}/notified"
        return (
            '[ "$(id -u)" = 0 ] || { echo "the login user is not root"; exit 1; }\n'
            f"dir={words([directory])}\n"
            '[ ! -d "$dir" ] || ls "$dir"\n'
        )

    def parse(self, answer: Answer) -> tuple[str, ...] | Unknown:
        names = answer.out.split()
        if answer.rc or not all(map(MARK.fullmatch, names)):
            return answer.unknown("what host tasks need")
        return tuple(names)
