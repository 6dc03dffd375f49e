"""What the program says: JSON lines on stdout, and nothing else; on stderr where stdout is a stream."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping


class Failure(Exception):
    """It did not work. ``what`` failed, and ``why``, in words for an operator."""

    def __init__(self, what: str, why: str = "") -> None:
        super().__init__(what, why)
        self.what = what
        self.why = why


class Stopped(BaseException):
    """TERM or INT: children are ended on the way out. Not an Exception: nobody handles it by mistake."""


def say(kind: str, value: Mapping[str, object]) -> None:
    print(json.dumps({kind: value}), flush=True)


def beside_the_stream() -> int:
    """stdout, for a stream of bytes; what is said goes to stderr from now on."""
    stream = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stream


def readable(path: bytes) -> str:
    """A path on one line, whatever bytes it is made of."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def last_lines(text: str, count: int = 8) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-count:])
