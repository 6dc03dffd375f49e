"""Errors of one role on one host, each with the place in the role's file."""

from __future__ import annotations

from fleet.config.yaml import Document, Path
from fleet.errors import ConfigError


class Problems:
    """Collects; nothing stops at the first error."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.found: list[ConfigError] = []

    def add(self, what: str, path: Path, *, hint: str = "", why: str = "", key: bool = False) -> None:
        """An error at the value at ``path``, or with ``key`` at its key."""
        at = self._document.key_at(path) if key else self._document.at(path)
        self.found.append(ConfigError(what, hint=hint, why=why, at=at))

    def take(self, error: ConfigError, path: Path) -> None:
        """An error that may know its place already."""
        error.at = error.at or self._document.at(path)
        self.found.append(error)
