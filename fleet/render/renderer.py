"""Strings and files with Jinja2 in them, rendered over the variables of one host."""

from __future__ import annotations

import functools
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from jinja2 import Template

from fleet.errors import ConfigError
from fleet.model.hosts import is_template
from fleet.model.unsafe import Unsafe
from fleet.render.explain import explain
from fleet.render.guarded import Guarded, Marks, require, sealed
from fleet.render.interpolation import interpolate
from fleet.render.jinja import Environment, Load, is_value, text_of, text_of_all, value_of
from fleet.render.variables import Variables
from fleet.secret import Hole, SealedText, SecretRef, Text

T = TypeVar("T")


class Renderer:
    """Compiles each text once; keep one per role. All errors are ConfigError, without a position for
    strings (the caller knows the place), with the template's line for files.
    """

    def __init__(self, load: Load = lambda _: None) -> None:
        self._environment = Environment(load)
        self._globals: Mapping[str, Any] = self._environment.globals
        self._compiled = functools.cache(self._environment.from_string)

    def variables(self, raw: Mapping[str, Any], **more: Any) -> Variables:
        """Variables whose own templates are rendered by this renderer; ``more`` as for Variables."""
        return Variables(raw, self._guarded, **more)

    def lookup(self, name: str, variables: Variables) -> Any:
        """One variable, rendered, secrets as SealedText; KeyError when there is none."""
        found = variables[name]
        return _explained(lambda: unguarded(found), variables)

    def compose(self, source: str, variables: Variables) -> Any:
        """A string of a Compose file: Jinja2, then ``${VAR}`` in what was literal text.

        One expression alone keeps its type; secrets come as SealedText.
        """
        if isinstance(source, Unsafe) or ("{" not in source and "$" not in source):
            return str(source)
        parts = self._parts(source, variables) if is_template(source) else [source]
        if "$" in source and not is_value(parts):
            return self._interpolated(parts, variables)
        return _explained(lambda: unguarded(value_of(parts)), variables)

    def value(self, source: str, variables: Variables) -> Any:
        """A string of a file in Ansible's words: Jinja2 alone. Types and secrets as :meth:`compose`."""
        if isinstance(source, Unsafe) or not is_template(source):
            return str(source)
        return _explained(lambda: unguarded(value_of(self._parts(source, variables))), variables)

    def interpolate(self, source: str, variables: Mapping[str, Any]) -> Text:
        """``${VAR}`` alone, without Jinja2."""
        return self._interpolated([source], variables)

    def file(self, name: str, variables: Variables) -> Text:
        """A template file by its name; always text."""
        return _explained(
            lambda: text_of_all(self._run(self._environment.get_template(name), variables)), variables
        )

    def _guarded(self, raw: Any, variables: Variables) -> Any:
        if isinstance(raw, str):
            if isinstance(raw, Unsafe) or not is_template(raw):
                return raw
            return value_of(self._parts(raw, variables))
        if isinstance(raw, SecretRef):
            return Guarded(SealedText((Hole(raw),)))
        if isinstance(raw, dict):
            return {key: self._guarded(value, variables) for key, value in raw.items()}
        if isinstance(raw, list):
            return [self._guarded(value, variables) for value in raw]
        return raw

    def _parts(self, source: str, variables: Variables) -> list[Any]:
        return _explained(lambda: list(self._run(self._compiled(source), variables)), variables)

    def _run(self, template: Template, variables: Variables) -> Iterable[Any]:
        context = template.new_context(ChainMap(variables, self._globals), shared=True)  # type: ignore[arg-type]
        return template.root_render_func(context)

    def _interpolated(self, parts: list[Any], variables: Mapping[str, Any]) -> Text:
        # Values stand apart from the text that `${}` is looked for in.
        marks = Marks()

        def lookup(name: str) -> str | None:
            return marks.stand_in(text_of(variables[name])) if name in variables else None

        text = "".join(part if isinstance(part, str) else marks.stand_in(text_of(part)) for part in parts)
        return marks.filled(_explained(lambda: interpolate(text, lookup), variables))


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


def _explained(run: Callable[[], T], variables: Mapping[str, Any]) -> T:
    try:
        return run()
    except ConfigError:
        raise
    except Exception as error:
        raise explain(error, variables) from error
