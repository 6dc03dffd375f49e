"""One SSH connection on paramiko: our socket, strict host keys, public keys, signs of life."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import paramiko
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST
from paramiko.ssh_exception import IncompatiblePeer

from fleet.errors import Unreachable
from fleet.transport.known_hosts import HostKeyRefused, KnownHosts, KnownKey, fingerprint, name_of
from fleet.transport.listening import Listening
from fleet.transport.login import OUT_OF_FILES, log_in
from fleet.transport.route import Hop

PING_EVERY = 3.5
PINGS = 3
"""A host that left this many keep-alives unanswered is gone: noticed within 15 seconds."""

LOST_AFTER_MS = 15_000

# Without a handler of its own paramiko's log, tracebacks included, would end on the operator's screen.
_LOG = logging.getLogger("fleet.paramiko")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False


class Link(paramiko.Transport):
    """A paramiko transport that notices a silent peer and keeps the signal that ended a command.

    paramiko's own keep-alives ask for no answer, so a paused host would never be noticed; and it drops the
    server's exit-signal message, which leaves a killed command looking like a lost connection.
    """

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.set_log_channel(_LOG.name)
        self.exit_signals: dict[int, str] = {}
        self._unanswered = 0
        self._pings = threading.Lock()
        self._asking = False
        self.listening = Listening(self)

    def global_request(self, kind: str, data: Any = None, wait: bool = True) -> paramiko.Message | None:
        # Answers are told apart by their sequence alone: while one is awaited no keep-alive is sent.
        with self._pings:
            self._asking = True
        try:
            return super().global_request(kind, data, wait)
        finally:
            self._asking = False

    def watch(self) -> None:
        """Begin with the keep-alives; they run on the connection's own thread while it waits for input."""
        self.packetizer.set_keepalive(PING_EVERY, self._ping)

    def acknowledge_at_once(self) -> None:
        """For what comes next; the kernel goes back to its own ways by itself."""
        # sshd holds the end of an answer back until its beginning is acknowledged: 48 ms instead of 1 ms.
        quickly = getattr(socket, "TCP_QUICKACK", None)
        if quickly is not None and isinstance(self.sock, socket.socket):
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.IPPROTO_TCP, quickly, 1)

    def _ping(self) -> None:
        if self._unanswered >= PINGS:
            # Raised inside paramiko's reader, this ends the connection and every channel on it.
            raise OSError(errno.ETIMEDOUT, f"no sign of life for {PING_EVERY * PINGS:g} s")
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        with self._pings:
            if not self._asking:
                self._unanswered += 1
                self._send_user_message(message)  # type: ignore[attr-defined]

    # Answers come in the order of the requests, and only keep-alives are ever open for long.
    def _parse_request_success(self, message: paramiko.Message) -> None:
        if self._unanswered:
            self._unanswered -= 1
        else:
            super()._parse_request_success(message)  # type: ignore[misc]

    def _parse_request_failure(self, message: paramiko.Message) -> None:
        if self._unanswered:
            self._unanswered -= 1
        else:
            super()._parse_request_failure(message)  # type: ignore[misc]

    def _on_channel_request(channel: Any, message: paramiko.Message) -> None:  # noqa: N805 - paramiko's table
        if message.get_text() == "exit-signal":
            message.get_boolean()
            channel.transport.exit_signals[channel.get_id()] = "SIG" + message.get_text()
        message.rewind()
        message.get_int()  # the channel's number, which paramiko has read already
        paramiko.Channel._handle_request(channel, message)  # type: ignore[attr-defined]

    _channel_handler_table: ClassVar[dict[int, Any]] = {
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_REQUEST: _on_channel_request,
    }


def open_link(host: str, hop: Hop, known: KnownHosts, *, through: Link | None, timeout: float) -> Link:
    """Connect, check the host key, log in. ``timeout`` in seconds, for each of the three.

    ``host`` is the inventory's name, for the messages. Raises Unreachable.
    """
    with _told(host, hop, timeout):
        link = Link(_socket(hop, through, timeout))
        try:
            name = key_name(hop)
            keys = known.keys(hop.known_hosts, name)
            kind, blob = _shake_hands(hop, link, keys, timeout)
            _check_key(hop, name, blob, kind, keys)
            link.auth_timeout = timeout
            log_in(hop, link)
        except BaseException:
            link.close()
            raise
        link.watch()
    return link


def key_name(hop: Hop) -> str:
    """The name under which ``known_hosts`` lists it."""
    return name_of(hop.key_name or hop.address, hop.port)


def _socket(hop: Hop, through: Link | None, timeout: float) -> Any:
    if hop.proxy_command:
        return paramiko.ProxyCommand(hop.proxy_command)
    return _forwarded(hop, through, timeout) if through is not None else _dial(hop, timeout)


