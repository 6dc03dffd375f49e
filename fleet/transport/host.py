"""What hosts behind every connection have in common: scripts, Docker calls, questions, their count."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from fleet.ops.effects import ApiCall
from fleet.secret import Keyring, Text
from fleet.transport import script as scripts
from fleet.transport.asking import ASKS, CAUSE_SECONDS, Line, NotOpened, converse, gone, too_slow
from fleet.transport.base import Feed, OnBytes, OnLine, OnProgress, Result
from fleet.transport.docker_api import DockerApi
from fleet.transport.endpoint import Endpoint
from fleet.transport.pump import NeverBegan, Process, carry_out
from fleet.transport.refusals import not_begun
from fleet.transport.tunnel import Dial
from fleet.transport.tunnel import Stream as TcpStream

if TYPE_CHECKING:
    from fleet.transport.docker_http import Stream


class HostTransport(ABC):
    """See :class:`fleet.transport.base.Transport`."""

    def __init__(self, endpoint: Endpoint, keyring: Keyring) -> None:
        self.host = endpoint.name
        self._endpoint = endpoint
        self._keyring = keyring
        self._commands = 0
        self._count = threading.Lock()
        self._asks = threading.BoundedSemaphore(ASKS)
        words = (*endpoint.sudo(), *endpoint.docker, "system", "dial-stdio")
        self._docker = DockerApi(self.host, lambda: self._dial(words), keyring)

    @abstractmethod
    def _start(self, command: str, prefix: Sequence[str]) -> Process:
        """Let a shell run ``command``; ``prefix`` are the words with which its processes are killed."""

    @abstractmethod
    def _dial(self, words: Sequence[str]) -> Stream:
        """A stream to what ``words`` start."""

    @abstractmethod
    def _connect(self, path: str, timeout: float) -> Line:
        """A connection to a unix socket. Raises NotOpened, TimeoutError, ConnectionLost."""

    @abstractmethod
    def dial(self, address: str, port: int, *, timeout: float) -> TcpStream: ...

    @abstractmethod
    def forward(self, dial: Dial) -> AbstractContextManager[int]: ...

    @property
    def calls(self) -> int:
        return self._commands + self._docker.requests

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
        prefix = self._endpoint.sudo(become)
        payload = scripts.payload(self._keyring.reveal(script), fed=feed is not None)
        with self._count:
            self._commands += 1
        process = self._start(scripts.command(prefix, timeout), prefix)
        try:
            return carry_out(
                process,
                payload,
                timeout=timeout,
                on_line=on_line,
                cancel=cancel,
                on_bytes=on_bytes,
                feed=feed,
            )
        except NeverBegan as failure:
            raise not_begun(failure.said, self.host, sudo=bool(prefix)) from failure

    def docker(
        self,
        call: ApiCall,
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> Any:
        return self._docker.carry_out(call, timeout=timeout, on_progress=on_progress, cancel=cancel)

    def ask(self, socket: str, request: str, *, timeout: float) -> str:
        with self._count:
            self._commands += 1
        # How long others of ours take before is nothing that the socket must answer for.
        with self._asks:
            until = time.monotonic() + timeout
            try:
                return converse(lambda left: self._connect(socket, left), socket, request, until, self.host)
            except TimeoutError as error:
                raise too_slow(socket, timeout, self.host) from error
            except NotOpened as error:
                raise gone(
                    socket,
                    lambda script: self.run(script, timeout=CAUSE_SECONDS, become=False),
                    self.host,
                    forwarded=self._endpoint.connection == "ssh",
                ) from error

    def close(self) -> None:
        self._docker.close()
