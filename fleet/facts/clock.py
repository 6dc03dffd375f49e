"""The host's clock: what a host shall refuse after a while is told in its own time."""

from __future__ import annotations

from fleet.facts.probe import Answer, Question
from fleet.model.found import Unknown


class ClockProbe:
    """Whole seconds since 1970."""

    name = "clock"
    clock = "date +%s\n"

    def script(self, question: Question) -> str:
        return self.clock

    def parse(self, answer: Answer) -> int | Unknown:
        text = answer.out.strip()
        return int(text) if answer.rc == 0 and text.isdecimal() else answer.unknown("the clock")
