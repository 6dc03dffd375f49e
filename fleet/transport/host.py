"""What hosts behind every kind of connection have in common: scripts, Docker calls, their count."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fleet.ops.effects import ApiCall
from fleet.secret import Keyring, Text
from fleet.transport import script as scripts
from fleet.transport.base import OnLine, OnProgress, Result
from fleet.transport.docker_api import DockerApi
from fleet.transport.endpoint import Endpoint
from fleet.transport.pump import NeverBegan, Process, carry_out
from fleet.transport.refusals import not_begun

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
        words = (*endpoint.sudo(), *endpoint.docker, "system", "dial-stdio")
        self._docker = DockerApi(self.host, lambda: self._dial(words), keyring)

    @abstractmethod
    def _start(self, command: str, prefix: Sequence[str]) -> Process:
        """Let a shell run ``command``; ``prefix`` are the words with which its processes are killed."""

    @abstractmethod
    def _dial(self, words: Sequence[str]) -> Stream:
        """A stream to what ``words`` start."""

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
    ) -> Result:
        prefix = self._endpoint.sudo(become)
        payload = scripts.payload(self._keyring.reveal(script))
        with self._count:
            self._commands += 1
        process = self._start(scripts.command(prefix, timeout), prefix)
        try:
            return carry_out(process, payload, timeout=timeout, on_line=on_line, cancel=cancel)
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

    def close(self) -> None:
        self._docker.close()
