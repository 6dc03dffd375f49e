"""Hosts for the contract suites: a fake one, this machine, and a real sshd on the loopback interface."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.transport.base import Transport
from fleet.transport.connect import Connector
from fleet.transport.endpoint import Endpoint
from fleet.transport.fake import FakeTransport
from tests.support.hosts import KEYRING, NO_CONFIG
from tests.support.sshd import Sshd


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("loopback") / "sshd")
    yield server
    server.stop()


@pytest.fixture
def another_sshd(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    started: list[Sshd] = []

    def start(extra: str = "") -> Sshd:
        started.append(Sshd(tmp_path / f"sshd-{len(started)}", extra))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def connector(sshd: Sshd) -> Iterator[Connector]:
    with Connector(KEYRING, known_hosts=[sshd.known_hosts], ssh_config=NO_CONFIG, timeout=5) as made:
        yield made


@pytest.fixture(params=["fake", "local", "ssh"])
def host(
    request: pytest.FixtureRequest, tmp_path: Path, sshd: Sshd, connector: Connector
) -> Iterator[Transport]:
    transport: Transport
    if request.param == "fake":
        transport = FakeTransport("fake", tmp_path, keyring=KEYRING)
    elif request.param == "local":
        transport = connector.connect(Endpoint("here", "localhost", connection="local"))
    else:
        transport = connector.connect(sshd.endpoint())
    yield transport
    transport.close()


@pytest.fixture
def ssh(sshd: Sshd, connector: Connector) -> Iterator[Transport]:
    transport = connector.connect(sshd.endpoint())
    yield transport
    transport.close()
