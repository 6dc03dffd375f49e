"""Becoming another user with sudo, which may ask for a password before it lets a command begin.

The password goes to sudo's standard input, which is the command's, too: were it sent to a sudo that wants
none, the command would read it. So nothing is sent before sudo has asked, or the command has told that it
is let in::

    exec sudo -S -p @fleet-password … sh -c 'echo @fleet-in; exec "$@"' sh timeout …
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fleet.transport.pump import Ending, Process

PROMPT = "@fleet-password:"
IN = b"@fleet-in\n"
TELL_IN = ("sh", "-c", 'echo @fleet-in; exec "$@"', "sh")


@dataclass(frozen=True, slots=True)
class Becoming:
    """The words that go before a command, and what they read. That may also be more than they want: what is
    killed with them reads nothing."""

    words: tuple[str, ...] = ()
    password: str = field(default="", repr=False)

    @property
    def before(self) -> Sequence[str]:
        """The words before a command that itself reads."""
        return (*self.words, *TELL_IN) if self._asks else self.words

    @property
    def _asks(self) -> bool:
        return bool(self.words and self.password)

    @property
    def line(self) -> bytes:
        return f"{self.password}\n".encode() if self._asks else b""

    def guard(self, process: Process) -> Process:
        """``process``, as its command sees it."""
        return Asked(process, self.line) if self._asks else process


NOBODY_ELSE = Becoming()


class Asked:
    """A :class:`Process` behind sudo. The password is given once: a second try could lock the account."""

    def __init__(self, inner: Process, line: bytes) -> None:
        self._inner = inner
        self._line = line
        self._unsent = memoryview(b"")
        self._inside = False
        self._out = b""
        self._said = b""
        self._prompts = 0

    def write(self, data: memoryview) -> int:
        return self._inner.write(data) if self._inside else 0

    def end_input(self) -> None:
        self._inner.end_input()

    def read(self) -> tuple[bytes, bytes]:
        out, err = self._inner.read()
        if self._inside:
            return out, err
        self._out += out
        self._said += err
        before, mark, rest = self._out.partition(IN)
        if mark:
            # What sudo had to say (its lecture) is no output of the command.
            self._inside, self._said = True, b""
            return before + rest, b""
        self._answer()
        if not self._inner.drained():
            return b"", b""
        out, err = self._out, self._said.replace(PROMPT.encode(), b"")
        self._out = self._said = b""
        return out, err

    def _answer(self) -> None:
        if self._said.count(PROMPT.encode()) > self._prompts:
            self._prompts += 1
            if self._prompts > 1:
                self._inner.end_input()
            else:
                self._unsent = memoryview(self._line)
        if self._unsent:
            self._unsent = self._unsent[self._inner.write(self._unsent) :]

    def wait(self, seconds: float, *, writing: bool) -> None:
        self._inner.wait(seconds, writing=(writing and self._inside) or bool(self._unsent))

    def drained(self) -> bool:
        return self._inner.drained() and not (self._out or self._said)

    def ending(self) -> Ending | None:
        return self._inner.ending()

    def kill(self, group: int, signal: str) -> None:
        self._inner.kill(group, signal)

    def close(self) -> None:
        self._inner.close()
