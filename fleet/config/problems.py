"""All that is wrong with an operator's files, gathered so that one run shows it whole."""

from __future__ import annotations

from typing import Protocol

from fleet.config.yaml import Path
from fleet.errors import ConfigError, ConfigErrors, FleetError, Position


class Problems:
    """Errors and warnings of one load; nothing stops at the first."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._found: dict[tuple[object, ...], tuple[FleetError, list[str]]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def error(self, what: str, at: Position | None, *, why: str = "", hint: str = "") -> None:
        self.add(ConfigError(what, why=why, hint=hint, at=at))

    def add(self, error: FleetError, host: str = "") -> None:
        """``host`` is the one that it is wrong for; the same error of many hosts is told once."""
        for one in error.errors if isinstance(error, ConfigErrors) else (error,):
            hosts = self._found.setdefault((one.at, one.what, one.why, one.hint), (one, []))[1]
            if host and host not in hosts:
                hosts.append(host)

    def warn(self, what: str, at: Position) -> None:
        self.warnings.append(f"{at}: {what}")

    def raise_any(self) -> None:
        """Raises ConfigErrors with what was gathered."""
        for error, hosts in self._found.values():
            if hosts:
                more = len(hosts) - 1
                others = f" and {more} more host{'s' if more > 1 else ''}" if more else ""
                error.why = "\n".join(filter(None, (error.why, f"on {hosts[0]}{others}")))
        if self._found:
            raise ConfigErrors([error for error, _ in self._found.values()])


class Places(Protocol):
    """Where what stands at a path is written: a file, or several that are read as one."""

    def at(self, path: Path) -> Position: ...

    def key_at(self, path: Path) -> Position: ...


class FileProblems:
    """Those of one file as one host has it, told by their paths in the file."""

    def __init__(self, problems: Problems, document: Places, host: str = "") -> None:
        self._problems = problems
        self._document = document
        self._host = host

    def add(self, what: str, path: Path, *, hint: str = "", key: bool = False) -> None:
        """An error at the value at ``path``, or with ``key`` at its key."""
        at = self._document.key_at(path) if key else self._document.at(path)
        self._problems.add(ConfigError(what, hint=hint, at=at), self._host)

    def take(self, error: ConfigError, path: Path) -> None:
        """An error that may know its place already."""
        error.at = error.at or self._document.at(path)
        self._problems.add(error, self._host)
