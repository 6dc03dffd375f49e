"""Host names folded for reading: ``web-1 web-2 web-3 db-1`` → ``web-[1-3] db-1``."""

from __future__ import annotations

import re
from collections.abc import Iterable

NUMBER = re.compile(r"(\d+)(?=\D*$)")


def fold(names: Iterable[str]) -> str:
    """Runs of three or more names that differ only in their last number become one."""
    runs: list[tuple[str, str, list[str]]] = []
    for name in names:
        match = NUMBER.search(name)
        head, tail = (name[: match.start()], name[match.end() :]) if match else (name, "")
        number = match.group() if match else ""
        if runs and match and runs[-1][:2] == (head, tail) and _follows(runs[-1][2][-1], number):
            runs[-1][2].append(number)
        else:
            runs.append((head, tail, [number]))
    words: list[str] = []
    for head, tail, numbers in runs:
        if len(numbers) > 2:
            words.append(f"{head}[{numbers[0]}-{numbers[-1]}]{tail}")
        else:
            words += [f"{head}{number}{tail}" for number in numbers]
    return " ".join(words)


def _follows(before: str, number: str) -> bool:
    return bool(before) and number == str(int(before) + 1).zfill(len(before))
