"""Networks, by name."""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.model.found import Unknown


class NetworksProbe:
    name = "networks"

    def script(self, question: Question) -> str:
        return "docker network ls --format 'name {{.Name}}'"

    def parse(self, answer: Answer) -> tuple[str, ...] | Unknown:
        if answer.rc:
            return answer.unknown(self.name)
        # The client may warn on its other stream.
        rows = (line.split() for line in answer.out.splitlines())
        return tuple(sorted(row[1] for row in rows if row[:1] == ["name"] and len(row) == 2))
