"""One client's connection, and how a request on it can end."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

TIMEOUT = 10.0
"""Seconds that a request may take from its first byte to the last byte of the answer."""


class Failed(Exception):
    """A request without a good answer; the text is the kind of failure."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first part of an answer; ``length`` is that of its body, in bytes."""

    status: int
    headers: dict[str, str]
    length: int

    @property
    def kept(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


class Connection:
    """At most one TCP connection at a time. ``reopened``: how often the server had closed it while idle.

    ``buffer``: bytes that are taken in before they are read; small for a client whose slowness is to be felt
    by the server.
    """

    def __init__(self, address: tuple[str, int], buffer: int | None = None) -> None:
        self._address = address
        self._buffer = buffer
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.reopened = 0

    async def write(self, request: bytes) -> None:
        """Send, on a new connection if there is none that is open."""
        if self._streams and self._streams[0].exception():
            raise Failed("reset while idle")
        if self._streams and self._streams[0].at_eof():
            # Closed before anything of this request was sent: every client has to expect that.
            self.close()
            self.reopened += 1
        if self._streams is None:
            self._streams = await self._open()
        await self.more(request)

    async def more(self, data: bytes) -> None:
        """Send the rest of what ``write`` has begun."""
        assert self._streams
        self._streams[1].write(data)
        await self._streams[1].drain()

    async def head(self) -> Head:
        assert self._streams
        first, *lines = (await self._streams[0].readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        pairs = (line.partition(":") for line in lines if ":" in line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return Head(int(first.split()[1]), headers, int(headers["content-length"]))

    async def body(self, length: int) -> bytes:
        assert self._streams
        try:
            return await self._streams[0].readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise Failed("closed in the middle of an answer") from error

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._buffer is None:
            return await asyncio.open_connection(*self._address)
        plain = socket.socket()
        plain.setblocking(False)
        # Before it is connected: the window that is offered comes from it.
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        try:
            await asyncio.get_running_loop().sock_connect(plain, self._address)
            return await asyncio.open_connection(sock=plain, limit=self._buffer)
        except BaseException:
            plain.close()
            raise


@contextmanager
def named() -> Iterator[None]:
    """Whatever goes wrong inside, as Failed."""
    try:
        yield
    except TimeoutError:
        raise Failed("timeout") from None
    except ConnectionRefusedError:
        raise Failed("refused") from None
    except (ConnectionResetError, BrokenPipeError):
        raise Failed("reset") from None
    except asyncio.IncompleteReadError as error:
        raise Failed(
            "closed in the middle of an answer" if error.partial else "closed without an answer"
        ) from None
    except (ValueError, KeyError, IndexError, asyncio.LimitOverrunError):
        raise Failed("not an answer") from None
    except OSError as error:
        raise Failed(os.strerror(error.errno).lower() if error.errno else type(error).__name__) from None
