"""Two real hosts and a registry, with a project deployed on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fleet.rehearsal import Host, HostFleet, host_fleet
from tests.support.project import Project
from tests.support.webs import app_registry

HOSTS = ("web-1", "web-2")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFleet]:
    with host_fleet("test-by-hand", HOSTS, tmp_path_factory.mktemp("keys")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, hosts: HostFleet) -> Iterator[Project]:
    """Role ``web`` at v1 on both."""
    registry = app_registry(hosts)
    made = Project(tmp_path_factory.mktemp("project"), hosts, "hand", registry.address)
    made.environ["FLEET_ENV"] = "test"
    made.inventory({"web": HOSTS})
    made.role()
    made.deploy("v1").ended(0)
    yield made
    made.close()
    registry.close()


@pytest.fixture
def web(hosts: HostFleet) -> Callable[[int], Host]:
    return lambda number: hosts.host(f"web-{number}")
