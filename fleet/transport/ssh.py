"""A host over SSH: scripts and Docker API calls as sessions of one connection."""

from __future__ import annotations

import contextlib
import select
import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import paramiko

from fleet.errors import FleetError, RemoteFailed
from fleet.ops.effects import ApiCall
from fleet.secret import Keyring, Text
from fleet.transport import script as scripts
from fleet.transport.base import ConnectionLost, OnLine, OnProgress, Result
from fleet.transport.docker_api import DockerApi
from fleet.transport.endpoint import Endpoint
from fleet.transport.link import Link
from fleet.transport.pump import TICK, Ending, NeverBegan, carry_out
from fleet.transport.refusals import not_begun

RUN_SESSIONS = 5
API_SESSIONS = 3
"""Together 8; with one more to kill a command they stay below sshd's default MaxSessions of 10."""

OPEN_TIMEOUT = 20.0


class SshTransport:
    """See :class:`fleet.transport.base.Transport`."""

    def __init__(self, endpoint: Endpoint, link: Link, keyring: Keyring, api_version: str) -> None:
        self.host = endpoint.name
        self._endpoint = endpoint
        self._link = link
        self._keyring = keyring
        self._commands = 0
        self._count = threading.Lock()
        self._sessions = threading.BoundedSemaphore(RUN_SESSIONS)
        words = (*endpoint.sudo(), *endpoint.docker)
        self._docker = DockerApi(
            self.host,
            lambda: _SshStream(self, self._session("exec " + shlex.join((*words, "system", "dial-stdio")))),
            keyring,
            api_version=api_version,
            streams=API_SESSIONS,
        )

    @property
    def calls(self) -> int:
        return self._commands + self._docker.requests

    def run(
        self,
        script: Text,
        *,
        timeout: float,
        become: bool = True,
        on_line: OnLine | None = None,
        cancel: threading.Event | None = None,
    ) -> Result:
        prefix = self._endpoint.sudo(become)
        payload = scripts.framed(self._keyring.reveal(script))
        if not self._slot(cancel):
            return Result(None, b"", b"", 0.0, stopped=True)
        try:
            with self._count:
                self._commands += 1
            process = _SshProcess(self, self._session(scripts.command(prefix, timeout)), prefix)
            return carry_out(process, payload, timeout=timeout, on_line=on_line, cancel=cancel)
        except NeverBegan as failure:
            raise not_begun(failure.said, self.host, sudo=bool(prefix)) from failure
        finally:
            self._sessions.release()

    def docker(
        self,
        call: ApiCall,
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
        cancel: threading.Event | None = None,
    ) -> Any:
        return self._docker.carry_out(call, timeout=timeout, on_progress=on_progress, cancel=cancel)

    def close(self) -> None:
        self._docker.close()
        self._link.close()

    @property
    def connected(self) -> bool:
        return self._link.is_active()

    def exit_signal(self, channel: int) -> str:
        return self._link.exit_signals.get(channel, "")

    def lost(self, cause: BaseException | None = None) -> ConnectionLost:
        why = self._link.get_exception() or cause
        return ConnectionLost(
            "the connection was lost",
            why=str(why or "the host closed it"),
            hint="nobody knows whether the command took effect; run it again to see and to go on",
            host=self.host,
        )

    def _slot(self, cancel: threading.Event | None) -> bool:
        while not self._sessions.acquire(timeout=TICK if cancel else None):
            if cancel and cancel.is_set():
                return False
        return True

    def _session(self, command: str) -> paramiko.Channel:
        """A channel that runs ``command``. Raises ConnectionLost, RemoteFailed."""
        try:
            channel = self._link.open_session(timeout=OPEN_TIMEOUT)
        except paramiko.ChannelException as error:
            raise RemoteFailed(
                "the host refuses one more session",
                why=str(error.text),
                hint="Fleet needs sshd's default of MaxSessions 10",
                host=self.host,
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self.lost(error) from error
        try:
            channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            if not self._link.is_active():
                raise self.lost(error) from error
            raise RemoteFailed(
                "the host refuses to run a command",
                why=str(error),
                hint="does sshd restrict this user (ForceCommand, a key's options)?",
                host=self.host,
            ) from error
        return channel

    def signal(self, prefix: Sequence[str], group: int, signal: str) -> None:
        with contextlib.suppress(FleetError):
            channel = self._session(scripts.kill_command(prefix, group, signal))
            channel.status_event.wait(OPEN_TIMEOUT)
            channel.close()


class _SshProcess:
    """See :class:`fleet.transport.pump.Process`."""

    def __init__(self, transport: SshTransport, channel: paramiko.Channel, prefix: Sequence[str]) -> None:
        self._transport = transport
        self._channel = channel
        self._prefix = prefix
        self._id = channel.get_id()
        self._poll = select.poll()
        # paramiko's pipe that becomes readable with data on either stream, and at the end.
        self._poll.register(channel.fileno(), select.POLLIN)

    def write(self, data: memoryview) -> int:
        if self._channel.exit_status_ready():
            return len(data)
        if not self._channel.send_ready():
            return 0
        try:
            return self._channel.send(data[:32768].tobytes())
        except TimeoutError:
            return 0
        except OSError:
            return len(data)

    def end_input(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._channel.shutdown_write()

    def read(self) -> tuple[bytes, bytes]:
        return (
            b"".join(_ready(self._channel.recv_ready, self._channel.recv)),
            b"".join(_ready(self._channel.recv_stderr_ready, self._channel.recv_stderr)),
        )

    def wait(self, seconds: float, *, writing: bool) -> None:
        if self._channel.eof_received:
            # The pipe stays readable from now on; only the end of the command is to come.
            self._channel.status_event.wait(seconds)
            return
        # Room to write does not wake the pipe.
        self._poll.poll(1000 * (min(seconds, 0.005) if writing else seconds))

    def drained(self) -> bool:
        unread = self._channel.recv_ready() or self._channel.recv_stderr_ready()
        return bool(self._channel.closed or self._channel.eof_received) and not unread

    def ending(self) -> Ending | None:
        if self._channel.status_event.is_set() and self._channel.exit_status >= 0:
            return Ending(self._channel.exit_status)
        if signal := self._transport.exit_signal(self._id):
            return Ending(None, signal)
        if self._channel.closed:
            raise self._transport.lost()
        return None

    def kill(self, group: int, signal: str) -> None:
        self._transport.signal(self._prefix, group, signal)

    def close(self) -> None:
        self._channel.close()


class _SshStream:
    """See :class:`fleet.transport.docker_http.Stream`."""

    def __init__(self, transport: SshTransport, channel: paramiko.Channel) -> None:
        self._transport = transport
        self._channel = channel

    @property
    def open(self) -> bool:
        return not (self._channel.closed or self._channel.eof_received)

    def send(self, data: bytes, timeout: float) -> None:
        self._channel.settimeout(timeout)
        self._channel.sendall(data)

    def receive(self, size: int, timeout: float) -> bytes:
        self._channel.settimeout(timeout)
        return self._channel.recv(size)

    def last_words(self) -> str:
        if not self._transport.connected:
            raise self._transport.lost()
        self._channel.status_event.wait(2.0)
        return b"".join(_ready(self._channel.recv_stderr_ready, self._channel.recv_stderr)).decode(
            errors="replace"
        )

    def close(self) -> None:
        self._channel.close()


def _ready(ready: Callable[[], bool], receive: Callable[[int], bytes]) -> Iterator[bytes]:
    while ready():
        yield receive(262144)
