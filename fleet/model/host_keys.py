"""A host key that a server has shown, and what was known of it before."""

from __future__ import annotations

import base64
import enum
from collections.abc import Iterable
from dataclasses import dataclass


class Trust(enum.StrEnum):
    KNOWN = "known"
    """The environment's own file has it."""
    ELSEWHERE = "known to you"
    """The environment's file knows no key of the server, and the operator's own has this one."""
    NEW = "new"
    CHANGED = "changed"
    """Another key is known, in the environment's file or in the operator's own."""
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class HostKey:
    """``server``: address and port; ``name``: as ``known_hosts`` has it. ``against``: kind, fingerprint and
    place of other keys that are known. ``lines``: those of the environment's file that it would replace."""

    host: str
    server: str
    name: str
    kind: str
    blob: bytes
    fingerprint: str
    trust: Trust
    against: tuple[tuple[str, str, str], ...] = ()
    lines: tuple[int, ...] = ()

    @property
    def line(self) -> str:
        return f"{self.name} {self.kind} {base64.b64encode(self.blob).decode()}"


def written(text: str, keys: Iterable[HostKey]) -> str:
    """The content of a ``known_hosts`` with ``keys`` in it, each instead of the lines that it replaces.
    What else a line names keeps it. Raises ValueError for a line that names it by a pattern."""
    lines: list[str | None] = list(text.splitlines())
    added = []
    for key in keys:
        for number in key.lines:
            lines[number - 1] = _without(lines[number - 1], key.name, number)
        added.append(key.line)
    return "".join(f"{line}\n" for line in [*(line for line in lines if line is not None), *added])


def _without(line: str | None, name: str, number: int) -> str | None:
    if line is None:
        return None
    names, _, rest = line.partition(" ")
    if names.startswith("|"):
        return None  # one hashed name, and it is this one
    left = [one for one in names.split(",") if one.lower() != name.lower()]
    if len(left) == len(names.split(",")):
        raise ValueError(f"line {number} names it by the pattern {names}")
    return f"{','.join(left)} {rest}" if left else None
