"""Connections to many hosts: bounded, through shared jump hosts, each failure beside the successes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from fleet.errors import Unreachable
from fleet.secret import Keyring
from fleet.transport.base import HandTransport
from fleet.transport.endpoint import Endpoint
from fleet.transport.known_hosts import KnownHosts
from fleet.transport.local import LocalTransport
from fleet.transport.route import Resolver, Route

if TYPE_CHECKING:
    from fleet.transport.link import Link

Use = Callable[[str, HandTransport | Unreachable], None]

STARTS_PER_JUMP_HOST = 8
"""Below sshd's default MaxStartups of 10, past which it drops connections at random."""


class Connector:
    """Opens connections; closing it closes the jump hosts, too.

    ``known_hosts``: the environment's own files, asked before the operator's. ``timeout`` in seconds, for
    each of TCP connection, handshake, login. ``ssh_config``: instead of ``~/.ssh/config``.
    """

    def __init__(
        self,
        keyring: Keyring,
        *,
        known_hosts: Sequence[Path] = (),
        ssh_config: Path | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._keyring = keyring
        self._resolver = Resolver(known_hosts, ssh_config)
        self._known = KnownHosts()
        self._timeout = timeout
        self._lock = threading.Lock()
        self._gateways: dict[Route, _Gateway] = {}

    def __enter__(self) -> Connector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self, endpoint: Endpoint) -> HandTransport:
        """Raises Unreachable, ConfigError."""
        result = self.connect_all([endpoint])[endpoint.name]
        if isinstance(result, Unreachable):
            raise result
        return result

    def connect_all(
        self,
        endpoints: Iterable[Endpoint],
        parallel: int = 32,
        use: Use | None = None,
        lasting: bool = False,
    ) -> dict[str, HandTransport | Unreachable]:
        """By host name, in the given order. Raises ConfigError, before the first connection. ``use`` is
        called with each as soon as it is there, ``parallel`` of them at once; if ``lasting`` all at once,
        and only to connect is done by ``parallel`` at once."""
        # Fabric's configuration is read once and is not made for several threads.
        with self._lock:
            ways = [
                (endpoint, self._resolver.route(endpoint) if endpoint.connection == "ssh" else ())
                for endpoint in endpoints
            ]
            for gateway in self._gateways.values():
                gateway.failure = None

        def one(way: tuple[Endpoint, Route]) -> HandTransport | Unreachable:
            result: HandTransport | Unreachable
            with entering:
                try:
                    result = self._enter(*way)
                except Unreachable as error:
                    result = error
            if use is not None:
                use(way[0].name, result)
            return result

        entering = threading.BoundedSemaphore(max(1, parallel))
        threads = len(ways) if lasting else min(parallel, len(ways))
        with ThreadPoolExecutor(max(1, threads), "connect") as pool:
            return dict(zip((endpoint.name for endpoint, _ in ways), pool.map(one, ways), strict=True))

    def close(self) -> None:
        with self._lock:
            gateways, self._gateways = self._gateways, {}
        for gateway in gateways.values():
            gateway.close()

    def _enter(self, endpoint: Endpoint, route: Route) -> HandTransport:
        if not route:
            return LocalTransport(endpoint, self._keyring)
        from fleet.transport.ssh import SshTransport  # noqa: PLC0415 - paramiko costs 100 ms

        return SshTransport(endpoint, self.open(endpoint.name, route), self._keyring)

    def open(self, host: str, route: Route) -> Link:
        """A connection to the end of ``route``. Raises Unreachable in the name of ``host``."""
        from fleet.transport.link import open_link  # noqa: PLC0415

        *jumps, last = route
        if not jumps:
            return open_link(host, last, self._known, through=None, timeout=self._timeout)
        with self._lock:
            # A way to a jump host that itself lies behind others shares those.
            gateway = self._gateways.setdefault(tuple(jumps), _Gateway(self, tuple(jumps)))
        with gateway.starts:
            through = gateway.link(host)
            return open_link(host, last, self._known, through=through, timeout=self._timeout)


class _Gateway:
    """A connection to a jump host, shared by the hosts behind it and opened again when it is lost.

    ``failure`` is told to all who ask, and nobody tries again, until it is set to None.
    """

    def __init__(self, connector: Connector, route: Route) -> None:
        self._connector = connector
        self._route = route
        self._opening = threading.Lock()
        self._link: Link | None = None
        self.failure: Unreachable | None = None
        self.starts = threading.BoundedSemaphore(STARTS_PER_JUMP_HOST)

    def link(self, host: str) -> Link:
        with self._opening:
            if self._link is not None and self._link.is_active():
                return self._link
            if self.failure is None:
                try:
                    self._link = self._connector.open(host, self._route)
                except Unreachable as error:
                    self.failure = error
                else:
                    return self._link
        raise Unreachable(
            f"the jump host {self._route[-1]} cannot be entered",
            why="\n".join(filter(None, [self.failure.what, self.failure.why])),
            hint=self.failure.hint,
            host=host,
        ) from self.failure

    def close(self) -> None:
        with self._opening:
            if self._link is not None:
                self._link.close()
