"""What every connection to a host can do, and the ways in which it can fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from fleet.errors import FleetError, Unreachable
from fleet.ops.effects import ApiCall
from fleet.secret import Text
from fleet.transport.tunnel import Dial, Stream


@dataclass(frozen=True, slots=True)
class Result:
    """How a remote command ended. Exactly one of: exit status, signal, timeout, stopped by us.

    A lost connection is none of these; it raises :class:`ConnectionLost`.
    """

    rc: int | None
    out: bytes
    err: bytes
    seconds: float
    signal: str = ""
    timed_out: bool = False
    stopped: bool = False

    @property
    def ok(self) -> bool:
        return self.rc == 0

    def ending(self, timeout: float) -> str:
        """In words: ``exit status 3``, ``killed by SIGTERM``, ``no end after 60 s``, ``stopped``."""
        if self.stopped:
            return "stopped"
        if self.timed_out:
            return f"no end after {timeout:g} s"
        if self.signal:
            return f"killed by {self.signal}"
        return f"exit status {self.rc}"


class ConnectionLost(Unreachable):
    """The connection ended before the command did: nobody knows whether it took effect."""


class SocketGone(FleetError):
    """A unix socket of the host cannot be opened: it is missing, nobody listens, or we may not."""


class ApiFailed(FleetError):
    """The engine or a registry refused a call. ``status`` is the HTTP status (0: no answer),
    ``retry_after`` the seconds that a registry asked us to wait."""

    def __init__(self, what: str, *, status: int = 0, retry_after: float | None = None, why: str = "",
                 hint: str = "", host: str = "") -> None:  # fmt: skip
        super().__init__(what, why=why, hint=hint, host=host)
        self.status = status
        self.retry_after = retry_after


OnLine = Callable[[str, str], bool | None]
"""Called with ``out`` or ``err`` and a line, as it comes. A true answer ends the command."""

OnBytes = Callable[[bytes], None]
"""Called with what has come on standard output."""

Feed = Callable[[], bytes]
"""Asked for what the script's standard input gets next; no bytes: that was all."""

OnProgress = Callable[[int, int], None]
"""Called with bytes done and bytes known in all."""


class Transport(Protocol):
    """One connection to one host; safe to use from several threads at once."""

    host: str

    @property
    def calls(self) -> int:
        """Commands and HTTP requests so far: each costs at least one round trip."""

    def run(
        self,
        script: Text,
        *,
        timeout: float,
        become: bool = True,
        on_line: OnLine | None = None,
        cancel: threading.Event | None = None,
        on_bytes: OnBytes | None = None,
        feed: Feed | None = None,
    ) -> Result:
        """Run a ``sh`` script, given on standard input, in a process group of its own.

        ``timeout`` in seconds, enforced on the host and here. ``become``: as the inventory says;
        False runs as the login user. ``cancel``, once set, kills the remote process group.
        With ``on_line`` the output goes there and ``Result.out``/``err`` hold the last 64 KiB only.
        With ``on_bytes`` standard output goes there, whatever bytes it is of, and nowhere else. ``feed`` is
        the script's standard input, which is empty otherwise; it is asked as fast as the script reads. What
        either raises ends the command, and is raised.

        Raises ConnectionLost, and RemoteFailed when the script could not even start (sudo asks for a
        password, the login shell runs no commands).
        """

    def docker(
        self,
        call: ApiCall,
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> Any:
        """Carry out one Engine API call.

        Answers the digest for ResolveDigest, the id for CreateContainer, else None.
        ``timeout`` in seconds, for the whole call; a stop gets at least the container's grace.
        ``cancel``, once set, ends what waits for a registry (PullImage, ResolveDigest) with Interrupted;
        the other calls are short and are finished.
        Raises ApiFailed, Drift (ExpectContainer, or a name that is taken), ConnectionLost, and
        RemoteFailed when sudo refuses.
        """

    def ask(self, socket: str, request: str, *, timeout: float) -> str:
        """One line to the unix socket at that path on the host, and all that is answered until its end.

        ``timeout`` in seconds, for the whole of it, once questions of ours that came before have been
        answered. As the login user: what ``become`` says is not applied.
        Raises SocketGone, ConnectionLost, and RemoteFailed when there is no end in time.
        """

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        """A TCP connection that the host opens, to ``address`` as the host sees it.

        Raises Unreachable with the reason, and ConnectionLost.
        """

    def forward(self, dial: Dial) -> AbstractContextManager[int]:
        """The port of the host's loopback address on which it listens as long as the context is open. Each
        connection to it is joined with one that ``dial`` opens.

        Raises RemoteFailed when the host forbids it, and ConnectionLost.
        """

    def close(self) -> None: ...
