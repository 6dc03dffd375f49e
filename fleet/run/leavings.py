"""What lies on many hosts, asked side by side: one script each."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from fleet.errors import FleetError
from fleet.facts.leavings import leavings_script, parse_leavings
from fleet.model.leavings import Leavings
from fleet.model.place import Place
from fleet.run.perform import failure
from fleet.run.tenure import now
from fleet.transport.base import Transport

SECONDS = 120
"""An engine with thousands of images takes its time to tell them."""


def look(
    place: Place, transports: Mapping[str, Transport], parallel: int
) -> tuple[dict[str, Leavings], dict[str, FleetError], dict[str, float]]:
    """By host: what lies there, or why nobody knows; and by how many seconds its clock is before
    :func:`fleet.run.tenure.now`."""
    found: dict[str, Leavings] = {}
    errors: dict[str, FleetError] = {}
    ahead: dict[str, float] = {}

    def one(item: tuple[str, Transport]) -> None:
        name, transport = item
        try:
            found[name] = ask(place, transport)
        except FleetError as error:
            error.host = error.host or name
            errors[name] = error
            return
        clock = found[name].clock
        if isinstance(clock, int):
            ahead[name] = clock - now()

    with ThreadPoolExecutor(max(1, min(parallel, len(transports)))) as pool:
        list(pool.map(one, transports.items()))
    return {name: found[name] for name in transports if name in found}, errors, ahead


def ask(place: Place, transport: Transport) -> Leavings:
    """One host, in one call. Raises FleetError."""
    mark = f"fleet-{secrets.token_hex(8)}"
    result = transport.run(leavings_script(place, mark), timeout=SECONDS)
    if not result.ok:
        raise failure("look what releases have left", result, SECONDS)
    return parse_leavings(transport.host, result.out.decode("utf-8", "replace"), mark)
