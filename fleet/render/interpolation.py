"""Compose's own ``${VAR}``: the forms of the Compose Specification, over the same variables as Jinja."""

from __future__ import annotations

import re
from collections.abc import Callable

from fleet.errors import ConfigError

Lookup = Callable[[str], str | None]
"""The value of a variable as text, None when it is not defined."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")


def interpolate(text: str, lookup: Lookup) -> str:
    """Fill ``$VAR``, ``${VAR}``, ``${VAR:-default}``, ``${VAR-default}``, ``${VAR:?error}``,
    ``${VAR?error}``, ``${VAR:+alternative}``, ``${VAR+alternative}``; ``$$`` is a dollar sign.

    Defaults nest. Raises ConfigError without a position: bad form, required or undefined variable.
    """
    if "$" not in text:
        return text
    return _until(text, 0, lookup, nested=False)[0]


def _until(text: str, start: int, lookup: Lookup, *, nested: bool) -> tuple[str, int]:
    """Text up to its end, or when ``nested`` up to the closing brace, and where that was."""
    out: list[str] = []
    at = start
    while at < len(text):
        character = text[at]
        if nested and character == "}":
            return "".join(out), at
        if character != "$":
            out.append(character)
            at += 1
            continue
        value, at = _dollar(text, at, lookup)
        out.append(value)
    if nested:
        raise ConfigError("'${' without its '}'", hint="close it with '}'; write '$$' for a dollar sign")
    return "".join(out), at


def _dollar(text: str, at: int, lookup: Lookup) -> tuple[str, int]:
    if text.startswith("$$", at):
        return "$", at + 2
    braces = text.startswith("${", at)
    name = _NAME.match(text, at + (2 if braces else 1))
    if not name:
        hint = "write '$$' for a dollar sign, '${NAME}' for a variable"
        raise ConfigError("'$' without a variable's name after it", hint=hint)
    if not braces:
        return _required(name[0], lookup), name.end()
    if text.startswith("}", name.end()):
        return _required(name[0], lookup), name.end() + 1
    operator = _OPERATOR.match(text, name.end())
    if not operator:
        hint = "known forms: ${VAR} ${VAR:-default} ${VAR-default} ${VAR:?error} ${VAR:+alternative}"
        raise ConfigError(f"cannot read what follows '${{{name[0]}'", hint=hint)
    return _with_operator(text, name[0], operator, lookup)


def _with_operator(text: str, name: str, operator: re.Match[str], lookup: Lookup) -> tuple[str, int]:
    value = lookup(name)
    is_set = bool(value) if operator[0].startswith(":") else value is not None
    kind = operator[0][-1]
    # The word is always read to find its end, but its own variables must exist only where it is used.
    used = is_set if kind == "+" else not is_set
    word, end = _until(text, operator.end(), lookup if used else lambda _: "", nested=True)
    if kind == "?" and not is_set:
        raise ConfigError(word or f"the variable {name!r} is required", hint=f"set {name!r} in the inventory")
    if kind == "+":
        return (word if is_set else ""), end + 1
    return ((value or "") if is_set else word), end + 1


def _required(name: str, lookup: Lookup) -> str:
    value = lookup(name)
    if value is None:
        hint = "set it in the inventory, give a default ${VAR:-…}, or write '$$' for a dollar sign"
        raise ConfigError(f"the variable {name!r} is undefined", hint=hint)
    return value
