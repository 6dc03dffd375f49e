"""A host over SSH: scripts and Docker API calls as sessions of one connection."""

from __future__ import annotations

import contextlib
import shlex
import threading
import time
from collections.abc import Iterator, Sequence

import paramiko

from fleet.errors import FleetError, RemoteFailed, Unreachable
from fleet.secret import Keyring, Text
from fleet.transport import script as scripts
from fleet.transport.asking import NotOpened
from fleet.transport.base import ConnectionLost, Feed, OnBytes, OnLine, Result
from fleet.transport.endpoint import Endpoint
from fleet.transport.host import HostTransport
from fleet.transport.link import Link
from fleet.transport.listening import HINT
from fleet.transport.pump import TICK, Ending
from fleet.transport.ssh_streams import SshLine, SshStream, ready
from fleet.transport.streamlocal import open_streamlocal
from fleet.transport.tunnel import Dial, Tunnel

RUN_SESSIONS = 5
"""With the 3 of Docker calls 8; with one more to kill a command below sshd's default MaxSessions of 10."""

OPEN_TIMEOUT = 20.0
CLOSING = 3.0
"""Seconds in which a refused session is asked for again."""


class SshTransport(HostTransport):
    """See :class:`fleet.transport.base.Transport`."""

    def __init__(self, endpoint: Endpoint, link: Link, keyring: Keyring) -> None:
        super().__init__(endpoint, keyring)
        self._link = link
        self._sessions = threading.BoundedSemaphore(RUN_SESSIONS)

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
        while not self._sessions.acquire(timeout=TICK if cancel else None):
            if cancel and cancel.is_set():
                return Result(None, b"", b"", 0.0, stopped=True)
        try:
            return super().run(
                script,
                timeout=timeout,
                become=become,
                on_line=on_line,
                cancel=cancel,
                on_bytes=on_bytes,
                feed=feed,
            )
        finally:
            self._sessions.release()

    def close(self) -> None:
        # First, so that nothing is written to a host that may be silent.
        self._link.close()
        super().close()

    def _start(self, command: str, prefix: Sequence[str]) -> _SshProcess:
        return _SshProcess(self, self._session(command), prefix)

    def _dial(self, words: Sequence[str]) -> SshStream:
        return SshStream(self, self._session("exec " + shlex.join(words)))

    def _connect(self, path: str, timeout: float) -> SshLine:
        try:
            return SshLine(self, open_streamlocal(self._link, path, timeout))
        except paramiko.ChannelException as error:
            raise NotOpened(str(error.text)) from error
        except TimeoutError:
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self.lost(error) from error

    def dial(self, address: str, port: int, *, timeout: float) -> paramiko.Channel:
        try:
            return self._link.open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout)
        except paramiko.ChannelException as error:
            raise Unreachable(
                f"{self.host} did not connect to {address} port {port}",
                why=str(error.text),
                hint=HINT,
                host=self.host,
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self.lost(error) from error

    @contextlib.contextmanager
    def forward(self, dial: Dial) -> Iterator[int]:
        tunnel = Tunnel(dial)
        try:
            port = self._link.listening.begin(tunnel.take)
        except paramiko.ChannelException as error:
            what = "the host refuses to listen for this machine"
            raise RemoteFailed(what, why=str(error.text), hint=HINT, host=self.host) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self.lost(error) from error
        try:
            yield port
        finally:
            self._link.listening.end(port)
            tunnel.close()

    @property
    def connected(self) -> bool:
        return self._link.is_active()

    def acknowledge_at_once(self) -> None:
        self._link.acknowledge_at_once()

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

    def _opened(self) -> paramiko.Channel:
        """A busy sshd counts a session that we have closed until it has noticed: it is given a while."""
        deadline = time.monotonic() + CLOSING
        while True:
            try:
                return self._link.open_session(timeout=OPEN_TIMEOUT)
            except paramiko.ChannelException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _session(self, command: str) -> paramiko.Channel:
        """A channel that runs ``command``. Raises ConnectionLost, RemoteFailed."""
        try:
            channel = self._opened()
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
            if not self.connected:
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


class _News(threading.Event):
    """Set by paramiko with data or the end of either stream; only we clear it, before we read both."""

    def clear(self) -> None:
        """paramiko clears it when one of the streams is empty, whatever the other one holds."""

    def seen(self) -> None:
        super().clear()


class _SshProcess:
    """See :class:`fleet.transport.pump.Process`."""

    def __init__(self, transport: SshTransport, channel: paramiko.Channel, prefix: Sequence[str]) -> None:
        self._transport = transport
        self._channel = channel
        self._prefix = prefix
        self._id = channel.get_id()
        self._news = _News()
        channel.in_buffer.set_event(self._news)
        channel.in_stderr_buffer.set_event(self._news)

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
        self._news.seen()
        return (
            b"".join(ready(self._channel.recv_ready, self._channel.recv)),
            b"".join(ready(self._channel.recv_stderr_ready, self._channel.recv_stderr)),
        )

    def wait(self, seconds: float, *, writing: bool) -> None:
        if self._channel.eof_received:
            # Only the end of the command is to come.
            self._channel.status_event.wait(seconds)
        else:
            # Room to write is no news.
            self._news.wait(min(seconds, 0.005) if writing else seconds)

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
