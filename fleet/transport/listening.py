"""Ports that a host's sshd listens on for us."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import paramiko

ADDRESS = "127.0.0.1"
HINT = "sshd there must let this user forward (AllowTcpForwarding yes in sshd_config)"

Take = Callable[[paramiko.Channel], None]


class Listening:
    """Of one connection, which paramiko gives a single handler for all ports together."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self._requests = threading.Lock()
        self._takers: dict[int, Take] = {}
        link._tcp_handler = self._come

    def begin(self, take: Take) -> int:
        """The port of the server's loopback address. ``take`` gets each connection to it, on the thread by
        which all else comes, too. Raises ChannelException when the server refuses."""
        with self._requests:
            answer = self._asked("tcpip-forward", 0)
            port = int(answer.get_int())
            self._takers[port] = take
        return port

    def end(self, port: int) -> None:
        with self._requests:
            self._takers.pop(port, None)
            with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
                self._asked("cancel-tcpip-forward", port)

    def _asked(self, request: str, port: int) -> paramiko.Message:
        answer: paramiko.Message | None = self._link.global_request(request, (ADDRESS, port), wait=True)
        if not self._link.is_active():
            raise self._link.get_exception() or EOFError()
        if answer is None:
            raise paramiko.ChannelException(1, "Administratively prohibited")
        return answer

    def _come(self, channel: paramiko.Channel, origin: tuple[str, int], server: tuple[str, int]) -> None:
        take = self._takers.get(server[1])
        if take:
            take(channel)
        else:
            channel.close()
