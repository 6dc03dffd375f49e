"""One question to a unix socket of a host: the same over every kind of connection."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable
from typing import Protocol

from fleet.errors import RemoteFailed
from fleet.transport.base import Result, SocketGone

ASKS = 4
"""At once, over one connection. A balancer accepts 10 connections to its socket unless told otherwise."""

LONGEST = 16 * 1024 * 1024
CAUSE_SECONDS = 15.0


class NotOpened(Exception):
    """The socket could not be opened."""


class Line(Protocol):
    """An open connection to a unix socket of the host."""

    def say(self, data: bytes, timeout: float) -> None:
        """All that will be said. Raises OSError, TimeoutError included."""

    def end(self) -> None:
        """No more is sent. Raises OSError."""

    def receive(self, size: int, timeout: float) -> bytes:
        """Empty at the end. Raises OSError, TimeoutError included, and ConnectionLost."""

    def close(self) -> None: ...


def converse(connect: Callable[[float], Line], path: str, request: str, until: float, host: str) -> str:
    """``connect`` gets the seconds that it may take; ``until`` is of ``time.monotonic``.

    Raises NotOpened, SocketGone when it is closed without an answer, ConnectionLost, TimeoutError, and
    RemoteFailed when the answer is too long.
    """
    line = connect(_left(until))
    try:
        # Closed before it has read: what it has answered, or that it has not, is still to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            line.say(request.removesuffix("\n").encode() + b"\n", _left(until))
            # HAProxy's master process goes on listening until we say that this was all.
            line.end()
        answer = bytearray()
        while data := line.receive(262144, _left(until)):
            answer += data
            if len(answer) > LONGEST:
                raise RemoteFailed(
                    f"the socket {path} answers more than {LONGEST >> 20} MiB",
                    why=f"to {request!r}",
                    hint="is this the socket that was meant?",
                    host=host,
                )
    finally:
        line.close()
    if not answer:
        raise SocketGone(
            f"the socket {path} was closed without an answer",
            why="what listens there has ended, or takes no more connections",
            hint="look at its log",
            host=host,
        )
    return answer.decode("utf-8", "replace")


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def too_slow(path: str, timeout: float, host: str) -> RemoteFailed:
    return RemoteFailed(
        f"the socket {path} has not answered to its end within {timeout:g} s",
        why="what listens there is busy or hangs",
        hint="look at its log, and at the load of the host",
        host=host,
    )


# As the login user, since it is this user's rights that decide. Of perl and python3 a host has one.
_CAUSE = r"""
export LC_ALL=C
if ! seen=$(stat -L -c '%F of %U:%G, mode %a' "$path" 2>&1); then
  echo "unseen ${seen##*: }"
elif [ ! -S "$path" ]; then
  echo "other $seen"
elif [ ! -w "$path" ]; then
  echo "denied $(id -un): $seen"
else
  said=$(perl -MSocket -e 'alarm 2; socket(my $s, AF_UNIX, SOCK_STREAM, 0);
    exit 0 if connect($s, sockaddr_un($ARGV[0])); print "$!"; exit 1' "$path" 2>/dev/null)
  ended=$?
  if [ $ended = 127 ]; then
    said=$(python3 -c 'import signal, socket, sys; signal.alarm(2); s = socket.socket(socket.AF_UNIX)
try: s.connect(sys.argv[1])
except OSError as e: sys.exit(print(e.strerror) or 1)' "$path" 2>/dev/null)
    ended=$?
  fi
  case $ended in
    0) echo "listens" ;;
    1) echo "nobody $said" ;;
    142) echo "full" ;;
    *) echo "unknown" ;;
  esac
fi
"""


def gone(path: str, run: Callable[[str], Result], host: str, *, forwarded: bool) -> SocketGone:
    """What is the matter with a socket that could not be opened, as its host tells; ``run`` carries out a
    script there as the login user. ``forwarded``: it was opened by sshd, which gives no reason.

    Raises ConnectionLost.
    """
    try:
        result = run(f"path={shlex.quote(path)}\n{_CAUSE}")
        word, _, detail = result.out.decode("utf-8", "replace").strip().partition(" ")
    except RemoteFailed as error:
        word, detail = "unknown", error.what
    forwarding = "sshd must let this user forward (AllowStreamLocalForwarding yes in sshd_config)"
    hint = "is what listens there running, and is this its socket as the host sees the path?"
    match word:
        case "unseen":
            why = f"for the login user: {detail}"
        case "other":
            why = f"it is no socket but a {detail}"
        case "denied":
            user, _, seen = detail.partition(": ")
            why = f"the login user {user} may not write to it: it is a {seen}"
            hint = f"the balancer's 'stats socket' must admit {user} (its user, group and mode)"
        case "nobody":
            why = f"nobody listens there: {detail}"
            hint = "is the balancer's process running? Look at its log"
        case "full":
            why, hint = "what listens there takes no connections", "it hangs: look at its log"
        case "listens" if forwarded:
            why, hint = "sshd refuses to forward it, though on the host it can be opened", forwarding
        case "listens":
            why, hint = "what listens there had no room, or has only just begun", "try again"
        case _:
            why = f"nobody listens there{', or sshd refuses to forward it' if forwarded else ''}"
            why += f" ({detail})" if detail else ""
            hint = f"is the balancer's process running? {forwarding if forwarded else ''}".strip()
    return SocketGone(f"the socket {path} cannot be opened", why=why, hint=hint, host=host)
