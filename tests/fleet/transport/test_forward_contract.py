"""The way through this machine: what connects to a port of one host comes out of another."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from fleet.errors import RemoteFailed, Unreachable
from fleet.transport.base import ConnectionLost, Transport
from fleet.transport.connect import Connector
from fleet.transport.endpoint import Endpoint
from fleet.transport.link import Link
from fleet.transport.listening import HINT
from tests.support.hosts import KEYRING, NO_CONFIG
from tests.support.sshd import Sshd, free_port


@pytest.fixture(params=["local", "ssh"])
def host(request: pytest.FixtureRequest, connector: Connector, sshd: Sshd) -> Iterator[Transport]:
    endpoint = (
        Endpoint("loop", "localhost", connection="local") if request.param == "local" else sshd.endpoint()
    )
    transport = connector.connect(endpoint)
    yield transport
    transport.close()


@pytest.fixture
def echo() -> Iterator[int]:
    """Sends back what it gets, each connection to its end."""

    def serve(client: socket.socket) -> None:
        with client:
            while data := client.recv(65536):
                client.sendall(data)

    def accept() -> None:
        while True:
            try:
                client = server.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def through(port: int, data: bytes) -> bytes:
    got = bytearray()
    with socket.create_connection(("127.0.0.1", port), 10) as sock:

        def write() -> None:
            # It may have been ended meanwhile.
            with contextlib.suppress(OSError):
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)

        writing = threading.Thread(target=write)
        writing.start()
        while part := sock.recv(65536):
            got += part
        writing.join()
    return bytes(got)


def test_what_goes_in_comes_out_and_back(host: Transport, echo: int) -> None:
    data = os.urandom(5_000_000)
    with host.forward(lambda: host.dial("127.0.0.1", echo, timeout=5)) as port:
        assert through(port, data) == data
        assert through(port, b"") == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 2)


def test_two_at_once_are_kept_apart(host: Transport, echo: int) -> None:
    def refuse() -> socket.socket:
        raise Unreachable("there is nobody")

    with (
        host.forward(lambda: host.dial("127.0.0.1", echo, timeout=5)) as port,
        host.forward(refuse) as dead,
    ):
        assert through(port, b"hello") == b"hello"
        with contextlib.suppress(OSError):
            assert through(dead, b"hello") == b"", "ended, and not left waiting"
        assert through(port, b"again") == b"again"


def test_an_end_cuts_what_is_under_way(host: Transport, echo: int) -> None:
    with host.forward(lambda: host.dial("127.0.0.1", echo, timeout=5)) as port:
        sock = socket.create_connection(("127.0.0.1", port), 10)
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    with sock, contextlib.suppress(ConnectionResetError):
        assert sock.recv(1) == b""


def test_nobody_there(host: Transport) -> None:
    with pytest.raises(Unreachable, match="port") as caught:
        host.dial("127.0.0.1", free_port(), timeout=5)
    assert caught.value.host == "loop"
    assert not isinstance(caught.value, ConnectionLost)


def test_an_sshd_that_forbids_it(another_sshd: Callable[..., Sshd]) -> None:
    sshd = another_sshd("AllowTcpForwarding no")
    with Connector(KEYRING, known_hosts=[sshd.known_hosts], ssh_config=NO_CONFIG, timeout=5) as connector:
        transport = connector.connect(sshd.endpoint())
        with (
            pytest.raises(RemoteFailed, match="refuses to listen") as caught,
            transport.forward(socket.socket),
        ):
            raise AssertionError
        assert caught.value.hint == HINT
        with pytest.raises(Unreachable, match="did not connect"):
            transport.dial("127.0.0.1", sshd.port, timeout=5)
        transport.close()


def test_a_lost_connection_is_told(connector: Connector, sshd: Sshd) -> None:
    transport = connector.connect(sshd.endpoint())
    transport.close()
    with pytest.raises(ConnectionLost), transport.forward(socket.socket):
        raise AssertionError
    with pytest.raises(ConnectionLost):
        transport.dial("127.0.0.1", sshd.port, timeout=5)


def test_keepalives_do_not_take_the_answer(
    connector: Connector, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers bear no name: with keep-alives as quick as they can be, ports are still told rightly."""
    monkeypatch.setattr("fleet.transport.link.PING_EVERY", 0.0001)
    monkeypatch.setattr("fleet.transport.link.PINGS", 10_000)
    transport = connector.connect(sshd.endpoint())
    assert isinstance(transport._link, Link)  # type: ignore[attr-defined]
    for _ in range(30):
        with transport.forward(socket.socket) as port:
            socket.create_connection(("127.0.0.1", port), 5).close()
    transport.close()
