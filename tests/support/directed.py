"""HAProxy in memory under a test's direction: sessions that end, clients that go on, nobody who listens."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from fleet.transport.base import SocketGone
from tests.support.haproxy import DRAIN, GOOD, MAINT, RUNNING, STOPPED, FakeHaproxy, FakeServer


@dataclass
class Server(FakeServer):
    """``left``: its sessions at each request to come, the last of them for good; ``well``: what its check
    finds; ``requests`` and ``errors`` are counted. ``slow``: milliseconds of an answer."""

    left: list[int] = field(default_factory=lambda: [0])
    well: Callable[[], bool] = lambda: True
    requests: int = 0
    errors: int = 0
    slow: int = 5

    def begin(self) -> None:
        super().begin()
        self.seen = GOOD

    @property
    def up(self) -> bool:
        return self.op == RUNNING

    @property
    def serves(self) -> bool:
        return self.up and not self.admin & (MAINT | DRAIN) and self.now > 0

    def put(self, admin: int) -> None:
        """By hand, long ago."""
        self.admin = admin
        if admin & MAINT:
            self.op, self.health = STOPPED, 0


class Directed(FakeHaproxy):
    """One backend, ``app``; :meth:`ask` is its admin socket.

    Its clients send ``pace`` requests from one look at the statistics to the next, shared by weight; those to
    a server that ``worse`` names all fail. ``told``: what was set, in order. ``gone``: how many requests find
    nobody who listens; -1: all of them. ``user``: its socket has no level admin.
    """

    def __init__(self, *servers: Server, maps: tuple[str, ...] = ()) -> None:
        super().__init__({"app": servers}, lambda name: self[name.partition("/")[2]].well(), maps)
        self.pace = 0
        self.worse: Callable[[str], bool] = lambda name: False
        self.told: list[str] = []
        self.gone = 0
        self.user = False
        self.looks = 0
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Server:
        found = self.backends["app"][name]
        assert isinstance(found, Server)
        return found

    @property
    def servers(self) -> dict[str, Server]:
        return {name: self[name] for name in self.backends["app"]}

    @property
    def serving(self) -> dict[str, int]:
        """Weight by server."""
        return {name: one.now for name, one in self.servers.items() if one.serves}

    def forget(self, name: str) -> None:
        """Its configuration does not know the server."""
        del self.backends["app"][name]

    def ask(self, request: str) -> str:
        with self._lock:
            if self.gone:
                self.gone -= 1 if self.gone > 0 else 0
                raise SocketGone("the socket cannot be opened", why="connection refused")
            if self.user and not request.startswith("show"):
                return "Permission denied\n\n"
            if "show stat" in request:
                self._clients()
            if request == "show map":
                rows = (
                    f"{number} ({name}) pattern loaded from file" for number, name in enumerate(self.maps)
                )
                return "\n".join(["# id (file) description", *rows]) + "\n\n"
            for number, name in enumerate(self.maps):
                request = re.sub(rf"#{number}\b", name, request)
            self.told += [one.removeprefix("set server ") for one in request.split(";") if "show" not in one]
            return self.admin(request)

    def _clients(self) -> None:
        self.looks += 1
        shares = self.serving
        for name, one in self.servers.items():
            if len(one.left) > 1:
                one.left.pop(0)
            count = round(self.pace * shares.get(name, 0) / (sum(shares.values()) or 1))
            one.requests += count
            one.errors += count if self.worse(name) else 0
            one.sessions = one.left[0]
            one.counters = {"stot": one.requests, "hrsp_5xx": one.errors, "rtime": one.slow}