def _dial(hop: Hop, timeout: float) -> socket.socket:
    """Raises OSError of the last address that was tried, Unreachable."""
    try:
        addresses = socket.getaddrinfo(hop.address, hop.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(
            f"the name {hop.address!r} is not known",
            why=str(error),
            hint="correct ansible_host, or the name service of this machine",
        ) from error
    failure = OSError("the name has no address")
    for family, kind, protocol, _, address in addresses:
        sock = None
        try:
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(timeout)
            sock.connect(address)
            # paramiko leaves Nagle's algorithm on: 46 ms instead of 3 ms for a command on loopback.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Keep-alives cannot be sent into a full buffer; then the kernel has to give up.
            if user_timeout := getattr(socket, "TCP_USER_TIMEOUT", None):
                sock.setsockopt(socket.IPPROTO_TCP, user_timeout, LOST_AFTER_MS)
        except OSError as error:
            failure = error
            if sock is not None:
                sock.close()
        else:
            return sock
    raise failure


def _no_connection(hop: Hop, failure: OSError, timeout: float) -> Unreachable:
    what, why, hint = f"{hop} cannot be reached", str(failure), "is there a route to its network?"
    if failure.errno in OUT_OF_FILES:
        what = "this machine may open no more connections"
        hint = "raise its limit of open files (ulimit -n), or choose fewer hosts at once (--limit)"
    elif isinstance(failure, TimeoutError):
        what, why = f"{hop} does not answer", f"no connection within {timeout:g} s"
        hint = "is the host up, its address right, and no firewall between?"
    elif isinstance(failure, ConnectionRefusedError):
        what, hint = f"{hop} refuses the connection", "is sshd running there, on this port?"
    elif hop.proxy_command:
        hint = f"does its ProxyCommand run on this machine? ({hop.proxy_command})"
    return Unreachable(what, why=why, hint=hint)


def _forwarded(hop: Hop, through: Link, timeout: float) -> paramiko.Channel:
    target = (hop.address, hop.port)
    try:
        return through.open_channel("direct-tcpip", target, ("127.0.0.1", 0), timeout=timeout)
    except paramiko.ChannelException as error:
        why = str(error.text)
        hint = {
            1: "allow it with AllowTcpForwarding in the jump host's sshd_config",
            2: f"is {hop} up, and can the jump host reach it?",
        }.get(error.code, "")
        cause: Exception = error
    except (paramiko.SSHException, OSError, EOFError) as error:
        why, hint, cause = str(error) or "the connection to the jump host was lost", "", error
    raise Unreachable(f"the jump host did not connect to {hop}", why=why, hint=hint) from cause


def shown_key(
    host: str, hop: Hop, known: Iterable[KnownKey], *, through: Link | None, timeout: float
) -> tuple[str, bytes]:
    """The kind and the blob of the host key that the server shows, of the kinds of ``known`` where it has
    one. Nobody logs in. Raises Unreachable."""
    with _told(host, hop, timeout):
        link = Link(_socket(hop, through, timeout))
        try:
            return _shake_hands(hop, link, known, timeout)
        finally:
            link.close()


@contextlib.contextmanager
def _told(host: str, hop: Hop, timeout: float) -> Iterator[None]:
    """Every failure in the name of ``host``."""
    try:
        yield
    except OSError as error:
        failure = _no_connection(hop, error, timeout)
        failure.host = host
        raise failure from error
    except Unreachable as error:
        error.host = host
        raise


def _shake_hands(hop: Hop, link: Link, known: Iterable[KnownKey], timeout: float) -> tuple[str, bytes]:
    _prefer(link, (key.kind for key in known if not key.revoked))
    link.banner_timeout = timeout
    try:
        # A second more than the banner gets: which of the two is late shall not be chance.
        link.start_client(timeout=timeout + 1)
    except IncompatiblePeer as error:
        raise Unreachable(
            f"{hop} and Fleet have no common SSH algorithm", why=str(error), hint="update the host's OpenSSH"
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable(
            f"{hop} does not speak SSH",
            why=str(error) or type(error).__name__,
            hint="is this port sshd's? An overloaded sshd (MaxStartups) also ends connections here",
        ) from error
    # It returns without a word when its time is up.
    if not link.initial_kex_done:
        raise Unreachable(
            f"{hop} accepts the connection and then says nothing",
            why=f"no SSH handshake within {timeout:g} s",
            hint="the host hangs: look at its console, its memory and its disks",
        )
    shown = link.get_remote_server_key()
    return shown.get_name(), shown.asbytes()


def _prefer(link: Link, kinds: Iterable[str]) -> None:
    """Ask for a key that we know, where the server has several."""
    options = link.get_security_options()
    wanted: list[str] = []
    for kind in kinds:
        wanted += ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]
    offered = list(options.key_types)
    options.key_types = tuple(dict.fromkeys([kind for kind in wanted if kind in offered] + offered))


def _check_key(hop: Hop, name: str, blob: bytes, kind: str, known: tuple[KnownKey, ...]) -> None:
    got = fingerprint(blob)
    if revoked := next((key for key in known if key.revoked and key.blob == blob), None):
        raise HostKeyRefused(
            f"the host key of {hop} is revoked",
            why=f"{kind} {got}\nrevoked in {revoked.place}",
            hint="do not connect; give the host a new key",
        )
    valid = [key for key in known if not key.revoked]
    if any(key.blob == blob for key in valid):
        return
    if not valid:
        first = hop.known_hosts[0] if hop.known_hosts else "known_hosts"
        scan = f"ssh-keyscan -p {hop.port} {hop.address}"
        raise HostKeyRefused(
            f"the host key of {hop} is not known",
            why=f"{kind} {got}",
            hint=f"compare it with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub), then add "
            f"it as {name!r} to {first} (inv trust, or {scan})",
        )
    same = [key for key in valid if key.kind == kind] or valid
    raise HostKeyRefused(
        f"the host key of {hop} has changed",
        why="\n".join(
            [f"it shows   {kind} {got}"]
            + [f"known is   {key.kind} {fingerprint(key.blob)} ({key.place})" for key in same]
        ),
        hint="someone may be in between. If the host was installed anew: remove "
        f"{', '.join(key.place for key in same)} and add the new key (inv trust --replace)",
    )
