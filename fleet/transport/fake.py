"""A host for tests: scripts run by this machine's ``sh`` in a directory of their own, Docker in memory."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from fleet.errors import Interrupted
from fleet.ops.effects import ApiCall
from fleet.secret import Keyring, Text
from fleet.transport import script as scripts
from fleet.transport.base import ConnectionLost, OnLine, OnProgress, Result
from fleet.transport.docker_api import CUTTABLE
from fleet.transport.docker_errors import Refusal, explain
from fleet.transport.fake_engine import FakeEngine
from fleet.transport.local import LocalProcess
from fleet.transport.pump import carry_out


class FakeTransport:
    """See :class:`fleet.transport.base.Transport`. ``seen`` holds every script and call, in order."""

    def __init__(
        self, host: str, root: Path, engine: FakeEngine | None = None, keyring: Keyring | None = None
    ) -> None:
        self.host = host
        self.engine = engine if engine is not None else FakeEngine()
        self.seen: list[Text | ApiCall] = []
        self.closed = False
        self._root = root
        self._keyring = keyring if keyring is not None else Keyring({})
        self._lost = False
        self._failures: dict[int, Exception] = {}
        self._losses: dict[int, bool] = {}
        self._lock = threading.Lock()

    @property
    def calls(self) -> int:
        return len(self.seen)

    def fail(self, number: int, error: Exception) -> None:
        """The call with this number (1 is the first) raises ``error`` and does nothing."""
        self._failures[number] = error

    def lose(self, number: int, *, after: bool = False) -> None:
        """The connection is lost at this call, before or ``after`` it took effect, and stays lost."""
        self._losses[number] = after

    def run(
        self,
        script: Text,
        *,
        timeout: float,
        become: bool = True,
        on_line: OnLine | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        number = self._begin(script)
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._root)}
        process = LocalProcess(scripts.command((), timeout), cwd=self._root, env=environment)
        payload = scripts.payload(self._keyring.reveal(script))
        result = carry_out(process, payload, timeout=timeout, on_line=on_line, cancel=cancel)
        self._end(number)
        return result

    def docker(
        self,
        call: ApiCall,
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> Any:
        def stop_here(*progress: int) -> None:
            if progress and on_progress:
                on_progress(*progress)
            if cancel is not None and cancel.is_set() and isinstance(call, CUTTABLE):
                raise Interrupted("stopped", host=self.host)

        number = self._begin(call)
        stop_here()
        try:
            answer = self.engine.carry_out(call, self._keyring, stop_here)
        except Refusal as refusal:
            raise explain(refusal, call, self.host) from refusal
        self._end(number)
        return answer

    def close(self) -> None:
        self.closed = True

    def _begin(self, what: Text | ApiCall) -> int:
        with self._lock:
            if self._lost or self.closed:
                raise self._loss()
            self.seen.append(what)
            number = len(self.seen)
        if error := self._failures.get(number):
            raise error
        if self._losses.get(number) is False:
            raise self._loss()
        return number

    def _end(self, number: int) -> None:
        if self._losses.get(number):
            raise self._loss()

    def _loss(self) -> ConnectionLost:
        self._lost = True
        return ConnectionLost("the connection was lost", why="the fake host is gone", host=self.host)
