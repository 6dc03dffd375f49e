"""How a script reaches a remote ``sh`` and what comes back.

The command that the SSH server runs is constant but for the time limit::

    exec [sudo …] timeout -k 5 60 sh -s

- The script travels on standard input, never in ``argv``, where every user of the host could read it.
- ``timeout`` leads a process group of its own. The shell tells its number before it does anything else, so
  the group can be killed from a second session. What an rc file prints comes before that and is dropped.
- ``timeout`` ends by the same signal as the script's shell, so the server's exit-signal tells of the script.

The script itself is the body of a function that the last line calls. ``sh`` reads the whole function before
it runs anything: an inner ``cat`` cannot eat the rest (its input is ``/dev/null``), a script cut off anywhere
by a lost connection never starts (a cut last line is an open quote), and nothing is written back while we
still write.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from fleet.transport.base import OnBytes, OnLine

KILL_AFTER = 5.0
"""Seconds between SIGTERM and SIGKILL for a process group that has to end."""

MARK = b"@fleet "
FED = b"@fed\n"
TAIL = 64 * 1024
LONGEST_LINE = 64 * 1024


# Read from /proc because no builtin tells it, and another process would cost a millisecond.
_TELL_GROUP = b'read -r _ _ _ _ fleet_group _ </proc/$$/stat; echo "@fleet $fleet_group"\n'


def command(prefix: Sequence[str], timeout: float) -> str:
    """The command line for the login shell, whichever it is; ``prefix`` are the words of ``sudo``."""
    limit = f"{timeout:.3f}".rstrip("0").rstrip(".")
    return "exec " + shlex.join([*prefix, "timeout", "-k", f"{KILL_AFTER:g}", limit, "sh", "-s"])


def kill_command(prefix: Sequence[str], group: int, signal: str) -> str:
    return "exec " + shlex.join([*prefix, "sh", "-c", f"kill -s {signal} -- -{group}"])


def payload(script: str, *, fed: bool = False) -> bytes:
    """The bytes for standard input. ``fed``: the script has what comes after them for its own."""
    return _TELL_GROUP + framed(script, fed=fed)


def framed(script: str, *, fed: bool = False) -> bytes:
    """As the body of a function; ``:`` because a function body may not be empty.

    A shell reads ahead: what is for the script may follow only when the shell tells that it has read all of
    it (``FED``).
    """
    body = script if script.endswith("\n") else script + "\n"
    # exit: what the script leaves of it is no script.
    call = 'echo "@fed"; fleet_main; exit' if fed else "fleet_main </dev/null"
    return f"fleet_main() {{ :\n{body}}}\neval '{call}'\n".encode()


class Collector:
    """One output stream: whole when nobody listens, else handed on by line with only its tail kept."""

    def __init__(self, name: str, on_line: OnLine | None) -> None:
        self._name = name
        self._on_line = on_line
        self._kept = bytearray()
        self._line = b""
        self.wants_end = False

    def keep(self, data: bytes) -> None:
        """Take without telling: what comes while the command is being ended."""
        self._kept += data

    def feed(self, data: bytes) -> None:
        self.keep(data)
        if self._on_line is None:
            return
        if len(self._kept) > 2 * TAIL:
            del self._kept[:-TAIL]
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._tell(line)
        while len(self._line) > LONGEST_LINE:
            self._tell(self._line[:LONGEST_LINE])
            self._line = self._line[LONGEST_LINE:]

    def finish(self) -> bytes:
        if self._line:
            self._tell(self._line)
            self._line = b""
        return bytes(self._kept if self._on_line is None else self._kept[-TAIL:])

    def _tell(self, line: bytes) -> None:
        # After a true answer the caller is done listening.
        if self._on_line and not self.wants_end:
            text = line.removesuffix(b"\r").decode(errors="replace")
            self.wants_end = bool(self._on_line(self._name, text))


class Bytes:
    """One output stream that is handed on as it comes, and not kept."""

    wants_end = False

    def __init__(self, on_bytes: OnBytes) -> None:
        self._on_bytes = on_bytes

    def keep(self, data: bytes) -> None:
        """It is being ended: nobody wants the rest."""

    def feed(self, data: bytes) -> None:
        if data:
            self._on_bytes(data)

    def finish(self) -> bytes:
        return b""


class Prelude:
    """Splits the marks off standard output. ``group`` is the process group, once it is known; ``ready``: the
    script's own input may follow."""

    def __init__(self, *, fed: bool = False) -> None:
        self.group: int | None = None
        self.ready = not fed
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What belongs to the script."""
        if self.group is not None:
            return self._fed(data)
        self._held += data
        start = self._held.find(MARK)
        end = self._held.find(b"\n", start)
        if start < 0 or end < 0:
            return b""
        digits = self._held[start + len(MARK) : end]
        self.group = int(digits)
        rest, self._held = self._held[end + 1 :], b""
        return self._fed(rest)

    def _fed(self, data: bytes) -> bytes:
        if self.ready:
            return data
        self._held += data
        if not self._held.startswith(FED):
            return b""
        self.ready = True
        return self._held.removeprefix(FED)

    @property
    def held(self) -> bytes:
        """What was printed instead of the mark."""
        return b"" if self.group is not None else self._held
