"""Carrying out one script: feed it, drain both streams, bound it, stop it. The same for every transport."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from fleet.errors import RemoteFailed
from fleet.transport.base import ConnectionLost, Feed, OnBytes, OnLine, Result
from fleet.transport.script import KILL_AFTER, Bytes, Collector, Prelude

TICK = 0.1
"""Seconds: how soon a set ``cancel`` is seen."""

GRACE = 5.0
"""Seconds that the host gets beyond its own time limit before we stop waiting for it."""

QUIET = 1.0
"""Seconds. A background child may hold the streams open after the script's end; silence ends the wait."""


@dataclass(frozen=True, slots=True)
class Ending:
    """``rc``, or ``signal`` (``SIGTERM``) when the process was killed."""

    rc: int | None
    signal: str = ""


class Process(Protocol):
    """A started command with its three streams; one thread at a time uses it."""

    def write(self, data: memoryview) -> int:
        """Give what fits now; answers how much that was. Nobody reading any more counts as all of it."""

    def end_input(self) -> None: ...

    def read(self) -> tuple[bytes, bytes]:
        """What has come on both streams, without waiting."""

    def wait(self, seconds: float, *, writing: bool) -> None:
        """Until something came, or can be written, or the time is over."""

    def drained(self) -> bool:
        """Nothing can come any more."""

    def ending(self) -> Ending | None:
        """None while it runs. Raises ConnectionLost when it cannot be known any more."""

    def kill(self, group: int, signal: str) -> None:
        """Signal the whole process group (``TERM``, ``KILL``). That it is gone already is fine."""

    def close(self) -> None: ...


def carry_out(
    process: Process,
    payload: bytes,
    *,
    timeout: float,
    on_line: OnLine | None = None,
    cancel: threading.Event | None = None,
    on_bytes: OnBytes | None = None,
    feed: Feed | None = None,
    spare: float = KILL_AFTER + GRACE,
) -> Result:
    """Run to the end, whatever it is. ``timeout`` in seconds; the host enforces the same one, and has
    ``spare`` seconds more to do so. Where nobody else enforces it, that is 0. ``feed`` follows the payload.

    Raises ConnectionLost, and NeverBegan when the host printed something else instead of running the script.
    """
    return _Run(process, payload, timeout, on_line, cancel, on_bytes, feed, spare).result()


EARLY = 0.25
"""Seconds: the host's clock of the limit begins to run before ours, when the process is started."""


class NeverBegan(RemoteFailed):
    """The script did not start: ``said`` is what the host printed instead."""

    def __init__(self, said: str, ending: str) -> None:
        super().__init__("the host did not start the script", why=said or ending)
        self.said = said


class _Run:
    def __init__(
        self,
        process: Process,
        payload: bytes,
        timeout: float,
        on_line: OnLine | None,
        cancel: threading.Event | None,
        on_bytes: OnBytes | None,
        feed: Feed | None,
        spare: float,
    ) -> None:
        self._process = process
        self._payload = memoryview(payload)
        self._input_open = True
        self._timeout = timeout
        self._cancel = cancel
        self._spare = spare
        self._more = feed
        self._prelude = Prelude(fed=feed is not None)
        self._out = Bytes(on_bytes) if on_bytes else Collector("out", on_line)
        self._err = Collector("err", on_line)
        self._start = time.monotonic()
        self._last = self._start

    def result(self) -> Result:
        ending: Ending | None = None
        stopped = False
        try:
            deadline = self._start + self._timeout + self._spare
            while (ending := self._ended()) is None:
                if self._wanted_to_stop():
                    stopped = True
                    break
                if time.monotonic() > deadline:
                    break
                self._step()
            if ending is None:
                self._put_down()
            seconds = time.monotonic() - self._start
            out, err = self._out.finish(), self._err.finish()
            # Only finish() may have told of the last line.
            stopped = stopped or self._out.wants_end or self._err.wants_end
        except BaseException:
            # ^C here, a lost connection, or a mistake in on_line: leave nothing running if it can be helped.
            if ending is None:
                with contextlib.suppress(ConnectionLost):
                    self._put_down()
            raise
        finally:
            self._process.close()
        if stopped:
            return Result(None, out, err, seconds, stopped=True)
        if ending is None or self._was_timeout(ending, seconds):
            return Result(None, out, err, seconds, timed_out=True)
        if self._prelude.group is None:
            said = b"\n".join(part for part in (self._prelude.held.strip(), err.strip()) if part)
            raise NeverBegan(said.decode(errors="replace"), f"exit status {ending.rc}")
        return Result(ending.rc, out, err, seconds, signal=ending.signal)

    def _was_timeout(self, ending: Ending, seconds: float) -> bool:
        # timeout(1) answers 124, or dies of its own SIGKILL; a script may end so by itself, but not so late.
        return seconds >= self._timeout - EARLY and (ending.rc in {124, 137} or ending.signal == "SIGKILL")

    def _wanted_to_stop(self) -> bool:
        return (self._cancel is not None and self._cancel.is_set()) or (
            self._out.wants_end or self._err.wants_end
        )

    def _step(self) -> None:
        wrote = self._write()
        if not self._drain() and not (wrote and self._payload):
            self._process.wait(TICK, writing=bool(self._payload))
            self._drain()

    def _write(self) -> int:
        """What fits; answers how much that was."""
        if not self._payload and self._more and self._prelude.ready:
            self._payload = memoryview(self._more())
            if not self._payload:
                self._more = None
        wrote = self._process.write(self._payload) if self._payload else 0
        self._payload = self._payload[wrote:]
        if not self._payload and not self._more and self._input_open:
            self._input_open = False
            self._process.end_input()
        return wrote

    def _drain(self) -> bool:
        out, err = self._process.read()
        if out or err:
            self._last = time.monotonic()
            self._out.feed(self._prelude.feed(out))
            self._err.feed(err)
        return bool(out or err)

    def _ended(self) -> Ending | None:
        ending = self._process.ending()
        if ending is None:
            return None
        self._last = time.monotonic()
        while not self._process.drained() and time.monotonic() - self._last < QUIET:
            if not self._drain():
                self._process.wait(TICK, writing=False)
        self._drain()
        return ending

    def _put_down(self) -> None:
        """End the process group: SIGTERM, then SIGKILL. Closing the channel alone would leave it running."""
        if self._payload or self._more:
            # The shell has not read the function's end, so it runs nothing and ends with its input.
            self._payload, self._more = self._payload[:0], None
            self._process.end_input()
        for signal, patience in (("TERM", KILL_AFTER), ("KILL", 2.0)):
            until = time.monotonic() + patience
            told = False
            while time.monotonic() < until:
                if self._process.ending() is not None:
                    self._drain_quietly()
                    return
                # Stopped before the mark came: wait for it, there is nothing else to name the group by.
                if not told and self._prelude.group is not None:
                    told = True
                    self._process.kill(self._prelude.group, signal)
                self._process.wait(TICK, writing=False)
                self._drain_quietly()

    def _drain_quietly(self) -> None:
        out, err = self._process.read()
        self._out.keep(self._prelude.feed(out))
        self._err.keep(err)
