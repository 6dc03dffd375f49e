"""This machine as a host (``ansible_connection: local``): the same contract, without a connection."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal as signals
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from fleet.errors import Unreachable
from fleet.transport import script as scripts
from fleet.transport.asking import NotOpened
from fleet.transport.becoming import NOBODY_ELSE, Becoming
from fleet.transport.docker_errors import engine_gone
from fleet.transport.host import HostTransport
from fleet.transport.pump import Ending
from fleet.transport.tunnel import Dial, Tunnel


class LocalTransport(HostTransport):
    """See :class:`fleet.transport.base.Transport`."""

    def _start(self, command: str, becoming: Becoming) -> LocalProcess:
        return LocalProcess(command, becoming)

    def terminal(self, command: str) -> int:
        former = signals.signal(signals.SIGINT, signals.SIG_IGN)
        try:
            words = ["sh", "-c", command] if command else [os.environ.get("SHELL", "sh"), "-l"]
            # ^C of this terminal is for the command alone.
            return subprocess.Popen(words, preexec_fn=_heed_interrupts).wait()  # noqa: S603, PLW1509
        finally:
            signals.signal(signals.SIGINT, former)

    def _dial(self, words: Sequence[str]) -> _LocalStream:
        return _LocalStream(words, self.host)

    def dial(self, address: str, port: int, *, timeout: float) -> socket.socket:
        try:
            sock = socket.create_connection((address, port), timeout)
        except OSError as error:
            raise Unreachable(
                f"{address} port {port} cannot be reached", why=str(error), host=self.host
            ) from error
        sock.settimeout(None)
        return sock

    @contextlib.contextmanager
    def forward(self, dial: Dial) -> Iterator[int]:
        tunnel = Tunnel(dial)
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=_accept, args=(server, tunnel), daemon=True)
            thread.start()
            try:
                yield server.getsockname()[1]
            finally:
                with contextlib.suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)
                thread.join()
                tunnel.close()

    def _connect(self, path: str, timeout: float) -> _LocalLine:
        return _LocalLine(path, timeout)


def _heed_interrupts() -> None:
    signals.signal(signals.SIGINT, signals.SIG_DFL)


def _accept(server: socket.socket, tunnel: Tunnel) -> None:
    """Until nobody listens any more."""
    with contextlib.suppress(OSError):
        while True:
            tunnel.take(server.accept()[0])


class LocalProcess:
    """See :class:`fleet.transport.pump.Process`."""

    def __init__(
        self,
        command: str,
        becoming: Becoming = NOBODY_ELSE,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._becoming = becoming
        self._child = subprocess.Popen(  # noqa: S603 - running commands is what it is for
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # ^C on our terminal is for us to carry out, not for the kernel.
            start_new_session=True,
            cwd=cwd,
            env=env,
        )
        self._input = _pipe(self._child.stdin)
        self._streams = {_pipe(self._child.stdout): "out", _pipe(self._child.stderr): "err"}
        for stream in (self._input, *self._streams):
            os.set_blocking(stream.fileno(), False)
        self._ended = False

    @property
    def group(self) -> int:
        """The process group that it leads."""
        return self._child.pid

    def write(self, data: memoryview) -> int:
        try:
            return os.write(self._input.fileno(), data[:65536])
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def end_input(self) -> None:
        with contextlib.suppress(OSError):
            self._input.close()

    def read(self) -> tuple[bytes, bytes]:
        found = {"out": b"", "err": b""}
        for stream, name in list(self._streams.items()):
            with contextlib.suppress(BlockingIOError):
                while data := os.read(stream.fileno(), 262144):
                    found[name] += data
                del self._streams[stream]
                stream.close()
        return found["out"], found["err"]

    def wait(self, seconds: float, *, writing: bool) -> None:
        if not self._streams and not writing:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(seconds)
            return
        with selectors.PollSelector() as selector:
            for stream in self._streams:
                selector.register(stream, selectors.EVENT_READ)
            if writing:
                selector.register(self._input, selectors.EVENT_WRITE)
            # The end of the process itself wakes nobody while a child of it holds the streams.
            selector.select(min(seconds, 0.05))

    def drained(self) -> bool:
        return not self._streams

    def ending(self) -> Ending | None:
        code = self._child.poll()
        if code is None:
            return None
        return Ending(code) if code >= 0 else Ending(None, signals.Signals(-code).name)

    def kill(self, group: int, signal: str) -> None:
        subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", scripts.kill_command(self._becoming.words, group, signal)],
            input=self._becoming.line,
            capture_output=True,
            timeout=20,
            check=False,
        )

    def close(self) -> None:
        for stream in (self._input, *self._streams):
            with contextlib.suppress(OSError):
                stream.close()


class _LocalStream:
    """See :class:`fleet.transport.docker_http.Stream`."""

    def __init__(self, words: Sequence[str], host: str) -> None:
        try:
            self._child = subprocess.Popen(  # noqa: S603 - running commands is what it is for
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except FileNotFoundError as error:
            raise engine_gone(f"{words[0]}: not found", host) from error
        self._in, self._out = _pipe(self._child.stdin), _pipe(self._child.stdout)

    @property
    def open(self) -> bool:
        return self._child.poll() is None

    def send(self, data: bytes, timeout: float) -> None:
        view = memoryview(data)
        while view:
            self._ready(self._in, selectors.EVENT_WRITE, timeout)
            view = view[os.write(self._in.fileno(), view[:4096]) :]

    def receive(self, size: int, timeout: float) -> bytes:
        self._ready(self._out, selectors.EVENT_READ, timeout)
        return os.read(self._out.fileno(), size)

    def _ready(self, stream: IO[bytes], event: int, timeout: float) -> None:
        with selectors.PollSelector() as selector:
            selector.register(stream, event)
            if not selector.select(timeout):
                raise TimeoutError("timed out")

    def last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(2.0)
        if self._child.poll() is None:
            return ""
        return _pipe(self._child.stderr).read().decode(errors="replace")

    def close(self) -> None:
        for stream in (self._in, self._out, _pipe(self._child.stderr)):
            with contextlib.suppress(OSError):
                stream.close()
        try:
            # Its input has ended, so it ends by itself.
            self._child.wait(1.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class _LocalLine:
    """See :class:`fleet.transport.asking.Line`."""

    def __init__(self, path: str, timeout: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            if isinstance(error, TimeoutError):
                raise
            raise NotOpened(str(error)) from error

    def say(self, data: bytes, timeout: float) -> None:
        self._socket.settimeout(timeout)
        self._socket.sendall(data)
        # HAProxy's master process answers one line and then waits for the next.
        self._socket.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        # It may be closed already, with the answer still to be read.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def receive(self, size: int, timeout: float) -> bytes:
        self._socket.settimeout(timeout)
        try:
            return self._socket.recv(size)
        except ConnectionResetError:
            # It was closed with our request unread; over SSH that is an end like any other.
            return b""

    def close(self) -> None:
        self._socket.close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError("every stream was asked for as a pipe")
    return stream
