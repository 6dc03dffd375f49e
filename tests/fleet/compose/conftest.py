"""Two hosts, one with each generation of the engine; every file is brought up on both, by both, once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet.rehearsal import HostFleet, host_fleet
from tests.fleet.compose import sides
from tests.fleet.compose.sides import ENGINES, Both, host_of
from tests.support.project import Project
from tests.support.registry import Registry


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFleet]:
    keys = tmp_path_factory.mktemp("keys")
    images = {host_of(engine): image for engine, image in ENGINES.items()}
    with host_fleet("test-compose", list(images), keys, images=images) as made:
        yield made


@pytest.fixture(scope="session")
def registry(fleet: HostFleet) -> Iterator[Registry]:
    """With one small image, ``box:1``."""
    made = Registry(str(next(fleet.subnet.hosts())))
    made.push("box", "1", "box")
    yield made
    made.close()


@pytest.fixture(scope="session")
def both(fleet: HostFleet, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Both:
    hosts = {engine: fleet.host(host_of(engine)) for engine in ENGINES}
    for engine, host in hosts.items():
        assert host.run("docker version -f '{{.Server.Version}}'").startswith(engine)
        host.run(sides.JOURNAL)
    with ThreadPoolExecutor(len(hosts)) as pool:
        each = pool.map(lambda host: sides.by_compose(host, registry.address), hosts.values())
        compose = dict(zip(hosts, each, strict=True))
    project = Project(tmp_path_factory.mktemp("project"), fleet, sides.PROJECT, registry.address)
    sides.roles(project, fleet)
    ours = sides.by_fleet(project, {host.name: host for host in hosts.values()})
    return Both(compose, {engine: ours[host_of(engine)] for engine in ENGINES})
