"""Which texts Ansible takes for a host name or address, ranges and port included."""

from __future__ import annotations

import re

_BRACKETED_PORT = re.compile(r"\[(.+)\]:([0-9]+)")
_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")

_RANGE = r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]"
_LABEL = rf"(?:\w|{_RANGE})(?:[\w-]|{_RANGE})*(?<![_-])"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)

_HEX_RANGE = re.compile(r"\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{1,4}", re.IGNORECASE)
_IPV4_IN_IPV6 = re.compile(
    r"(?:(?:0:){6}|(?:0:){5}ffff:|::(?:ffff:)?)(?:[0-9a-f]{1,4}\.){3}[0-9a-f]{1,4}", re.I
)


def split_port(text: str) -> tuple[str, int | None] | None:
    """``(address, port)`` of ``web[1:3]:2222``, ``[::1]:22`` and the like; None when it is no address."""
    port = None
    for shape in (_BRACKETED_PORT, _PORT):
        if found := shape.fullmatch(text):
            text, port = found[1], int(found[2])
    return (text, port) if _HOSTNAME.fullmatch(text) or _is_ipv6(text) else None


def _is_ipv6(text: str) -> bool:
    plain = _HEX_RANGE.sub("0", text)
    if _IPV4_IN_IPV6.fullmatch(plain):
        return True
    left, gap, right = plain.partition("::")
    before = left.split(":") if left else []
    after = right.split(":") if right else []
    if not all(_HEX.fullmatch(part) for part in before + after):
        return False
    if not gap:
        return len(before) == 8
    return len(before) + len(after) <= (7 if before and after else 6)
