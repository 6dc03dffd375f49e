"""A host for tests: scripts run by this machine's ``sh`` in a directory of their own, Docker in memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleet.errors import Interrupted, Unreachable
from fleet.ops.effects import ApiCall
from fleet.secret import Keyring, Text
from fleet.transport import script as scripts
from fleet.transport.asking import too_slow
from fleet.transport.base import Feed, OnBytes, OnLine, OnProgress, Result, SocketGone
from fleet.transport.docker_api import CUTTABLE
from fleet.transport.docker_errors import Refusal, explain
from fleet.transport.fake_engine import FakeEngine
from fleet.transport.local import LocalProcess
from fleet.transport.pump import carry_out
from fleet.transport.tunnel import Dial, Stream


class FakeTransport:
    """See :class:`fleet.transport.base.Transport`. ``seen`` holds every script and call, in order.

    ``sockets`` answer, by path, a request without its line end; ``asked`` holds every path and request.
    ``forwards``: of those that are open, whom they connect to; ``dialled``: what was to be connected to."""

    def __init__(
        self, host: str, root: Path, engine: FakeEngine | None = None, keyring: Keyring | None = None
    ) -> None:
        self.host = host
        self.engine = engine if engine is not None else FakeEngine()
        self.seen: list[Text | ApiCall] = []
        self.sockets: dict[str, Callable[[str], str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.dialled: list[tuple[str, int]] = []
        self.forwards: list[Dial] = []
        self._root = root
        self._keyring = keyring if keyring is not None else Keyring({})

    @property
    def calls(self) -> int:
        return len(self.seen) + len(self.asked)

    def run(
        self,
        script: Text,
        *,
        timeout: float,
        become: bool = True,
        on_line: OnLine | None = None,
        cancel: threading.Event | None = None,
        on_bytes: OnBytes | None = None,
        feed: Feed | None = None,
    ) -> Result:
        self.seen.append(script)
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._root)}
        process = LocalProcess(scripts.command((), timeout), cwd=self._root, env=environment)
        payload = scripts.payload(self._keyring.reveal(script), fed=feed is not None)
        return carry_out(
            process, payload, timeout=timeout, on_line=on_line, cancel=cancel, on_bytes=on_bytes, feed=feed
        )

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

    def ask(self, socket: str, request: str, *, timeout: float) -> str:
        self.asked.append((socket, request))
        return answered(self.sockets, socket, request, timeout, self.host)

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        self.dialled.append((address, port))
        raise Unreachable(f"{address} port {port} cannot be reached", host=self.host)

    @contextmanager
    def forward(self, dial: Dial) -> Iterator[int]:
        """Nobody connects to it; that it is open can be seen in ``forwards``."""
        self.forwards.append(dial)
        try:
            yield 40000
        finally:
            self.forwards.remove(dial)

    def close(self) -> None:
        """There is nothing to close."""


def answered(
    sockets: Mapping[str, Callable[[str], str]], path: str, request: str, timeout: float, host: str
) -> str:
    """What ``sockets`` answer, as :meth:`fleet.transport.base.Transport.ask` promises it."""
    answer = sockets.get(path)
    if answer is None:
        raise _gone(f"the socket {path} cannot be opened", host)
    answers, failures = list[str](), list[Exception]()

    def answering() -> None:
        try:
            answers.append(answer(request.removesuffix("\n")))
        except Exception as error:  # noqa: BLE001 - it is raised again
            failures.append(error)

    thread = threading.Thread(target=answering, daemon=True)
    thread.start()
    thread.join(timeout)
    for failure in failures:
        raise failure
    if not answers:
        raise too_slow(path, timeout, host)
    if not answers[0]:
        raise _gone(f"the socket {path} was closed without an answer", host)
    return answers[0]


def _gone(what: str, host: str) -> SocketGone:
    return SocketGone(what, why="nobody listens there", hint="let somebody listen there", host=host)
