"""Equal outputs of many hosts folded to one, and how the others differ from it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleet.report import events as ev

CONTEXT = 1


@dataclass(frozen=True, slots=True)
class Printed:
    """What a host's command printed and how it ended. ``digest`` is of all lines, also of those that were
    too many to keep."""

    lines: tuple[str, ...]
    ending: str
    ok: bool
    digest: str = ""


def grouped(outputs: Mapping[str, Printed]) -> Iterator[ev.Same]:
    """The largest group first; each further one with its difference from that."""
    groups: dict[Printed, list[str]] = {}
    for host, printed in outputs.items():
        groups.setdefault(printed, []).append(host)
    base: Printed | None = None
    for printed, hosts in sorted(groups.items(), key=lambda item: -len(item[1])):
        differs = _differs(base, printed) if base else ()
        yield ev.Same(tuple(hosts), printed.ending, printed.ok, printed.lines, differs)
        base = base or printed


def _differs(base: Printed, other: Printed) -> tuple[str, ...]:
    """Empty where nothing is common to both: then the lines themselves tell more."""
    if not set(base.lines) & set(other.lines):
        return ()
    found = difflib.unified_diff(base.lines, other.lines, n=CONTEXT, lineterm="")
    return tuple(line for line in found if not line.startswith(("---", "+++")))
