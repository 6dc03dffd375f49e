"""Hosts for the contract suites: a fake one, this machine, and a real sshd on the loopback interface."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet.rehearsal import HostFleet, host_fleet
from fleet.transport.base import Transport
from fleet.transport.connect import Connector
from fleet.transport.endpoint import Endpoint
from fleet.transport.fake import FakeTransport
from tests.support.hosts import KEYRING, NO_CONFIG
from tests.support.registry import Registry
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


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFleet]:
    """One real host, ``engine-1``, with its own sshd and Docker Engine."""
    with host_fleet("transport", ["engine-1"], tmp_path_factory.mktemp("keys")) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def machine_known_hosts(machine: HostFleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("known") / "known_hosts"
    path.write_text(machine.known_hosts())
    return path


@pytest.fixture
def enter(machine: HostFleet, machine_known_hosts: Path) -> Iterator[Callable[..., Transport]]:
    """Connects to ``engine-1`` as ``deploy``, or with other words of an Endpoint."""
    address = machine.host("engine-1").address
    key = str(machine.keys.private_key)
    opened: list[Transport] = []
    with Connector(KEYRING, known_hosts=[machine_known_hosts], ssh_config=NO_CONFIG) as made:

        def connect(**words: Any) -> Transport:
            words = {"user": "deploy", "key_file": key, **words}
            opened.append(made.connect(Endpoint("engine-1", address, **words)))
            return opened[-1]

        yield connect
        for transport in opened:
            transport.close()


@dataclass
class World:
    """A host with an engine and a registry that both a fake and a real one can play."""

    docker: Transport
    registry: str
    push: Callable[[str, str, str], str]
    ask_for_login: Callable[[str, str], None]
    busy: Callable[[int], None]
    state: Callable[[str], str]


@pytest.fixture(params=["fake", "engine"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "fake":
        fake = FakeTransport("fake", tmp_path, keyring=KEYRING)
        store = fake.engine.registry
        address = "registry.example:5000"

        def state(name: str) -> str:
            found = fake.engine.container(name)
            return found.state if found else ""

        yield World(
            fake,
            address,
            lambda name, tag, content: store.push(f"{address}/{name}:{tag}", content),
            lambda user, password: store.logins.update({address: (user, password)}),
            lambda seconds: store.busy.append(float(seconds)),
            state,
        )
        return
    machine: HostFleet = request.getfixturevalue("machine")
    host = machine.host("engine-1")
    transport = request.getfixturevalue("enter")(become=True)
    registry = Registry(str(next(machine.subnet.hosts())))

    def real_state(name: str) -> str:
        return host.run(f"docker inspect -f '{{{{.State.Status}}}}' {name} 2>/dev/null || true").strip()

    yield World(
        transport,
        registry.address,
        registry.push,
        lambda user, password: setattr(registry, "login", (user, password)),
        registry.busy.append,
        real_state,
    )
    registry.close()
    host.run("docker ps -aq | xargs -r docker rm -fv; docker network prune -f; docker image prune -af")
