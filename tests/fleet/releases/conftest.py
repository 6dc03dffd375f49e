"""Three real hosts and a registry for the whole suite; a project of its own for every test, whose ledger is
on web-1 and whose lease is the shortest there is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.rehearsal import Host, HostFleet, host_fleet
from tests.support.app_image import AppRegistry
from tests.support.operators import Operator, leavings
from tests.support.project import Project
from tests.support.webs import WEB, app_registry, sweep

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFleet]:
    """/srv of web-3 is a small disk in memory, that can be filled."""
    keys = tmp_path_factory.mktemp("keys")
    with host_fleet("test-releases", WEB, keys, disk_mb={"web-3": 160}) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def registry(hosts: HostFleet) -> Iterator[AppRegistry]:
    made = app_registry(hosts)
    yield made
    made.close()


@pytest.fixture
def web(hosts: HostFleet) -> Callable[[int], Host]:
    return lambda number: hosts.host(f"web-{number}")


@pytest.fixture
def fleet(tmp_path: Path, hosts: HostFleet, registry: AppRegistry) -> Iterator[Operator]:
    """Role ``web`` on all three hosts. Nothing half-made is left on them; they end as they began."""
    project = Project(tmp_path / "project", hosts, f"r{next(NUMBERS)}", registry.address)
    operator = Operator(project)
    operator.inventory()
    project.role()
    yield operator
    project.close()
    left = leavings(hosts, project.name)
    sweep(hosts)
    assert not left, left
