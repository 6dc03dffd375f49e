"""Each kind of client names each way of losing a request; a connection closed while idle is none of them."""

from __future__ import annotations

import asyncio
import socket
import struct
import urllib.parse
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fleet.rehearsal.traffic import clients
from fleet.rehearsal.traffic.clients import (
    CLEAR,
    KINDS,
    LIMIT,
    Client,
    Idle,
    Kept,
    New,
    Order,
    SlowReader,
    SlowSender,
)
from fleet.rehearsal.traffic.tally import Tally

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Behaviour = Callable[[Reader, Writer], Awaitable[None]]


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READING", 0.1)
    monkeypatch.setattr(clients, "SENDING", (0.1, 0.2))


def answer(status: int = 200, body: bytes = b'{"id": 7}', more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} Some Reason\r\nContent-Length: {len(body)}\r\nX-Shop-Version: v41\r\n{more}\r\n"
    )
    return head.encode() + body


async def request(reader: Reader) -> str:
    """All of one, and its method; raises IncompleteReadError when there is none any more."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = head.lower().partition("content-length: ")[2].partition("\r\n")[0]
    await reader.readexactly(int(length or 0))
    return head.split()[0]


def reset(writer: Writer) -> None:
    plain = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Served:
    """A server that behaves badly, and one client that asks it."""

    def __init__(self, kind: type[Client], behaviour: Behaviour) -> None:
        self._kind = kind
        self._behaviour = behaviour
        self.tally = Tally()
        self.connections = 0
        self.gone = asyncio.Event()

    async def __aenter__(self) -> Served:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.client = self._kind(urllib.parse.urlsplit(f"http://127.0.0.1:{port}/"), 3, self.tally)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.close()
        self._server.close()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        try:
            await self._behaviour(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.gone.set()

    @property
    def kinds(self) -> list[str]:
        return [failure.kind for failure in self.tally.failures]


def ask(kind: type[Client], behaviour: Behaviour, times: int = 1) -> Served:
    async def asked() -> Served:
        async with Served(kind, behaviour) as served:
            for _ in range(times):
                await served.client.ask()
        return served

    return asyncio.run(asked())


async def well(reader: Reader, writer: Writer) -> None:
    while True:
        method = await request(reader)
        writer.write(answer(201 if method == "POST" else 200))


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_server_loses_nothing(kind: type[Client]) -> None:
    served = ask(kind, well, times=3)
    assert served.kinds == []
    assert served.tally.requests == len(served.tally.before[kind.kind]) == 3
    assert served.tally.versions["v41"].answers == 3
    assert served.tally.orders == ([7, 7, 7] if issubclass(kind, Order) else [])
    assert served.connections == (3 if kind is New else 1)


async def resets(reader: Reader, writer: Writer) -> None:
    await request(reader)
    reset(writer)


async def resets_in_the_middle(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\nnot all")
    await writer.drain()
    reset(writer)


async def ends_in_the_middle(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\nnot all")


async def ends_in_the_head(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nConte")


async def says_nothing(reader: Reader, writer: Writer) -> None:
    await request(reader)


async def refuses_politely(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(answer(503))


async def talks_nonsense(reader: Reader, writer: Writer) -> None:
    await request(reader)
    writer.write(b"hello\r\n\r\n")


BAD = {
    resets: "reset",
    resets_in_the_middle: "reset",
    ends_in_the_middle: "closed in the middle of an answer",
    ends_in_the_head: "closed in the middle of an answer",
    says_nothing: "closed without an answer",
    refuses_politely: "status 503",
    talks_nonsense: "not an answer",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behaviour", BAD)
def test_every_end_has_its_name(kind: type[Client], behaviour: Behaviour) -> None:
    served = ask(kind, behaviour)
    assert served.kinds == [BAD[behaviour]]
    assert served.tally.failures[0].client == kind.kind
    assert served.tally.failures[0].number == 3
    assert served.tally.requests == 1
    assert not served.tally.versions
    assert not served.tally.orders


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_in_time_is_a_timeout(kind: type[Client], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "TIMEOUT", 0.4)

    async def sleeps(reader: Reader, writer: Writer) -> None:
        await request(reader)
        await reader.read()

    assert ask(kind, sleeps).kinds == ["timeout"]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_listening_is_a_refusal(kind: type[Client]) -> None:
    async def asked() -> Tally:
        async with Served(kind, well) as served:
            served._server.close()
            await served._server.wait_closed()
            await served.client.ask()
        return served.tally

    assert [one.kind for one in asyncio.run(asked()).failures] == ["refused"]


async def once(reader: Reader, writer: Writer) -> None:
    """Closed while idle, without a word."""
    await request(reader)
    writer.write(answer())


@pytest.mark.parametrize("kind", [Kept, Idle])
def test_closed_while_idle_is_opened_again_and_no_failure(kind: type[Client]) -> None:
    async def asked() -> Served:
        async with Served(kind, once) as served:
            for _ in range(3):
                await served.client.ask()
                await served.gone.wait()
                served.gone.clear()
                await until(served.client._connection._streams[0].at_eof)
        return served

    served = asyncio.run(asked())
    assert served.kinds == []
    assert served.connections == 3
    assert served.tally.reopened == {kind.kind: 2}


def test_a_reset_while_idle_is_a_failure() -> None:
    async def asked() -> Served:
        answered = asyncio.Event()

        async def resets_the_first(reader: Reader, writer: Writer) -> None:
            await request(reader)
            writer.write(answer())
            if not answered.is_set():
                await answered.wait()
                reset(writer)

        async with Served(Idle, resets_the_first) as served:
            await served.client.ask()
            answered.set()
            await until(served.client._connection._streams[0].exception)
            await served.client.ask()
            await served.client.ask()
        return served

    served = asyncio.run(asked())
    assert served.kinds == ["reset while idle"]
    assert len(served.tally.before["idle"]) == 2


def test_an_end_after_the_next_request_was_sent_is_a_failure() -> None:
    async def second_unanswered(reader: Reader, writer: Writer) -> None:
        await request(reader)
        writer.write(answer())
        await request(reader)

    assert ask(Kept, second_unanswered, times=2).kinds == ["closed without an answer"]


@pytest.mark.parametrize("word", ["close", "Close"])
def test_a_connection_that_is_announced_to_close_is_not_used_again(word: str) -> None:
    async def announces(reader: Reader, writer: Writer) -> None:
        await request(reader)
        writer.write(answer(more=f"Connection: {word}\r\n"))
        await reader.read()

    served = ask(Kept, announces, times=2)
    assert served.kinds == []
    assert served.connections == 2
    assert not served.tally.reopened.total()


def test_an_order_that_is_answered_otherwise_than_created_is_lost() -> None:
    async def page(reader: Reader, writer: Writer) -> None:
        await request(reader)
        writer.write(answer(200))

    served = ask(Order, page)
    assert served.kinds == ["status 200"]
    assert not served.tally.orders


@pytest.mark.parametrize(
    ("said", "kind"), [(answer(503), "status 503"), (answer(201), "answered before the request's end")]
)
def test_an_answer_before_the_body_has_ended_ends_the_sending(said: bytes, kind: str) -> None:
    async def hasty(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await reader.read()

    assert ask(SlowSender, hasty).kinds == [kind]


def test_a_slow_reader_makes_the_server_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READING", 0.5)
    body = bytes(8_000_000)
    took = 0.0

    async def pours(reader: Reader, writer: Writer) -> None:
        nonlocal took
        await request(reader)
        started = asyncio.get_running_loop().time()
        writer.write(answer(body=body))
        await writer.drain()
        took = asyncio.get_running_loop().time() - started
        await reader.read()

    assert ask(SlowReader, pours).kinds == []
    assert took > 0.25


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def test_an_idle_client_never_asks_as_its_connection_reaches_the_balancers_limit() -> None:
    template = Path(__file__).parents[3] / "roles/loadbalancer/templates/haproxy.cfg.j2"
    assert f"timeout http-keep-alive {LIMIT:.0f}s" in template.read_text()
    client = Idle(urllib.parse.urlsplit("http://127.0.0.1/"), 1, Tally())
    pauses = [client.pause(8.5) for _ in range(2000)]
    assert not [one for one in pauses if abs(one - LIMIT) < CLEAR]
    assert min(pauses) < LIMIT - 2 * CLEAR
    assert any(one > LIMIT for one in pauses), "some are closed while they are idle"
