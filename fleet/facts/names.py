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
        return f"docker {self._kind} ls --format 'name {{{{.Name}}}}'"

    def parse(self, answer: Answer) -> tuple[str, ...] | Unknown:
        if answer.rc:
            return answer.unknown(self.name)
        # The client may warn on its other stream.
        rows = (line.split() for line in answer.out.splitlines())
        return tuple(sorted(row[1] for row in rows if row[:1] == ["name"] and len(row) == 2))
