"""Compose's own ``${VAR}``: the forms of the Compose Specification, over the same variables as Jinja."""

from __future__ import annotations

import re
from collections.abc import Callable

from fleet.errors import ConfigError

Lookup = Callable[[str], str | None]
"""The value of a variable as text, None when it is not defined."""

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_DOLLAR = re.compile(
    rf"\$(?:(?P<escaped>\$)|(?P<bare>{_NAME})|{{(?P<name>{_NAME})(?:}}|(?P<operator>:?[-?+])|(?P<strange>)))"
)


def interpolate(text: str, lookup: Lookup) -> str:
    """Fill ``$VAR``, ``${VAR}``, ``${VAR:-default}``, ``${VAR-default}``, ``${VAR:?error}``,
    ``${VAR?error}``, ``${VAR:+alternative}``, ``${VAR+alternative}``; ``$$`` is a dollar sign.

    Defaults nest. Raises ConfigError without a position: bad form, required or undefined variable.
    """
    if "$" not in text:
        return text
    return _until(text, 0, lookup, nested=False)[0]


def _until(text: str, at: int, lookup: Lookup, *, nested: bool) -> tuple[str, int]:
    """Text up to its end, or when ``nested`` up to the closing brace, and where that was."""
    out = []
    stop = re.compile("[$}]" if nested else "[$]")
    while found := stop.search(text, at):
        out.append(text[at : found.start()])
        if found[0] == "}":
            return "".join(out), found.start()
        value, at = _dollar(text, found.start(), lookup)
        out.append(value)
    if nested:
        raise ConfigError("'${' without its '}'", hint="close it with '}'; write '$$' for a dollar sign")
    return "".join(out) + text[at:], len(text)


def _dollar(text: str, at: int, lookup: Lookup) -> tuple[str, int]:
    found = _DOLLAR.match(text, at)
    if not found:
        hint = "write '$$' for a dollar sign, '${NAME}' for a variable"
        raise ConfigError("'$' without a variable's name after it", hint=hint)
    if found["strange"] is not None:
        hint = "known forms: ${VAR} ${VAR:-default} ${VAR-default} ${VAR:?error} ${VAR:+alternative}"
        raise ConfigError(f"cannot read what follows '${{{found['name']}'", hint=hint)
    if found["operator"]:
        return _with_operator(text, found, lookup)
    return "$" if found["escaped"] else _required(found["bare"] or found["name"], lookup), found.end()


def _with_operator(text: str, found: re.Match[str], lookup: Lookup) -> tuple[str, int]:
    name, operator = found["name"], found["operator"]
    value = lookup(name)
    is_set = bool(value) if operator.startswith(":") else value is not None
    # The word is always read to find its end, but its own variables must exist only where it is used.
    used = is_set == operator.endswith("+")
    word, end = _until(text, found.end(), lookup if used else lambda _: "", nested=True)
    if operator.endswith("?") and not is_set:
        raise ConfigError(word or f"the variable {name!r} is required", hint=f"set {name!r} in the inventory")
    if operator.endswith("+"):
        return word if is_set else "", end + 1
    return (value or "") if is_set else word, end + 1


def _required(name: str, lookup: Lookup) -> str:
    value = lookup(name)
    if value is None:
        hint = "set it in the inventory, give a default ${VAR:-…}, or write '$$' for a dollar sign"
        raise ConfigError(f"the variable {name!r} is undefined", hint=hint)
    return value
