"""The variables of one host: templates among them are rendered when they are asked for, and once."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fleet.errors import ConfigError, Position

Render = Callable[[Any, "Variables"], Any]


class Variables(Mapping[str, Any]):
    """``raw`` as written; ``place`` tells where a variable was written, for messages.

    Raises ConfigError from a lookup: a template in the value fails, or leads back to itself.
    """

    def __init__(
        self,
        raw: Mapping[str, Any],
        render: Render,
        place: Callable[[str], Position | None] = lambda _: None,
    ) -> None:
        self._raw = raw
        self._render = render
        self._place = place
        self._done: dict[str, Any] = {}
        self._open: list[str] = []

    def __getitem__(self, name: str) -> Any:
        if name in self._done:
            return self._done[name]
        raw = self._raw[name]
        if name in self._open:
            loop = " → ".join([*self._open[self._open.index(name) :], name])
            raise ConfigError(f"the variable {name!r} is made of itself: {loop}", at=self._place(name))
        self._open.append(name)
        try:
            value = self._done[name] = self._render(raw, self)
        except ConfigError as error:
            self._blame(error, name)
            raise
        finally:
            self._open.pop()
        return value

    def over(self, more: Mapping[str, Any]) -> Variables:
        """These, with ``more`` above them: values that are no templates any more."""
        made = Variables(ChainMap(dict(more), self._raw), self._render, self._place)  # type: ignore[arg-type]
        made._done.update(more)
        return made

    def _blame(self, error: ConfigError, name: str) -> None:
        """The innermost variable is where the mistake was written."""
        if error.at is None:
            error.at = self._place(name)
        if not error.why:
            error.why = f"in the variable {name!r}"

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class Lazy(Mapping[str, Any]):
    """A mapping whose values are made when they are asked for, such as ``hostvars``."""

    def __init__(self, names: Mapping[str, Any], make: Callable[[str], Any], what: str) -> None:
        self._names = names
        self._make = make
        self.what = what

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
