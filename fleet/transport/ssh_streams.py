"""Channels of an SSH connection as the streams that the engine and unix sockets are spoken to by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import paramiko

if TYPE_CHECKING:
    from fleet.transport.ssh import SshTransport


class SshStream:
    """See :class:`fleet.transport.docker_http.Stream`."""

    def __init__(self, transport: SshTransport, channel: paramiko.Channel) -> None:
        self._transport = transport
        self._channel = channel

    @property
    def open(self) -> bool:
        return not (self._channel.closed or self._channel.eof_received)

    def send(self, data: bytes, timeout: float) -> None:
        self._channel.settimeout(timeout)
        self._channel.sendall(data)

    def receive(self, size: int, timeout: float) -> bytes:
        self._channel.settimeout(timeout)
        return self._channel.recv(size)

    def last_words(self) -> str:
        if not self._transport.connected:
            raise self._transport.lost()
        self._channel.status_event.wait(2.0)
        return b"".join(ready(self._channel.recv_stderr_ready, self._channel.recv_stderr)).decode(
            errors="replace"
        )

    def close(self) -> None:
        self._channel.close()


class SshLine(SshStream):
    """See :class:`fleet.transport.asking.Line`."""

    def say(self, data: bytes, timeout: float) -> None:
        try:
            self.send(data, timeout)
            # HAProxy's master process answers one line and then waits for the next.
            self._channel.shutdown_write()
        except TimeoutError:
            raise
        except (OSError, EOFError) as error:
            # paramiko's own "Socket is closed"; whether by the host's end or by a loss, receive() tells.
            raise BrokenPipeError(str(error)) from error

    def end(self) -> None:
        try:
            self._channel.shutdown_write()
        except (OSError, EOFError) as error:
            raise BrokenPipeError(str(error)) from error

    def receive(self, size: int, timeout: float) -> bytes:
        self._transport.acknowledge_at_once()
        data = super().receive(size, timeout)
        if not data and not self._channel.eof_received:
            raise self._transport.lost()
        return data


def ready(is_ready: Callable[[], bool], receive: Callable[[int], bytes]) -> Iterator[bytes]:
    while is_ready():
        yield receive(262144)
