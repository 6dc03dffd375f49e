"""Names of hosts as Ansible takes them: ports, IPv6, and ranges such as ``web[01:50:2].example.com``."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterator, Sequence

# A range beyond this is a slip of the finger, and would otherwise fill the memory before anything is said.
MOST_HOSTS = 65536

_BRACKETED_PORT = re.compile(r"\[(.+)\]:([0-9]+)")
_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")

_RANGE = r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]"
_LABEL = rf"(?:\w|{_RANGE})(?:[\w-]|{_RANGE})*(?<![_-])"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)

_HEX_RANGE = re.compile(r"\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]", re.IGNORECASE)


def expand(pattern: str) -> tuple[list[str], int | None]:
    """The host names of one key below ``hosts:``, and the port if the key gives one.

    Raises ValueError with the reason when a range is wrong.
    """
    address, port = split_port(pattern) or (pattern, None)
    names = []
    for name in _expand(address):
        names.append(name)
        if len(names) > MOST_HOSTS:
            raise ValueError(f"the range stands for more than {MOST_HOSTS} hosts")
    return names, port


def _expand(text: str) -> Iterator[str]:
    head, bracket, rest = text.partition("[")
    if not bracket:
        yield text
        return
    bounds, closed, tail = rest.partition("]")
    if not closed:
        raise ValueError("the '[' is not closed")
    for word in _words(bounds):
        for end in _expand(tail):
            yield f"{head}{word}{end}"


def _words(text: str) -> Iterator[str]:
    bounds = text.split(":")
    if len(bounds) not in (2, 3):
        raise ValueError(f"a range is [first:last] or [first:last:step], not [{text}]")
    first, last = bounds[0] or "0", bounds[1]
    if not last:
        raise ValueError(f"[{text}] has no end")
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and len(last) != width:
        raise ValueError(f"[{text}]: with a leading zero both ends have the same length")
    words = _sequence(first, last, _step(bounds, text), text)
    if not words:
        raise ValueError(f"[{text}] is empty: the first must not be greater than the last")
    return (str(word).zfill(width) for word in words)


def _step(bounds: list[str], text: str) -> int:
    step = bounds[2] if len(bounds) == 3 else "1"
    if not step.isdecimal() or int(step) < 1:
        raise ValueError(f"[{text}]: the step is a number from 1 on")
    return int(step)


def _sequence(first: str, last: str, step: int, text: str) -> Sequence[str] | range:
    letters = string.ascii_letters
    if first in letters and last in letters:
        return letters[letters.index(first) : letters.index(last) + 1 : step]
    try:
        return range(int(first), int(last) + 1, step)
    except ValueError:
        raise ValueError(f"[{text}]: the ends are two numbers or two letters") from None


def split_port(text: str) -> tuple[str, int | None] | None:
    """``(address, port)`` of ``web[1:3]:2222``, ``[::1]:22`` and the like; None when it is no address."""
    port = None
    for shape in (_BRACKETED_PORT, _PORT):
        if found := shape.fullmatch(text):
            text, port = found[1], int(found[2])
    return (text, port) if _HOSTNAME.fullmatch(text) or _is_ipv6(text) else None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(_HEX_RANGE.sub("0", text))
    except ValueError:
        return False
    return True
