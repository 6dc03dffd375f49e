"""The "did you mean" of every message about an unknown word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(word: str, known: Iterable[str]) -> str:
    """``", did you mean 'x'?"`` with the nearest known word, or the empty string."""
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f", did you mean {names[near[0]]!r}?" if near else ""
