"""What every operation offers its readers: the plan's printer, its linter, and the executor."""

from __future__ import annotations

from typing import Protocol

from fleet.ops.effects import Effect


class Op(Protocol):
    @property
    def target(self) -> str:
        """What it changes, unique on its host: ``container:web.app``."""

    @property
    def timeout(self) -> float:
        """Seconds that each of its effects may take."""

    def describe(self) -> str:
        """One line, in the imperative: ``replace web.app (image …)``."""

    def diff(self) -> tuple[str, ...]:
        """Lines in unified style, ``-`` before and ``+`` after; none when the line says it all."""

    def effects(self) -> tuple[Effect, ...]:
        """What is done, in order; each is guarded, and each may be done again after a cut."""
