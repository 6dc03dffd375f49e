"""Connections that one host begins and another one takes, joined here: the two do not reach each other."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Protocol

from fleet.errors import FleetError

CHUNK = 262144


class Stream(Protocol):
    """An open connection: a socket, or a channel of an SSH connection."""

    def recv(self, size: int, /) -> bytes: ...

    def sendall(self, data: bytes, /) -> None: ...

    def shutdown(self, how: int, /) -> None: ...

    def close(self) -> None: ...


Dial = Callable[[], Stream]
"""Opens a connection. Raises FleetError."""


class Tunnel:
    """Every connection that comes is joined with one that ``dial`` opens."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._lock = threading.Lock()
        self._open: list[Stream] = []
        self._threads: list[threading.Thread] = []
        self._closed = False

    def take(self, come: Stream) -> None:
        """Never waits: it is called on the thread that everything on an SSH connection comes by."""
        self._run(self._join, come)

    def close(self) -> None:
        with self._lock:
            self._closed, streams = True, list(self._open)
        for stream in streams:
            _end(stream)
        for thread in list(self._threads):
            thread.join()

    def _join(self, come: Stream) -> None:
        try:
            self._keep(come)
            gone = self._dial()
        except FleetError:
            # Whoever connected sees that it ends, and says so.
            _end(come)
            return
        self._keep(gone)
        self._run(_pump, gone, come)
        _pump(come, gone)

    def _keep(self, stream: Stream) -> None:
        with self._lock:
            self._open.append(stream)
            closed = self._closed
        if closed:
            _end(stream)

    def _run(self, what: Callable[..., None], *given: Stream) -> None:
        thread = threading.Thread(target=what, args=given, name="tunnel", daemon=True)
        self._threads.append(thread)
        thread.start()


def _pump(source: Stream, sink: Stream) -> None:
    """To the end of one direction; broken, it ends the other one, too."""
    try:
        while data := source.recv(CHUNK):
            sink.sendall(data)
        sink.shutdown(1)
    except (OSError, EOFError):
        _end(source)
        _end(sink)


def _end(stream: Stream) -> None:
    # A socket that is only closed does not wake a thread that reads from it.
    with contextlib.suppress(OSError, EOFError):
        stream.shutdown(2)
    with contextlib.suppress(OSError, EOFError):
        stream.close()
