"""What the ledger's scripts print, taken apart: words after an ``@``, and files under ``head``'s titles.

Anything else in between is what a program said besides, and is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_TITLE = re.compile(r"^==> (\S+) <==$")
_ENTRY = re.compile(r"^(\d+)\.e(\d+)$")


def said(answer: str, word: str) -> list[str]:
    """What follows ``@word`` on each line that begins with it."""
    beginning = f"@{word} "
    return [line.removeprefix(beginning) for line in answer.split("\n") if line.startswith(beginning)]


def files(answer: str) -> dict[str, str]:
    """Text by name. A line with an ``@`` ends the file before it."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in answer.split("\n"):
        if title := _TITLE.match(line):
            lines = found.setdefault(title[1], [])
        elif line.startswith("@"):
            lines = []
        elif line:
            lines.append(line)
    return {name: "".join(f"{line}\n" for line in lines) for name, lines in found.items()}


def entry_names(number: int, names: Iterable[str]) -> Mapping[int, str]:
    """The entries of a release by their index, in order."""
    found = {}
    for name in names:
        if (match := _ENTRY.match(name)) and int(match[1]) == number:
            found[int(match[2])] = name
    return dict(sorted(found.items()))
