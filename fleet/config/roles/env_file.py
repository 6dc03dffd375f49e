"""Environment files (``env_file``) as Compose reads them: quotes, comments, ``export``, ``${VAR}``."""

from __future__ import annotations

import re
from collections.abc import Callable

from fleet.errors import ConfigError, Position
from fleet.secret import Text

Interpolate = Callable[[str, dict[str, Text]], Text]
"""Fills ``${VAR}`` in a value from the names above it and the inventory."""

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*(=|:|$)[ \t]*", re.MULTILINE)
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|$)")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$$"}


def parse(text: str, file: str, interpolate: Interpolate, *, raw: bool = False) -> dict[str, Text | None]:
    """Names and values in order; None for a name without ``=``. ``raw``: values as they stand.

    Raises ConfigError at the line: no name, a quote that is not closed, an undefined variable.
    """
    text = text.replace("\r\n", "\n")
    found: dict[str, Text | None] = {}
    at = 0
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank and blank.end() > at:
            at = blank.end()
            continue
        place = Position(file, text.count("\n", 0, at) + 1)
        name = _NAME.match(text, at)
        if not name:
            raise ConfigError("not of the form NAME=value", at=place)
        if not name[2]:
            found[name[1]] = None
            at = name.end()
            continue
        seen = {key: value for key, value in found.items() if value is not None}
        try:
            found[name[1]], at = _value(text, name.end(), lambda v, seen=seen: interpolate(v, seen), raw)  # type: ignore[misc]
        except ConfigError as error:
            error.at = error.at or place
            raise
    return found


def _value(text: str, at: int, interpolate: Callable[[str], Text], raw: bool) -> tuple[Text, int]:
    quote = text[at : at + 1]
    if raw or quote not in ("'", '"'):
        end = text.find("\n", at) if "\n" in text[at:] else len(text)
        bare = text[at:end]
        return (bare if raw else interpolate(_COMMENT.sub("", bare).rstrip())), end
    quoted = (_SINGLE if quote == "'" else _DOUBLE).match(text, at)
    if not quoted:
        raise ConfigError(f"the quote {quote} is not closed")
    rest = _BLANK.match(text, quoted.end())
    if not rest:
        raise ConfigError("text after the closing quote")
    if quote == "'":
        return quoted[1], rest.end()
    return interpolate(_unescaped(quoted[1])), rest.end()


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), value, flags=re.DOTALL)
