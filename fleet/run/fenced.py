"""A host that is changed only while we hold the lease.

The host itself refuses: every script begins with a check of the highest token that the host has seen, and
of the time until which ours is good, told in the host's own clock. A call of the Docker API cannot carry
such a check; so the first of each operation is preceded by one, and each later one by a look at the
controller's own clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from fleet.errors import Fenced
from fleet.ops import effects as fx
from fleet.run.tenure import Tenure
from fleet.secret import Text, concat
from fleet.transport.base import Feed, OnBytes, OnLine, OnProgress, Result, Transport
from fleet.transport.tunnel import Dial, Stream

FENCED = 76
CHECK_SECONDS = 30

WITHIN = (
    fx.CreateContainer,
    fx.StartContainer,
    fx.StopContainer,
    fx.RemoveContainer,
    fx.RenameContainer,
    fx.ReinstateContainer,
)
"""Calls in the midst of an operation: its first call was checked on the host."""


class FencedTransport:
    """See :class:`fleet.transport.base.Transport`. ``check`` makes the script's first lines from the time,
    in whole seconds of the host's clock, until which they let it pass; ``ahead`` is by how many seconds
    the host's clock is before ours."""

    def __init__(self, inner: Transport, tenure: Tenure, check: Callable[[int], str], ahead: float) -> None:
        self.host = inner.host
        self._inner = inner
        self._tenure = tenure
        self._check = check
        self._ahead = ahead

    @property
    def calls(self) -> int:
        return self._inner.calls

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
        self._tenure.check()
        until = int(self._tenure.until + self._ahead)
        result = self._inner.run(
            concat((self._check(until), script)),
            timeout=timeout,
            become=become,
            on_line=on_line,
            cancel=cancel,
            on_bytes=on_bytes,
            feed=feed,
        )
        if result.rc == FENCED:
            raise Fenced(
                "the host refuses this run: the lease is not ours any more",
                why=result.err.decode("utf-8", "replace").strip(),
                hint="see who works now (inv lock), then go on with: inv deploy --resume",
                host=self.host,
            )
        return result

    def docker(
        self,
        call: fx.ApiCall,
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> Any:
        if isinstance(call, WITHIN):
            self._tenure.check()
        else:
            self.run("", timeout=CHECK_SECONDS)
        return self._inner.docker(call, timeout=timeout, on_progress=on_progress, cancel=cancel)

    def ask(self, socket: str, request: str, *, timeout: float) -> str:
        self._tenure.check()
        return self._inner.ask(socket, request, timeout=timeout)

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        self._tenure.check()
        return self._inner.dial(address, port, timeout=timeout)

    def forward(self, dial: Dial) -> AbstractContextManager[int]:
        self._tenure.check()
        return self._inner.forward(dial)

    def close(self) -> None:
        self._inner.close()
