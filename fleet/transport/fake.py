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
from fleet.transport.base import OnLine, OnProgress, Result
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
        self._root = root
        self._keyring = keyring if keyring is not None else Keyring({})

    @property
    def calls(self) -> int:
        return len(self.seen)

    def run(
        self,
        script: Text,
        *,
        timeout: float,
        become: bool = True,
        on_line: OnLine | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        self.seen.append(script)
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._root)}
        process = LocalProcess(scripts.command((), timeout), cwd=self._root, env=environment)
        payload = scripts.payload(self._keyring.reveal(script))
        return carry_out(process, payload, timeout=timeout, on_line=on_line, cancel=cancel)

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

        self.seen.append(call)
        stop_here()
        try:
            return self.engine.carry_out(call, self._keyring, stop_here)
        except Refusal as refusal:
            raise explain(refusal, call, self.host) from refusal

    def close(self) -> None:
        """There is nothing to close."""
