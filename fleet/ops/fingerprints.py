"""Marks beside the files that Fleet writes, by which a probe sees whether they are still the same.

``.sums`` says what was written; ``.fingerprints``, for files that hold secrets, of which values.
"""

from __future__ import annotations

from collections.abc import Iterable

from fleet.shell import words


def remember(names: Iterable[str], fingerprints: tuple[tuple[str, str], ...], directory: str) -> list[str]:
    """Commands that write both into ``directory`` (shell text)."""
    marks = words(["".join(f"{fingerprint} {name}\n" for name, fingerprint in fingerprints)])
    return [
        f"(umask 077; cd {directory} && sha256sum -- {words(names)} >.sums.new && mv .sums.new .sums &&",
        f"  printf %s {marks} >.fingerprints.new && mv .fingerprints.new .fingerprints)",
    ]
