"""An instance of a service as others find it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleet.model.services import Service


@dataclass(frozen=True, slots=True)
class Peer:
    """``address``: at which others find its host."""

    host: str
    address: str
    service: Service

    @property
    def name(self) -> str:
        """As its balancers would call it."""
        return instance_name(self.host, self.service.instance)


Peers = Callable[[str], Sequence[Peer]]
"""Role → what its hosts run."""


def instance_name(host: str, instance: int) -> str:
    return host if instance == 1 else f"{host}-{instance}"
