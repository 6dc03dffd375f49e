"""How a command on many hosts ends: what went wrong where, told once, and the exit code."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from fleet.app.session import Session
from fleet.app.told import told
from fleet.errors import Exit, FleetError
from fleet.report import events as ev
from fleet.report.names import fold

INTERRUPTED = "not begun: interrupted"
NOT_BEGUN = "not begun: a host before it failed"
CAUSES = 5
"""Kinds of trouble with connections that are told whole; the hosts of all others are only named."""


def conclude(
    session: Session,
    began: float,
    errors: Mapping[str, FleetError],
    causes: Mapping[str, str],
    unreached: Mapping[str, FleetError],
) -> Exit:
    """Each by host. ``errors`` are told whole; ``causes``: in a few words, of every host that failed or was
    not begun; ``unreached``: those of ``errors`` that nothing was begun on for want of a connection."""
    if errors:
        session.report.error(session.masked(trouble(errors)))
    names = [host.name for host in session.hosts]
    session.emit(finished(names, causes, unreached, time.monotonic() - began))
    if session.interrupt.asked.is_set():
        return Exit.INTERRUPTED
    if causes and set(causes) == set(unreached):
        return Exit.UNREACHABLE
    return Exit.FAILED if causes else Exit.OK


def trouble(errors: Mapping[str, FleetError]) -> str:
    """The first causes whole: behind a switch that is off, a hundred hosts have a hundred of them."""
    blocks = told(errors).split("\n")
    starts = [number for number, line in enumerate(blocks) if not line.startswith(" ")]
    if len(starts) <= CAUSES:
        return "\n".join(blocks)
    rest = len(starts) - CAUSES
    return "\n".join([*blocks[: starts[CAUSES]], f"and {rest} more like these"])


def finished(
    names: Sequence[str], causes: Mapping[str, str], unreached: Mapping[str, FleetError], seconds: float
) -> ev.RunFinished:
    total = f"{len(names)} {'host' if len(names) == 1 else 'hosts'}"
    if not causes:
        return ev.RunFinished(f"done on {total}", True, seconds)
    several = len({causes[name] for name in unreached}) > CAUSES
    hosts: dict[str, list[str]] = {}
    for name in names:
        if name in causes:
            cause = "cannot be reached" if several and name in unreached else causes[name]
            hosts.setdefault(cause, []).append(name)
    lines = tuple(f"{fold(those)}: {cause}" for cause, those in hosts.items())
    left = sum(cause in {INTERRUPTED, NOT_BEGUN} for cause in causes.values())
    outcome = f"failed on {len(causes) - left} of {total}" + (f", not begun on {left}" if left else "")
    return ev.RunFinished(outcome, False, seconds, lines)
