#!/usr/bin/env python3
"""HTTP load on a fleet of one's own, and what became of every request.

    python benchmarks/load.py http://172.30.7.11/ --seconds 60 --rate 100

Half of the clients keep their connection, half make a new one for every request: a rolling update hurts them
in different ways. Nothing is retried. Bounded in time and rate, and aimed at this machine's own hosts only.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import socket
import sys
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT = 10.0
VERSION_HEADER = "x-shop-version"


class Failed(Exception):
    """A request without a good answer; the text is the kind of failure."""


@dataclass
class Tally:
    """What was seen so far; times in seconds since the start."""

    started: float = field(default_factory=time.monotonic)
    latencies: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    failed_at: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    seen: dict[str, tuple[float, float]] = field(default_factory=dict)

    def answered(self, version: str, latency: float) -> None:
        now = time.monotonic() - self.started
        self.latencies.append(latency)
        self.answers[version] += 1
        self.seen[version] = (self.seen.get(version, (now, now))[0], now)

    def failed(self, client: str, kind: str) -> None:
        self.failures[f"{kind} ({client})"] += 1
        self.failed_at.append(time.monotonic() - self.started)


class Client:
    """One client with at most one connection."""

    def __init__(self, url: urllib.parse.SplitResult, *, keep: bool) -> None:
        self.kind = "kept connection" if keep else "new connection"
        self._address = (url.hostname or "", url.port or 80)
        self._keep = keep
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._request = (
            f"GET {url.path or '/'} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        ).encode()

    async def ask(self) -> str:
        """The version that answered. Raises Failed."""
        keeps = False
        try:
            async with asyncio.timeout(TIMEOUT):
                if self._streams is None:
                    self._streams = await asyncio.open_connection(*self._address)
                reader, writer = self._streams
                writer.write(self._request)
                status, headers = await self._head(reader)
                await reader.readexactly(int(headers.get("content-length", "0")))
            keeps = self._keep and headers.get("connection") != "close"
        except TimeoutError:
            raise Failed("timeout") from None
        except ConnectionRefusedError:
            raise Failed("refused") from None
        except ConnectionResetError:
            raise Failed("reset") from None
        except (asyncio.IncompleteReadError, BrokenPipeError):
            raise Failed("closed without an answer") from None
        except (OSError, ValueError) as error:
            raise Failed(type(error).__name__) from None
        finally:
            if not keeps:
                self.close()
        if status != 200:
            raise Failed(f"status {status}")
        return headers.get(VERSION_HEADER, "no version")

    async def _head(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        pairs = (line.partition(":") for line in lines if ":" in line)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None


async def drive(client: Client, tally: Tally, first: float, interval: float, end: float) -> None:
    """Ask every ``interval`` seconds from ``first`` until ``end``; a late answer puts the next one off."""
    due = first
    while (now := time.monotonic()) < end:
        if due > now:
            await asyncio.sleep(due - now)
        due = max(due + interval, now)
        asked = time.monotonic()
        try:
            tally.answered(await client.ask(), time.monotonic() - asked)
        except Failed as failure:
            tally.failed(client.kind, str(failure))
    client.close()


async def load(url: urllib.parse.SplitResult, seconds: float, rate: float, clients: int) -> Tally:
    tally = Tally()
    interval = clients / rate
    end = tally.started + seconds
    await asyncio.gather(
        *(
            drive(Client(url, keep=number % 2 == 0), tally, tally.started + number / rate, interval, end)
            for number in range(clients)
        )
    )
    return tally


def report(tally: Tally) -> None:
    failed = sum(tally.failures.values())
    total = len(tally.latencies) + failed
    print(f"requests  {total}")
    print(f"failed    {failed}  ({failed / max(total, 1):.3%})")
    for kind, count in tally.failures.most_common():
        print(f"  {count:6}  {kind}")
    if tally.failed_at:
        print(f"  between {min(tally.failed_at):.1f} s and {max(tally.failed_at):.1f} s")
    ordered = sorted(tally.latencies)
    for name, share in (("p50", 0.50), ("p99", 0.99), ("max", 1.0)):
        if ordered:
            print(f"{name}       {ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000:.1f} ms")
    print("answered by")
    for version in sorted(tally.answers):
        since, until = tally.seen[version]
        print(f"  {version:10} {tally.answers[version]:6}  from {since:.1f} s to {until:.1f} s")


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
    def parse(text: str) -> float:
        value = float(text)
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"between 0 and {most:g}")
        return value

    return parse


def main() -> int:
    parser = argparse.ArgumentParser(description="HTTP load on a fleet of one's own.")
    parser.add_argument("url", type=own)
    parser.add_argument("--seconds", type=bounded(600), default=30.0)
    parser.add_argument(
        "--rate", type=bounded(2000), default=100.0, help="requests a second, all clients together"
    )
    parser.add_argument("--clients", type=int, choices=range(2, 201), default=16, metavar="2…200")
    options = parser.parse_args()
    tally = asyncio.run(load(options.url, options.seconds, options.rate, options.clients))
    report(tally)
    return 0 if tally.answers else 1


if __name__ == "__main__":
    sys.exit(main())
