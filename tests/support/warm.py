"""``fleet`` or ``inv`` as a fork of a process that has loaded Fleet: the same words, streams, environment and
exit as when it is started, without the second of processor time that loading takes.

As an operator starts it, it is tried by ``Project.begin``, ``Project.inv``, and unit tests of the CLI.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

COLD = ("fleet.cli", "fleet.tasks", "fleet.rehearsal", "fleet.verify")
"""Loaded by each command: the tasks look for aliases in the directory that they are loaded in."""


def run(
    words: Sequence[str],
    cwd: Path,
    environ: Mapping[str, str],
    *,
    timeout: float,
    program: str = "fleet",
    typed: str = "",
) -> tuple[int, str, str]:
    """Exit code and what it said on both streams. A command that does not end in time is killed."""
    stdin, pipe = os.pipe()
    os.write(pipe, typed.encode())
    os.close(pipe)
    answers, keeper = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with answers, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        argv = [str(Path(sys.executable).with_name(program)), *words]
        request = json.dumps({"argv": argv, "cwd": str(cwd), "environ": dict(environ)})
        socket.send_fds(_door(), [request.encode()], [stdin, out.fileno(), err.fileno(), keeper.fileno()])
        os.close(stdin)
        keeper.close()
        process = int(answers.recv(16))
        answers.settimeout(timeout)
        try:
            code = int(answers.recv(16))
        except BaseException:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            print(_all(out), _all(err), sep="")
            raise
        return code, _all(out), _all(err)


def _all(file: tempfile._TemporaryFileWrapper[str]) -> str:
    file.seek(0)
    return file.read()


@functools.cache
def _door() -> socket.socket:
    """Where requests go. The process behind it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            cwd=Path(__file__).parents[2],
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )

    def close() -> None:
        ours.close()
        process.wait(10)

    atexit.register(close)
    return ours


def _load(package: str) -> None:
    """All that is in it, but for what has to wait."""
    paths = importlib.import_module(package).__path__
    for module in pkgutil.iter_modules(paths, f"{package}."):
        if module.name not in COLD:
            (_load if module.ispkg else importlib.import_module)(module.name)


def _next(door: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Answers in the process of each command, with its request."""
    while True:
        message, streams, _, _ = socket.recv_fds(door, 1 << 20, 4)
        if not message:
            sys.exit()
        if os.fork() == 0:
            door.close()
            if process := os.fork():
                _keep(process, socket.socket(fileno=streams.pop()))
            return json.loads(message), streams
        for stream in streams:
            os.close(stream)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _keep(process: int, answers: socket.socket) -> None:
    """Tell which process it is, and how it ended."""
    answers.send(str(process).encode())
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with suppress(OSError):
        answers.send(str(code).encode())
    os._exit(0)


def _be(request: dict[str, Any], streams: list[int]) -> None:
    """From here on this process is the command, until its end."""
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
    os.closerange(3, max(streams) + 1)
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.argv = request["argv"]
    if sys.argv[0].endswith("inv"):
        from invoke.main import program
    else:
        from fleet.cli import program
    program.run()


if __name__ == "__main__":
    _load("fleet")
    # What is there stays: no fork has to look through it, and its pages stay shared.
    gc.collect()
    gc.freeze()
    _be(*_next(socket.socket(fileno=int(sys.argv[1]))))
