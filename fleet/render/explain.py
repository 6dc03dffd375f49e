"""What Jinja says, as one clear message: the undefined name, the near one, the line of the template."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from jinja2 import TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import SecurityError

from fleet.errors import ConfigError, Position
from fleet.render.guarded import SecretMangled, UndefinedName
from fleet.render.variables import Lazy
from fleet.suggest import suggest

_KINDS: dict[type[Exception], str] = {
    TemplateSyntaxError: "template syntax: {error}",
    SecurityError: "not allowed in a template: {error}",
    RecursionError: "the template never ends: it includes or calls itself",
}


def explain(error: Exception, variables: Mapping[str, Any]) -> ConfigError:
    """The error as ConfigError; ``at`` is set when it happened in a template file."""
    what, hint = _words(error, variables)
    return ConfigError(what, hint=hint, at=_place(error))


def _words(error: Exception, variables: Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(error, UndefinedName):
        return _undefined(error, variables)
    if isinstance(error, SecretMangled):
        what = "a secret cannot pass through a filter, a comparison or a function"
        return what, "print it as it is: {{ name }}; make a second secret of the changed value"
    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name!r}", "put it below the role's templates/"
    for kind, what in _KINDS.items():
        if isinstance(error, kind):
            return what.format(error=getattr(error, "message", error)), ""
    return f"the template fails: {error or type(error).__name__}", ""


def _undefined(error: UndefinedName, variables: Mapping[str, Any]) -> tuple[str, str]:
    name = error.name
    if error.owner is None:
        near = suggest(str(name), variables)
        return f"the variable {name!r} is undefined{near}", "set it in the inventory or in defaults.yml"
    if isinstance(error.owner, Lazy):
        return f"{error.owner.what} has no {name!r}{suggest(str(name), error.owner)}", ""
    if isinstance(error.owner, Mapping):
        near = suggest(str(name), (str(key) for key in error.owner))
        return f"there is no {name!r} in a mapping that was asked for it{near}", ""
    return f"a value of type {type(error.owner).__name__} has no {name!r}", ""


def _place(error: Exception) -> Position | None:
    if isinstance(error, TemplateSyntaxError):
        return Position(error.filename, error.lineno) if error.filename else None
    place = None
    frame: TracebackType | None = error.__traceback__
    while frame is not None:
        template = frame.tb_frame.f_globals.get("__jinja_template__")
        if template is not None and template.name:
            place = Position(template.filename, template.get_corresponding_lineno(frame.tb_lineno))
        frame = frame.tb_next
    return place
