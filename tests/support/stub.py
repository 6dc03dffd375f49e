"""A transport that answers what a test tells it to: scripts by lines and an ending, Docker by a function."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from fleet.errors import Unreachable
from fleet.ops.effects import ApiCall
from fleet.secret import Text
from fleet.transport.base import Feed, OnBytes, OnLine, OnProgress, Result
from fleet.transport.fake import answered
from fleet.transport.tunnel import Dial, Stream


def ended(rc: int | None = 0, out: str = "", err: str = "", **fields: Any) -> Result:
    return Result(rc, out.encode(), err.encode(), 0.1, **fields)


@dataclass
class StubTransport:
    """``runs``: for each script, in turn, the lines it prints and how it ends (or what it raises).

    ``before_line`` is called before each line: a test's clock goes on there.
    """

    runs: list[tuple[Iterable[str], Result | Exception]] = field(default_factory=list)
    host: str = "web-1"
    answer: Callable[[ApiCall], Any] = lambda call: None
    before_line: Callable[[], None] = lambda: None
    scripts: list[Text] = field(default_factory=list)
    asked: list[ApiCall] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    calls: int = 0
    closed: bool = False
    sockets: dict[str, Callable[[str], str]] = field(default_factory=dict)

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
        self.scripts.append(script)
        self.timeouts.append(timeout)
        lines, ending = self.runs.pop(0)
        for line in lines:
            self.before_line()
            if cancel and cancel.is_set():
                return ended(None, stopped=True)
            if on_line and on_line("out", line):
                return ended(None, stopped=True)
        if isinstance(ending, Exception):
            raise ending
        return ending

    def docker(
        self,
        call: ApiCall,
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> Any:
        self.asked.append(call)
        self.timeouts.append(timeout)
        if on_progress:
            on_progress(1, 2)
        return self.answer(call)

    def ask(self, socket: str, request: str, *, timeout: float) -> str:
        self.timeouts.append(timeout)
        return answered(self.sockets, socket, request, timeout, self.host)

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        raise Unreachable(f"{address} port {port} cannot be reached", host=self.host)

    def forward(self, dial: Dial) -> AbstractContextManager[int]:
        return nullcontext(40000)

    def close(self) -> None:
        self.closed = True
