"""``backends``: what templates see of the services that balancers send requests to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fleet.errors import ConfigError
from fleet.model.balancing import COLOURS
from fleet.model.servers import port_of, servers
from fleet.model.services import Service

Rows = Mapping[str, list[dict[str, Any]]]
"""Backend → its servers."""


class Backends(Mapping[str, list[dict[str, Any]]]):
    """Found when the first template asks, and once."""

    def __init__(self, find: Callable[[], Rows]) -> None:
        self._find = find
        self._found: Rows | None = None
        self._open = False

    @property
    def _rows(self) -> Rows:
        if self._found is None:
            if self._open:
                what = "'backends' is made of itself: this says which servers are in it"
                hint = "use it in the balancers' files, not in ports or x-fleet of what they send requests to"
                raise ConfigError(what, hint=hint)
            self._open = True
            try:
                self._found = self._find()
            finally:
                self._open = False
        return self._found

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def rows(service: Service, host: str, address: str, behind: bool) -> Iterator[dict[str, Any]]:
    """The servers of one service on one host, as templates see them."""
    found = servers(service, host)
    for slot, server in enumerate(found, 1):
        yield {
            "name": server.name,
            "host": host,
            "address": address,
            "port": port_of(service, slot),
            "slot": slot,
            "instance": service.instance,
            "colour": COLOURS[slot] if len(found) > 1 else "",
            "behind": behind,
        }
