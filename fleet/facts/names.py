"""Networks and volumes, by name."""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.model.found import Unknown


class NamesProbe:
    """``kind`` is ``network`` or ``volume``."""

    def __init__(self, kind: str) -> None:
        self.name = f"{kind}s"
        self._kind = kind

    def script(self, question: Question) -> str:
        return f"docker {self._kind} ls --format '{{{{.Name}}}}'"

    def parse(self, answer: Answer) -> tuple[str, ...] | Unknown:
        return tuple(sorted(answer.out.split())) if answer.rc == 0 else answer.unknown(self.name)
