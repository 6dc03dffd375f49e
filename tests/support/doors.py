"""Something that listens on a unix socket of this machine and answers every line, until no more can come."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path


class Door:
    """``answer`` gets each line without its end. With ``backlog`` 0 the second connection must wait."""

    def __init__(self, path: Path, answer: Callable[[str], bytes], backlog: int = 32) -> None:
        self.path = str(path)
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(backlog)

    def serve(self) -> Door:
        """From now on connections are accepted."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def close(self) -> None:
        """Nobody listens any more; the socket's file stays, as after a kill."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as lines:
            for line in lines:
                connection.sendall(self._answer(line.removesuffix(b"\n").decode()))
