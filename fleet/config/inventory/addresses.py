"""Which texts Ansible takes for a host name or address, ranges and port included."""

from __future__ import annotations

import ipaddress
import re

_BRACKETED_PORT = re.compile(r"\[(.+)\]:([0-9]+)")
_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")

_RANGE = r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]"
_LABEL = rf"(?:\w|{_RANGE})(?:[\w-]|{_RANGE})*(?<![_-])"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)

_HEX_RANGE = re.compile(r"\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]", re.IGNORECASE)


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
