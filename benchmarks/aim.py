"""Where load may go: this machine, and hosts on one of its own bridges; and how much of it."""

from __future__ import annotations

import argparse
import ipaddress
import socket
import urllib.parse
from collections.abc import Callable
from pathlib import Path


def own(text: str) -> urllib.parse.SplitResult:
    """A plain http URL of this machine, or of a host on one of its bridges; nothing else."""
    url = urllib.parse.urlsplit(text)
    if url.scheme != "http" or not url.hostname:
        raise argparse.ArgumentTypeError("an http:// URL")
    try:
        address = ipaddress.IPv4Address(socket.gethostbyname(url.hostname))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{url.hostname}: {error}") from error
    if not (address.is_loopback or on_a_bridge(address)):
        raise argparse.ArgumentTypeError(f"{address} is not a host of a rehearsal on this machine")
    return url


def on_a_bridge(address: ipaddress.IPv4Address) -> bool:
    """Whether the kernel's most specific route keeps packets to the address on a bridge of this machine."""
    routes = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        interface, destination, gateway, *_, mask = line.split()[:8]
        network, gate, bits = (socket.ntohl(int(word, 16)) for word in (destination, gateway, mask))
        if int(address) & bits == network:
            routes.append((bits, gate == 0 and Path(f"/sys/class/net/{interface}/bridge").exists()))
    return max(routes, default=(0, False))[1]


def bounded(most: float) -> Callable[[str], float]:
    """An argument between 0 and ``most``."""

    def parse(text: str) -> float:
        value = float(text)
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"between 0 and {most:g}")
        return value

    return parse
