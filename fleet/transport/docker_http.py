"""HTTP to a Docker Engine over any two-way stream, as an adapter of the Docker SDK's session."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol

import urllib3.connection
import urllib3.connectionpool
from docker.transport.basehttpadapter import BaseHTTPAdapter

from fleet.errors import Interrupted
from fleet.transport.pump import TICK

URL = "http+docker://engine"

_CANCEL: ContextVar[threading.Event | None] = ContextVar("cancel", default=None)


@contextlib.contextmanager
def ended_by(cancel: threading.Event | None, host: str) -> Iterator[None]:
    """Requests within raise Interrupted soon after ``cancel`` is set; the engine sees their stream close."""
    # No argument leads through the libraries between a request and its stream.
    token = _CANCEL.set(cancel)
    try:
        _go_on(cancel)
        yield
    except Interrupted as error:
        error.host = host
        raise
    finally:
        _CANCEL.reset(token)


def _go_on(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Interrupted("stopped before its end")


class Stream(Protocol):
    """One running ``docker system dial-stdio``."""

    @property
    def open(self) -> bool:
        """Nothing says yet that the other end is gone."""

    def send(self, data: bytes, timeout: float) -> None:
        """Raises OSError, TimeoutError included."""

    def receive(self, size: int, timeout: float) -> bytes:
        """Empty at the end. Raises OSError, TimeoutError included."""

    def last_words(self) -> str:
        """What the ended client wrote to standard error. Raises ConnectionLost."""

    def close(self) -> None: ...


class EngineGone(OSError):
    """The stream ended before the answer; ``said`` is what the Docker client had to say about it."""

    def __init__(self, said: str) -> None:
        super().__init__(said or "the engine closed the connection")
        self.said = said


class _Socket:
    """As much of a socket as http.client uses. A time limit covers the whole of a request or an answer."""

    def __init__(self, stream: Stream, timeout: float | None) -> None:
        self._stream = stream
        self.settimeout(timeout)

    def settimeout(self, timeout: float | None) -> None:
        self._deadline = time.monotonic() + (timeout if timeout is not None else 3600.0)

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    @property
    def open(self) -> bool:
        return self._stream.open

    def sendall(self, data: bytes) -> None:
        try:
            self._stream.send(data, self._left())
        except TimeoutError:
            raise
        except OSError as error:
            raise EngineGone(self._stream.last_words()) from error

    def receive(self, size: int) -> bytes:
        data = self._received(size)
        if not data and (said := self._stream.last_words()):
            raise EngineGone(said)
        return data

    def _received(self, size: int) -> bytes:
        cancel = _CANCEL.get()
        if cancel is None:
            return self._stream.receive(size, self._left())
        while True:
            _go_on(cancel)
            left = self._left()
            with contextlib.suppress(TimeoutError):
                return self._stream.receive(size, min(TICK, left))

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self), 65536)

    def close(self) -> None:
        self._stream.close()


class _Reader(io.RawIOBase):
    def __init__(self, sock: _Socket) -> None:
        self._socket = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._socket.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, dial: Callable[[], Stream], timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._dial = dial

    def connect(self) -> None:
        timeout = self.timeout if isinstance(self.timeout, (int, float)) else None
        self.sock: Any = _Socket(self._dial(), timeout)

    @property
    def is_connected(self) -> bool:
        # urllib3 would wait on a file descriptor, and a channel has none for free.
        return self.sock is not None and self.sock.open


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, dial: Callable[[], Stream], streams: int) -> None:
        super().__init__("engine", maxsize=streams, block=True)
        self._dial = dial

    def _new_conn(self) -> Any:
        return _Connection(self._dial, 60.0)


class EngineAdapter(BaseHTTPAdapter):
    """``dial`` opens a stream; at most ``streams`` are open at once, the next request waits."""

    def __init__(self, dial: Callable[[], Stream], streams: int) -> None:
        super().__init__()
        self._pool = _Pool(dial, streams)
        self.requests = 0
        self._counting = threading.Lock()

    def get_connection(self, url: Any, proxies: Any = None) -> Any:
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> Any:
        return request.path_url

    def send(self, *args: Any, **kwargs: Any) -> Any:
        with self._counting:
            self.requests += 1
        return super().send(*args, **kwargs)

    def close(self) -> None:
        super().close()
        self._pool.close()
