"""The kinds of clients. Each asks as often as it is told, one thing at a time, and tries nothing again."""

from __future__ import annotations

import asyncio
import json
import random
import time
import urllib.parse

from fleet.rehearsal.traffic.connection import TIMEOUT, Connection, Failed, Head, named
from fleet.rehearsal.traffic.tally import Tally

VERSION_HEADER = "x-shop-version"
ARTICLE = "tea"
SLOW = (2, 200_000)
"""Seconds that the server takes for the bigger answer, and its bytes."""
READING = 3.0
"""Seconds over which a slow reader takes it in."""
SENDING = (1.0, 3.0)
"""Seconds over which a slow sender gives its body away."""
PIECES = 10
LIMIT = 10.0
"""``timeout http-keep-alive`` of the rehearsal's balancers, in seconds."""
CLEAR = 1.5
"""Seconds around it in which no idle client asks: both sides may be late on a busy machine."""


class Client:
    """One client: ``ask`` does one request, and the tally knows its end."""

    kind = ""
    keeps = True
    rests = False
    """It pauses from its answer on, and not from when it was to ask."""
    buffer: int | None = None

    def __init__(self, url: urllib.parse.SplitResult, number: int, tally: Tally) -> None:
        self._number = number
        self._url = url
        self._tally = tally
        self._random = random.Random(number)
        self._connection = Connection((url.hostname or "", url.port or 80), self.buffer)

    async def ask(self) -> None:
        started = time.monotonic()
        kept = False
        try:
            with named():
                async with asyncio.timeout(TIMEOUT):
                    head, waited = await self._exchange(started)
            kept = self.keeps and head.kept
        except Failed as failure:
            self._tally.failed(self.kind, self._number, str(failure), started)
        else:
            self._tally.answered(self.kind, head.headers.get(VERSION_HEADER, "no version"), waited)
        finally:
            self._tally.reopened[self.kind] += self._connection.reopened
            self._connection.reopened = 0
            if not kept:
                self._connection.close()

    def pause(self, interval: float) -> float:
        """Seconds until the next question when ``interval`` is wanted on average."""
        return interval

    def close(self) -> None:
        self._connection.close()

    async def _exchange(self, started: float) -> tuple[Head, float]:
        """The answer's head, and how many seconds the server let us wait. Raises Failed."""
        raise NotImplementedError

    def _start(self, method: str = "GET", path: str = "", more: str = "") -> bytes:
        return (
            f"{method} {path or self._url.path or '/'} HTTP/1.1\r\nHost: {self._url.netloc}\r\n"
            f"Connection: {'keep-alive' if self.keeps else 'close'}\r\n{more}\r\n"
        ).encode()

    async def _answer(self, status: int = 200) -> tuple[Head, bytes]:
        head = await self._connection.head()
        body = await self._connection.body(head.length)
        if head.status != status:
            raise Failed(f"status {head.status}")
        return head, body


class Kept(Client):
    """Keeps its connection."""

    kind = "kept connection"

    async def _exchange(self, started: float) -> tuple[Head, float]:
        await self._connection.write(self._start())
        head, _ = await self._answer()
        return head, time.monotonic() - started


class New(Kept):
    """Makes a connection for every request."""

    kind = "new connection"
    keeps = False


class Idle(Kept):
    """Keeps its connection and asks so seldom that the server may have closed it.

    Never just when the balancer's own limit of an idle connection ends: a request that crosses that end on
    its way is lost on any day, whether something is deployed or not.
    """

    kind = "idle"
    rests = True

    def pause(self, interval: float) -> float:
        seconds = interval * self._random.uniform(0.6, 1.4)
        return seconds if abs(seconds - LIMIT) > CLEAR else LIMIT + CLEAR


class Order(Client):
    """Orders something; what was acknowledged has to be there in the end."""

    kind = "order"

    async def _exchange(self, started: float) -> tuple[Head, float]:
        body = f"article={ARTICLE}".encode()
        await self._connection.write(self._order(len(body)) + body)
        return await self._acknowledged(), time.monotonic() - started

    def _order(self, length: int) -> bytes:
        kind = "application/x-www-form-urlencoded"
        return self._start("POST", "/orders", f"Content-Type: {kind}\r\nContent-Length: {length}\r\n")

    async def _acknowledged(self) -> Head:
        head, body = await self._answer(201)
        self._tally.orders.append(int(json.loads(body)["id"]))
        return head


class SlowSender(Order):
    """Orders, too, with a body that takes its time. It waits from the last byte of it on."""

    kind = "slow sender"

    async def _exchange(self, started: float) -> tuple[Head, float]:
        body = f"article={ARTICLE}&note={'x' * 4000}".encode()
        size = -(-len(body) // PIECES)
        pause = self._random.uniform(*SENDING) / PIECES
        await self._connection.write(self._order(len(body)))
        answer = asyncio.ensure_future(self._acknowledged())
        try:
            for begin in range(0, len(body), size):
                await asyncio.wait({answer}, timeout=pause)
                if answer.done():
                    # It says why nobody wants the rest: a status, or the connection's end.
                    await answer
                    raise Failed("answered before the request's end")
                await self._connection.more(body[begin : begin + size])
            sent = time.monotonic()
            return await answer, time.monotonic() - sent
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)


class SlowReader(Client):
    """Reads a bigger answer piece by piece. It waits until the first of it comes."""

    kind = "slow reader"
    buffer = 16384

    async def _exchange(self, started: float) -> tuple[Head, float]:
        seconds, size = SLOW
        await self._connection.write(self._start(path=f"/slow?seconds={seconds}&bytes={size}"))
        head = await self._connection.head()
        waited = time.monotonic() - started
        if head.status != 200:
            raise Failed(f"status {head.status}")
        for number in range(PIECES):
            await self._connection.body(head.length * (number + 1) // PIECES - head.length * number // PIECES)
            if number < PIECES - 1:
                await asyncio.sleep(READING / PIECES)
        return head, waited


KINDS: tuple[type[Client], ...] = (Kept, New, Idle, Order, SlowSender, SlowReader)
