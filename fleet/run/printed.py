"""What a command prints on one host, kept to be compared with what it prints on others."""

from __future__ import annotations

import hashlib

from fleet.report.grouped import Printed

MOST = 1 << 20
"""Characters that are kept of a host. All the rest is compared, too, but not shown."""


class Printing:
    """Standard output before errors: in which order the two came is chance."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {"out": [], "err": []}
        self._hashes = {"out": hashlib.sha256(), "err": hashlib.sha256()}
        self._size = 0

    def take(self, stream: str, line: str) -> None:
        self._hashes[stream].update(f"{line}\n".encode())
        self._size += len(line)
        if self._size <= MOST:
            self._lines[stream].append(line)

    def ended(self, ending: str, ok: bool) -> Printed:
        lines = [*self._lines["out"], *self._lines["err"]]
        if self._size > MOST:
            lines.append(f"… {self._size} characters in all")
        digest = "".join(one.hexdigest() for one in self._hashes.values())
        return Printed(tuple(lines), ending, ok, digest)
