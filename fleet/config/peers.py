"""Who else there is: the services of a role on all its hosts."""

from __future__ import annotations

from fleet.config.elsewhere import Elsewhere
from fleet.config.roles.glimpse import EVERY
from fleet.config.roles.peer import Peer


class Peers:
    """Of each role once, when the first asks."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere
        self._found: dict[str, tuple[Peer, ...]] = {}

    def __call__(self, role: str) -> tuple[Peer, ...]:
        """In inventory order; none of a role that has no hosts here."""
        if role not in self._found:
            self._found[role] = self._seen(role) if role in self._elsewhere.sources else ()
        return self._found[role]

    def _seen(self, role: str) -> tuple[Peer, ...]:
        there = self._elsewhere
        return tuple(
            Peer(host, there.address(host), service)
            for host in there.inventory.groups[role].members
            for service in there.services(EVERY, there.sources[role], host)
        )
