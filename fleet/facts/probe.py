"""The shape of a probe and of what it is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fleet.model.desired import HostState
from fleet.model.found import Unknown


@dataclass(frozen=True, slots=True)
class Question:
    """What the facts of one host are gathered for."""

    project: str
    env: str
    state_dir: str
    wanted: HostState
    helper: str = ""
    """An image that no service runs in, and that may be needed all the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one probe printed on both streams, and its exit status."""

    out: str
    rc: int

    def unknown(self, what: str) -> Unknown:
        last = self.out.strip().splitlines()[-1:] or [f"exit status {self.rc}"]
        return Unknown(f"{what}: {last[0]}")


class Probe(Protocol):
    """``script`` prints, ``parse`` understands; whatever it cannot understand is Unknown."""

    name: str

    def script(self, question: Question) -> str: ...

    def parse(self, answer: Answer) -> object: ...
