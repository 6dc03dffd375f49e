"""Errors of many hosts, each cause once: at 3 a.m. fifty equal messages are one message."""

from __future__ import annotations

from collections.abc import Mapping

from fleet.errors import FleetError
from fleet.report.names import fold


def told(errors: Mapping[str, FleetError]) -> str:
    """A block per cause, with the hosts that it stopped."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, error in errors.items():
        groups.setdefault((error.what, error.why, error.hint), []).append(name)
    return "\n".join(
        str(FleetError(what, why=why, hint=hint, host=fold(names)))
        for (what, why, hint), names in groups.items()
    )
