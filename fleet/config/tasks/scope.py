"""One file of tasks as one host has it: its variables, and where mistakes stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet.config.problems import FileProblems
from fleet.config.roles.source import RoleSource
from fleet.config.yaml import Document, Path
from fleet.errors import ConfigError
from fleet.render import Variables
from fleet.secret import Hole, SealedText, SecretRef

FACT = re.compile(r"the variable '(ansible_\w+)' is undefined")
FACT_HINT = "facts of hosts are no variables here: write it into the inventory (group_vars)"


class Wrong(Exception):
    """A mistake that was told already; the task is left out."""


@dataclass(frozen=True, slots=True)
class TaskScope:
    source: RoleSource
    document: Document
    variables: Variables
    problems: FileProblems

    def over(self, more: Mapping[str, Any]) -> TaskScope:
        return TaskScope(self.source, self.document, self.variables.over(more), self.problems)

    def wrong(self, what: str, path: Path, hint: str = "", *, key: bool = False) -> Wrong:
        self.problems.add(what, path, hint=hint, key=key)
        return Wrong()

    def take(self, error: ConfigError, path: Path) -> Wrong:
        if FACT.search(error.what):
            error.hint = FACT_HINT
        self.problems.take(error, path)
        return Wrong()

    def rendered(self, value: Any, path: Path) -> Any:
        """What is written at ``path``, filled in. Raises Wrong."""
        if isinstance(value, dict):
            return {key: self.rendered(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.rendered(item, (*path, at)) for at, item in enumerate(value)]
        if isinstance(value, SecretRef):
            return SealedText((Hole(value),))
        if not isinstance(value, str):
            return value
        try:
            return self.source.renderer.value(value, self.variables)
        except ConfigError as error:
            raise self.take(error, path) from error

    def template(self, name: str, path: Path) -> Any:
        """A file below the role's templates. Raises Wrong."""
        try:
            return self.source.renderer.file(name, self.variables)
        except ConfigError as error:
            raise self.take(error, path) from error
