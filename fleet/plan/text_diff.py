"""The difference of a file's content as lines."""

from __future__ import annotations

import difflib

HIDDEN = "  (not shown: it holds secrets, may not be read by others, or is large)"


def difference(path: str, old: str | None, new: str) -> list[str]:
    """``old`` None: there is no such file."""
    before = "/dev/null" if old is None else f"{path} (found)"
    shown = difflib.unified_diff((old or "").splitlines(), new.splitlines(), before, path, lineterm="", n=3)
    # Empty files and a missing last newline are differences without a line that differs.
    return list(shown) or [f"{'+' if old is None else '~'}{path}"]
