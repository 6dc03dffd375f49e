"""A role's tests for one host: pytest in a process of its own, which asks here for all that it wants to know.

That process holds no key, no connection and no secret. Its commands run here, over the connection that is
there: within the lease, ended by ^C, and never on another host.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fleet.errors import FleetError, Interrupted, RemoteFailed
from fleet.model.place import Place
from fleet.report import events as ev
from fleet.run.inside import found
from fleet.transport.base import Transport
from fleet.verify.channel import FD

SECONDS = 600.0
"""For the tests of one role on one host."""
LOOK_SECONDS = 0.2
ENDINGS = {0, 1, 2}
"""pytest's: all passed, some failed, some could not be read. Each of them has been told test by test."""
NO_TESTS = 5
LAST_LINES = 8


@dataclass(frozen=True, slots=True)
class Suite:
    """``directory`` of tests below ``root``. ``facts``: what the tests are told at once; ``look_up`` answers
    what they ask for ("var" or "secret", and a name), and raises FleetError. ``environ``: their process's."""

    host: str
    role: str
    root: Path
    directory: Path
    place: Place
    facts: Mapping[str, Any]
    look_up: Callable[[str, str], Any]
    environ: Mapping[str, str]
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Tried:
    """How the tests ended, and all that pytest printed."""

    results: tuple[ev.Tested, ...]
    output: str

    @property
    def failed(self) -> tuple[ev.Tested, ...]:
        return tuple(one for one in self.results if one.outcome == "failed")


class SuiteFailed(RemoteFailed):
    """``bundle``: the file with all that pytest said."""

    bundle = ""


def run_suite(suite: Suite, transport: Transport, cancel: threading.Event) -> Tried:
    """Raises SuiteFailed when the tests cannot be run or do not end; Interrupted, ConnectionLost, Fenced."""
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as output:
        with theirs:
            process = _start(suite, theirs.fileno(), output)
        try:
            results = _Service(suite, transport, cancel, ours).serve()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            status = _end(process)
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if status == NO_TESTS:
        hint = "its functions are called test_…"
        raise SuiteFailed(f"there is no test in {_shown(suite)}", hint=hint, host=suite.host)
    if status not in ENDINGS:
        why = "\n".join(said.strip().splitlines()[-LAST_LINES:])
        what = f"the tests of {suite.role} cannot be run: pytest ended with {status}"
        raise SuiteFailed(what, why=why, host=suite.host)
    return Tried(tuple(results), said)


def _start(suite: Suite, descriptor: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "pytest", "-q", "--tb=short", "--color=no", "--import-mode=importlib",
        # The role's tests alone say how they run: no settings and plugins of what lies around them.
        "-c", os.devnull, "--rootdir", str(suite.root), "--confcutdir", str(suite.directory),
        "-p", "no:cacheprovider", "-p", "fleet.verify.plugin", str(suite.directory),
    ]  # fmt: skip
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", FD: str(descriptor)}
    outer = {name: value for name, value in suite.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.Popen(  # noqa: S603 — our own words, without a shell
        command,
        cwd=suite.root,
        env={**outer, **own},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=(descriptor,),
        # ^C at the terminal is for Fleet, which ends this.
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> int:
    """With all that the tests have started. Not waited for before, so the group's number is still ours."""
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _shown(suite: Suite) -> str:
    return str(suite.directory.relative_to(suite.root))


class _Service:
    """Answers the process until it has closed its end."""

    def __init__(
        self, suite: Suite, transport: Transport, cancel: threading.Event, connection: socket.socket
    ) -> None:
        self._suite = suite
        self._transport = transport
        self._cancel = cancel
        self._connection = connection
        self._until = time.monotonic() + suite.seconds
        self._results: list[ev.Tested] = []

    def serve(self) -> list[ev.Tested]:
        self._connection.settimeout(LOOK_SECONDS)
        heard = b""
        while True:
            self._check()
            try:
                part = self._connection.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                part = b""
            if not part:
                return self._results
            *lines, heard = (heard + part).split(b"\n")
            for line in lines:
                self._take(json.loads(line))

    def _check(self) -> None:
        if self._cancel.is_set():
            raise Interrupted(f"interrupted in the tests of {self._suite.role}", host=self._suite.host)
        if time.monotonic() > self._until:
            raise self._late()

    def _late(self) -> FleetError:
        suite = self._suite
        what = f"the tests of {suite.role} have no end after {suite.seconds:g} s"
        return SuiteFailed(what, hint=f"look for what waits in {_shown(suite)}", host=suite.host)

    def _take(self, message: dict[str, Any]) -> None:
        if "tested" in message:
            self._results.append(ev.Tested(self._suite.host, self._suite.role, **message["tested"]))
            return
        ((kind, wanted),) = message.items()
        answer = self._answer(kind, wanted)
        # Time-outs are for listening.
        self._connection.settimeout(None)
        self._connection.sendall(json.dumps(answer, default=str).encode() + b"\n")
        self._connection.settimeout(LOOK_SECONDS)

    def _answer(self, kind: str, wanted: Any) -> dict[str, Any]:
        if kind == "hello":
            return {"value": dict(self._suite.facts)}
        if kind == "run":
            return {"value": self._run(wanted)}
        if kind == "container":
            rc, out, err = self._run(found(self._suite.place, self._suite.role, wanted) + 'echo "$id"\n')
            text = base64.b64decode(out if rc == 0 else err).decode("utf-8", "replace").strip()
            return {"value": text} if rc == 0 else {"refused": text}
        try:
            return {"value": self._suite.look_up(kind, wanted)}
        except FleetError as error:
            return {"refused": str(error)}

    def _run(self, script: str) -> tuple[int, str, str]:
        left = max(1.0, self._until - time.monotonic())
        result = self._transport.run(script, timeout=left, cancel=self._cancel)
        if result.timed_out:
            raise self._late()
        return (
            -1 if result.rc is None else result.rc,
            base64.b64encode(result.out).decode(),
            base64.b64encode(result.err).decode(),
        )
