"""The host keys that servers show, without a login: to be looked at, compared and then trusted."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from fleet.errors import Unreachable
from fleet.model.host_keys import HostKey, Trust
from fleet.secret import Keyring
from fleet.transport.connect import Connector
from fleet.transport.endpoint import Endpoint
from fleet.transport.known_hosts import KnownHosts, KnownKey, fingerprint
from fleet.transport.route import Resolver, Route

if TYPE_CHECKING:
    from fleet.transport.link import Link


@dataclass(frozen=True, slots=True)
class Way:
    """The way to a server whose key is asked for. ``host``: as the inventory calls it, or, for a jump host
    that it does not name, its address."""

    host: str
    route: Route


class Scanner:
    """``known_hosts`` is the environment's own file; ``ssh_config`` instead of ``~/.ssh/config``."""

    def __init__(self, known_hosts: Path, ssh_config: Path | None = None, timeout: float = 10.0) -> None:
        self._file = known_hosts
        self._resolver = Resolver((known_hosts,), ssh_config)
        self._connector = Connector(
            Keyring({}), known_hosts=(known_hosts,), ssh_config=ssh_config, timeout=timeout
        )
        self._known = KnownHosts()
        self._timeout = timeout
        self._lock = threading.Lock()
        self._jumps: dict[Route, Link | Unreachable] = {}

    def __enter__(self) -> Scanner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for link in self._jumps.values():
            if not isinstance(link, Unreachable):
                link.close()
        self._connector.close()

    def ways(self, endpoints: Iterable[Endpoint]) -> tuple[Way, ...]:
        """To every server that is entered on the way to those hosts, the nearest first, each once. Raises
        ConfigError."""
        routes = {one.name: self._resolver.route(one) for one in endpoints if one.connection == "ssh"}
        found = {_servers(route): Way(name, route) for name, route in routes.items()}
        for route in routes.values():
            for length in range(1, len(route)):
                jumps = route[:length]
                found.setdefault(_servers(jumps), Way(str(jumps[-1]), jumps))
        return tuple(sorted(found.values(), key=lambda way: len(way.route)))

    def scan(self, ways: Sequence[Way], parallel: int) -> Mapping[str, HostKey | Unreachable]:
        """By host. Jump hosts must be trusted already."""

        def one(way: Way) -> HostKey | Unreachable:
            try:
                return self._shown(way)
            except Unreachable as error:
                return error

        with ThreadPoolExecutor(max(1, min(parallel, len(ways))), "scan") as pool:
            return dict(zip((way.host for way in ways), pool.map(one, ways), strict=True))

    def _shown(self, way: Way) -> HostKey:
        from fleet.transport.link import key_name, shown_key  # noqa: PLC0415 - paramiko costs 100 ms

        *jumps, hop = way.route
        name = key_name(hop)
        ours = self._known.keys((self._file,), name)
        # The operator's own files may know a host that the environment's does not know yet.
        others = self._known.keys([file for file in hop.known_hosts if file != self._file], name)
        known = _valid(ours) or _valid(others)
        through = self._through(way.host, tuple(jumps)) if jumps else None
        kind, blob = shown_key(way.host, hop, known, through=through, timeout=self._timeout)
        revoked = any(key.revoked and key.blob == blob for key in (*ours, *others))
        same = any(key.blob == blob for key in known)
        trust = Trust.REVOKED if revoked else _trust(same=same, ours=bool(_valid(ours)), known=bool(known))
        against = () if same else tuple((key.kind, fingerprint(key.blob), key.place) for key in known)
        lines = tuple(key.line for key in _valid(ours) if not same)
        return HostKey(way.host, str(hop), name, kind, blob, fingerprint(blob), trust, against, lines)

    def _through(self, host: str, jumps: Route) -> Link:
        with self._lock:
            if jumps not in self._jumps:
                try:
                    self._jumps[jumps] = self._connector.open(host, jumps)
                except Unreachable as error:
                    self._jumps[jumps] = error
            link = self._jumps[jumps]
        if isinstance(link, Unreachable):
            what = f"the jump host {jumps[-1]} cannot be entered"
            raise Unreachable(what, why=link.what, hint=link.hint, host=host) from link
        return link


def _servers(route: Route) -> tuple[tuple[str, int], ...]:
    """Whoever logs in there, it shows the same key."""
    return tuple((hop.address, hop.port) for hop in route)


def _valid(keys: Iterable[KnownKey]) -> list[KnownKey]:
    return [key for key in keys if not key.revoked]


def _trust(*, same: bool, ours: bool, known: bool) -> Trust:
    if same:
        return Trust.KNOWN if ours else Trust.ELSEWHERE
    return Trust.CHANGED if known else Trust.NEW
