"""Which requests reach a service, through whom, and what the balancers were seen to do.

A service joins a backend of a role of balancers (:class:`Membership`); a service that is a balancer says
how it is spoken to (:class:`Balancer`). A host's place in a backend is a server; with a port pair it has
two, one for each slot, so that a balancer's configuration does not change between releases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

WEIGHT = 100
"""A server's weight when it has its full share. Weights are absolute: a percentage of 1 rounds to nothing."""

COLOURS = {1: "blue", 2: "green"}
"""What the slots of a port pair are called behind a balancer."""


@dataclass(frozen=True, slots=True)
class Membership:
    """``x-fleet.load_balancer``: ``backend`` of the balancers of ``role`` sends requests to ``port`` of the
    container. ``drain_timeout``: seconds that sessions get to end in; ``slow_start``: seconds until a server
    that came back has its full share."""

    role: str
    backend: str
    port: int
    drain_timeout: float = 30
    slow_start: float = 0


@dataclass(frozen=True, slots=True)
class Balancer:
    """``x-fleet.balancer``: this service is one. Paths are those of the host.

    ``socket`` is its runtime API; ``master`` that of its master process, by which a reload is verified;
    ``state`` the file from which a new process takes over what was set at run time; ``maintenance`` the map
    of backends that are answered by a page.
    """

    kind: str
    socket: str
    master: str = ""
    state: str = ""
    maintenance: str = ""


@dataclass(frozen=True, slots=True)
class BalancerHost:
    """A balancer on one host: ``service`` is its ``role.service``."""

    host: str
    role: str
    service: str
    balancer: Balancer


@dataclass(frozen=True, slots=True)
class Server:
    """A place in a backend of the balancers of ``role``, by the names in their configuration."""

    role: str
    backend: str
    name: str

    def __str__(self) -> str:
        return f"{self.backend}/{self.name}"


@dataclass(frozen=True, slots=True)
class ServerView:
    """A server as one balancer sees it. Times in milliseconds, averaged by the balancer over its last
    requests; counters since the balancer's process began."""

    up: bool
    """Its last checks passed; also while it is drained."""
    drained: bool = False
    """Taken out by hand or by a run: it is checked, and gets no new sessions."""
    stopped: bool = False
    """In maintenance: it is not even checked."""
    weight: int = WEIGHT
    sessions: int = 0
    queued: int = 0
    check: str = ""
    """What the last check found, in the balancer's words: ``L7OK/200``."""
    requests: int = 0
    errors_5xx: int = 0
    connection_errors: int = 0
    response_errors: int = 0
    queue_ms: float = 0
    response_ms: float = 0

    @property
    def serves(self) -> bool:
        """New requests go there."""
        return self.up and not self.drained and not self.stopped and self.weight > 0


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes of one balancer: ``current`` serves, ``old`` ones end what they have begun. ``reloads`` and
    ``failed`` are counted since the master began, and since a reload last went well."""

    current: int
    old: tuple[int, ...] = ()
    reloads: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class BalancerView:
    """A balancer that answered. ``servers`` by ``backend/name``; ``clients`` are connections from outside;
    ``paged`` are backends whose requests a page answers."""

    servers: Mapping[str, ServerView] = field(default_factory=dict)
    clients: int = 0
    paged: frozenset[str] = frozenset()
