"""Connections to many hosts: bounded, through shared jump hosts, each failure beside the successes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from fleet.errors import Unreachable
from fleet.secret import Keyring
from fleet.transport.base import Transport
from fleet.transport.docker_api import API_VERSION
from fleet.transport.endpoint import Endpoint
from fleet.transport.local import LocalTransport
from fleet.transport.route import Resolver, Route

if TYPE_CHECKING:
    from fleet.transport.link import Link

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
        api_version: str = API_VERSION,
    ) -> None:
        self._keyring = keyring
        self._resolver = Resolver(known_hosts, ssh_config)
        self._timeout = timeout
        self._api_version = api_version
        self._lock = threading.Lock()
        self._gateways: dict[Route, _Gateway] = {}

    def __enter__(self) -> Connector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self, endpoint: Endpoint) -> Transport:
        """Raises Unreachable, ConfigError."""
        if endpoint.connection == "local":
            return LocalTransport(endpoint, self._keyring, api_version=self._api_version)
        return self._enter(endpoint, self._route(endpoint))

    def connect_all(
        self, endpoints: Iterable[Endpoint], parallel: int = 32
    ) -> dict[str, Transport | Unreachable]:
        """By host name, in the given order. Raises ConfigError, before the first connection."""
        wanted = list(endpoints)
        # Fabric's configuration is read once and is not made for several threads.
        routes = [self._route(endpoint) for endpoint in wanted if endpoint.connection == "ssh"]
        by_name = dict(zip((e.name for e in wanted if e.connection == "ssh"), routes, strict=True))

        def one(endpoint: Endpoint) -> Transport | Unreachable:
            try:
                if endpoint.connection == "local":
                    return self.connect(endpoint)
                return self._enter(endpoint, by_name[endpoint.name])
            except Unreachable as error:
                return error

        with ThreadPoolExecutor(max(1, min(parallel, len(wanted))), "connect") as pool:
            return dict(zip((e.name for e in wanted), pool.map(one, wanted), strict=True))

    def close(self) -> None:
        with self._lock:
            gateways, self._gateways = list(self._gateways.values()), {}
        # The innermost first: it runs through the others.
        for gateway in reversed(gateways):
            gateway.close()

    def _route(self, endpoint: Endpoint) -> Route:
        with self._lock:
            return self._resolver.route(endpoint)

    def _enter(self, endpoint: Endpoint, route: Route) -> Transport:
        from fleet.transport.link import open_link  # noqa: PLC0415 - paramiko costs 100 ms
        from fleet.transport.ssh import SshTransport  # noqa: PLC0415

        *jumps, last = route
        if not jumps:
            link = open_link(endpoint.name, last, through=None, timeout=self._timeout)
        else:
            gateway = self._gateway(tuple(jumps))
            with gateway.starts:
                through = gateway.link(endpoint.name)
                link = open_link(endpoint.name, last, through=through, timeout=self._timeout)
        return SshTransport(endpoint, link, self._keyring, api_version=self._api_version)

    def _gateway(self, route: Route) -> _Gateway:
        with self._lock:
            if route not in self._gateways:
                # A way to a jump host that itself lies behind others shares those.
                self._gateways[route] = _Gateway(self, route)
            return self._gateways[route]

    def open_gateway(self, host: str, route: Route) -> Link:
        from fleet.transport.link import open_link  # noqa: PLC0415

        *before, last = route
        through = self._gateway(tuple(before)).link(host) if before else None
        return open_link(host, last, through=through, timeout=self._timeout)


class _Gateway:
    """One jump host, opened once by the first host that needs it; if it fails, all are told."""

    def __init__(self, connector: Connector, route: Route) -> None:
        self._connector = connector
        self._route = route
        self._opening = threading.Lock()
        self._link: Link | None = None
        self._failure: Unreachable | None = None
        self.starts = threading.BoundedSemaphore(STARTS_PER_JUMP_HOST)

    def link(self, host: str) -> Link:
        with self._opening:
            if self._link is None and self._failure is None:
                try:
                    self._link = self._connector.open_gateway(host, self._route)
                except Unreachable as error:
                    self._failure = error
            if self._link is not None:
                return self._link
            failure = self._failure
        if failure is None:
            raise AssertionError("a gateway is open or has failed")
        jump = self._route[-1]
        raise Unreachable(
            f"the jump host {jump} cannot be entered",
            why="\n".join(filter(None, [failure.what, failure.why])),
            hint=failure.hint,
            host=host,
        ) from failure

    def close(self) -> None:
        with self._opening:
            if self._link is not None:
                self._link.close()
                self._link = None
