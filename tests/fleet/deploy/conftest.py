"""Three real hosts and a registry for the whole suite; a project of its own for every test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.rehearsal import Host, HostFleet, host_fleet
from tests.support.app_image import AppRegistry
from tests.support.project import Project
from tests.support.webs import WEB, app_registry, sweep

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFleet]:
    """web-3 has a small disk of its own, in memory, that can be filled."""
    keys = tmp_path_factory.mktemp("keys")
    with host_fleet("test-deploy", WEB, keys, disk_mb={"web-3": 160}) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def shared_registry(hosts: HostFleet) -> Iterator[AppRegistry]:
    registry = app_registry(hosts)
    yield registry
    registry.close()


@pytest.fixture
def registry(shared_registry: AppRegistry) -> Iterator[AppRegistry]:
    yield shared_registry
    shared_registry.login = None
    shared_registry.busy.clear()
    shared_registry.busy_words = "slow down"


@pytest.fixture
def web(hosts: HostFleet) -> Callable[[int], Host]:
    return lambda number: hosts.host(f"web-{number}")


@pytest.fixture
def project(tmp_path: Path, hosts: HostFleet, registry: AppRegistry) -> Iterator[Project]:
    """Role ``web`` on all three hosts. Afterwards the hosts are as before the test."""
    made = Project(tmp_path / "project", hosts, f"t{next(NUMBERS)}", registry.address)
    made.inventory({"web": WEB})
    made.role()
    yield made
    made.close()
    sweep(hosts)
