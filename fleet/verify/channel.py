"""JSON lines over the socket that Fleet has handed to pytest's process."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

FD = "FLEET_VERIFY_FD"
"""The variable that names the socket."""


class Refused(LookupError):
    """Fleet has no answer to that, and this is why."""


class Channel:
    def __init__(self, descriptor: int) -> None:
        connection = socket.socket(fileno=descriptor)
        # What the tests start must not keep it open.
        connection.set_inheritable(False)
        self._lines = connection.makefile("rwb")

    def tell(self, **message: Any) -> None:
        try:
            self._lines.write(json.dumps(message).encode() + b"\n")
            self._lines.flush()
        except OSError:
            # Fleet is gone: there is nobody to test for.
            os._exit(os.EX_IOERR)

    def ask(self, **message: Any) -> Any:
        """Raises Refused."""
        self.tell(**message)
        line = self._lines.readline()
        if not line:
            os._exit(os.EX_IOERR)
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["value"]
