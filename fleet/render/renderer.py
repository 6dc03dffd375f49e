"""Strings and files with Jinja2 in them, rendered over the variables of one host."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from jinja2 import Template

from fleet.config.yaml import Unsafe
from fleet.errors import ConfigError
from fleet.render.environment import Environment, Load, Printed, text_of
from fleet.render.explain import explain
from fleet.render.interpolation import interpolate
from fleet.render.values import Guarded, joined, require, sealed
from fleet.render.variables import Variables
from fleet.secret import Hole, SealedText, SecretRef, Text

# Values stand apart from the text that `${}` is looked for in; no value that a container can get has a NUL.
_MARK = re.compile("\0(\\d+)\0")


T = TypeVar("T")


class Renderer:
    """Compiles each text once; keep one per role. All errors are ConfigError, without a position for
    strings (the caller knows the place), with the template's line for files.
    """

    def __init__(self, load: Load = lambda _: None) -> None:
        self._environment = Environment(load)
        self._globals: Mapping[str, Any] = self._environment.globals
        self._strings: dict[str, Template] = {}

    def variables(self, raw: Mapping[str, Any], **more: Any) -> Variables:
        """Variables whose own templates are rendered by this renderer; ``more`` as for Variables."""
        return Variables(raw, self._guarded, **more)

    def value(self, raw: Any, variables: Variables) -> Any:
        """``raw``, every template in it rendered; secrets as SealedText, one expression keeps its type."""
        return _guard(lambda: unguarded(self._guarded(raw, variables)), variables)

    def lookup(self, name: str, variables: Variables) -> Any:
        """One variable, rendered; KeyError when there is none."""
        found = variables[name]
        return _guard(lambda: unguarded(found), variables)

    def compose(self, source: str, variables: Variables) -> Any:
        """A string of a Compose file: Jinja2, then ``${VAR}`` in what was literal text."""
        if "{" not in source and "$" not in source:
            return source
        parts = self._stream(source, variables) if _is_template(source) else [source]
        if len(parts) == 1 and isinstance(parts[0], Printed):
            return _guard(lambda: unguarded(_one(parts)), variables)
        if "$" not in source:
            return unguarded(_one(parts))
        return self._interpolated(parts, variables)

    def interpolate(self, source: str, variables: Mapping[str, Any]) -> Text:
        """``${VAR}`` alone, without Jinja2."""
        return self._interpolated([source], variables)

    def file(self, name: str, variables: Variables) -> Text:
        """A template file by its name; always text."""
        return _guard(
            lambda: joined(
                [text_of(part) for part in self._run(self._environment.get_template(name), variables)]
            ),
            variables,
        )

    def _guarded(self, raw: Any, variables: Variables) -> Any:
        if isinstance(raw, str):
            return self._string(raw, variables) if _is_template(raw) and not isinstance(raw, Unsafe) else raw
        if isinstance(raw, SecretRef):
            return Guarded(SealedText((Hole(raw),)))
        if isinstance(raw, SealedText):
            return Guarded(raw)
        if isinstance(raw, dict):
            return {key: self._guarded(value, variables) for key, value in raw.items()}
        if isinstance(raw, list):
            return [self._guarded(value, variables) for value in raw]
        return raw

    def _string(self, source: str, variables: Variables) -> Any:
        return _one(self._stream(source, variables))

    def _stream(self, source: str, variables: Variables) -> list[Any]:
        return _guard(lambda: list(self._run(self._compiled(source), variables)), variables)

    def _compiled(self, source: str) -> Template:
        if source not in self._strings:
            self._strings[source] = self._environment.from_string(source)
        return self._strings[source]

    def _run(self, template: Template, variables: Variables) -> Iterable[Any]:
        context = template.new_context(ChainMap(variables, self._globals), shared=True)  # type: ignore[arg-type]
        return template.root_render_func(context)

    def _interpolated(self, parts: list[Any], variables: Mapping[str, Any]) -> Text:
        values: list[Text] = []

        def mark(value: Text) -> str:
            values.append(value)
            return f"\0{len(values) - 1}\0" if value != "" else ""

        def lookup(name: str) -> str | None:
            return mark(text_of(variables[name])) if name in variables else None

        text = "".join(part if isinstance(part, str) else mark(text_of(part)) for part in parts)
        filled = _guard(lambda: interpolate(text, lookup), variables)
        pieces = _MARK.split(filled)
        return joined(values[int(piece)] if at % 2 else piece for at, piece in enumerate(pieces))


def unguarded(value: Any) -> Any:
    """A template's value for the world outside: secrets as SealedText, nothing undefined in it."""
    require(value)
    if isinstance(value, Guarded):
        return sealed(value)
    if isinstance(value, dict):
        return {key: unguarded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [unguarded(item) for item in value]
    return value


def _one(parts: list[Any]) -> Any:
    if len(parts) == 1 and isinstance(parts[0], Printed):
        return parts[0].value
    text = joined([text_of(part) for part in parts])
    return text if isinstance(text, str) else Guarded(text)


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


def _guard(run: Callable[[], T], variables: Mapping[str, Any]) -> T:
    try:
        return run()
    except ConfigError:
        raise
    except Exception as error:
        raise explain(error, variables) from error
