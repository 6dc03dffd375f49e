"""A virtual address in memory: hosts that have it, keep it unseen or lead back, by the scripts of a move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fleet.errors import FleetError
from fleet.ops.vip import Side
from fleet.secret import Text
from fleet.transport.base import Result
from tests.support.stub import ended

OWN = "192.0.2.11"
CHANGES = ("keep", "lead", "give", "take", "clear", "disown", "rejoin")


@dataclass
class Floating:
    """``log``: what was done, as ``host word``. ``begun``: connections at the old place, one answer after the
    other. ``broken``: what fails instead, by ``host word``. ``late``: so many questions until ucarp on the
    new host means to have the address; ``deaf``: it never does."""

    address: str
    containers: dict[str, str]
    having: set[str]
    log: list[str] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    broken: dict[str, FleetError | str] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    leading: set[str] = field(default_factory=set)
    aside: set[str] = field(default_factory=set)
    late: int = 0
    deaf: bool = False
    then: Callable[[str], None] = lambda done: None

    @property
    def changes(self) -> list[str]:
        """What was done, without the questions."""
        return [one for one in self.log if one.split()[1] in CHANGES]

    def answer(self, host: str, script: str) -> Result | None:
        """None: it is not a script of a move."""
        side = Side(self.address, self.containers.get(host, ""))
        words: Sequence[tuple[str, Text]] = (
            ("has", side.has().script),
            ("ready", side.ready().script),
            ("elected", side.elected().script),
            ("begun", side.begun().script),
            ("keep", side.keep().script),
            ("give", side.give().script),
            ("take", side.take().script),
            ("clear", side.clear_up().script),
            ("disown", side.disown().script),
            ("rejoin", side.rejoin().script),
        )
        word = next((word for word, text in words if text == script), "")
        number = next((line for line in script.splitlines() if line.startswith("number=")), "")
        if number and script == side.lead_back(OWN, int(number.partition("=")[2])).script:
            self.numbers.append(number)
            word = "lead"
        return self._do(host, word) if word else None

    def _do(self, host: str, word: str) -> Result:
        done = f"{host} {word}"
        self.log.append(done)
        failure = self.broken.get(done)
        if isinstance(failure, FleetError):
            raise failure
        if failure is not None:
            return ended(1, err=failure)
        out = ""
        if word == "has":
            out = "eth0" if host in self.having else ""
        elif word == "elected":
            self.late -= 1
            out = "" if self.deaf or self.late >= 0 else "yes"
        elif word == "begun":
            out = str(self.begun.pop(0) if self.begun else 0)
        elif word == "keep":
            self.kept.add(host)
            out = OWN
        elif word == "lead":
            assert host not in self.having, "what it has it cannot lead back"
            self.leading.add(host)
        elif word == "give":
            assert host not in self.having or (host in self.kept and self.leading), "its connections are lost"
            self.having.discard(host)
            self.aside.add(host)
        elif word == "take":
            assert not self.having, "two hosts have it"
            self.having.add(host)
            self.aside.discard(host)
        elif word == "disown":
            if self.deaf:
                self.having.discard(host)
        elif word == "rejoin":
            self.aside.discard(host)
        elif word == "clear":
            self.kept.discard(host)
            self.leading.discard(host)
        self.then(done)
        return ended(0, f"{out}\n")
