"""POSIX shell text, quoted by construction; a secret inside stays a hole."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from fleet.secret import Hole, SealedText, Text, concat


def quote(value: Text) -> Text:
    """One shell word. A secret is quoted when it is filled in, by the same rule."""
    if isinstance(value, str):
        return shlex.quote(value)
    parts: list[str | Hole] = ["'"]
    for part in value.parts:
        parts.append(part.replace("'", "'\\''") if isinstance(part, str) else Hole(part.ref, quoted=True))
    return SealedText((*parts, "'"))


def words(values: Iterable[str]) -> str:
    """Words that hold no secret, as one command."""
    return " ".join(shlex.quote(value) for value in values)


def lines(parts: Iterable[Text]) -> Text:
    """Commands, one a line, ended by a newline."""
    return concat((*parts, ""), "\n")
