"""A version that cannot be had: known before the first restart, so the one that serves goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet.rehearsal import Host, HostFleet
from tests.support.app_image import AppRegistry
from tests.support.look import answer, only_version
from tests.support.project import Project
from tests.support.webs import WEB, sweep

Web = Callable[[int], Host]
ALL = (1, 2, 3)


@pytest.fixture(scope="module")
def deployed(
    tmp_path_factory: pytest.TempPathFactory, hosts: HostFleet, shared_registry: AppRegistry
) -> Iterator[Project]:
    """Once for all: nothing in here may change what runs."""
    project = Project(tmp_path_factory.mktemp("serving"), hosts, "serving", shared_registry.address)
    project.inventory({"web": WEB})
    project.role()
    project.deploy("v1").ended(0)
    yield project
    project.close()
    sweep(hosts)


@pytest.fixture
def serving(deployed: Project, registry: AppRegistry, web: Web) -> Iterator[Project]:
    """Version v1 serves on every host, before and after."""
    deployed.inventory({"web": WEB})
    deployed.role()
    yield deployed
    with ThreadPoolExecutor(len(ALL)) as pool:
        assert list(pool.map(lambda number: only_version(web(number)), ALL)) == ["v1"] * 3
        assert list(pool.map(lambda number: answer(web(number)), ALL)) == ["ok v1"] * 3


def test_a_tag_that_does_not_exist_is_named(serving: Project) -> None:
    failed = serving.deploy("v99").ended(1)
    failed.says(f"there is no image {serving.registry}/app:v99", "was this version built and pushed")


def test_a_registry_that_wants_a_login_is_named(serving: Project, registry: AppRegistry) -> None:
    registry.app("private")
    registry.login = ("fleet", "right")
    failed = serving.deploy("private").ended(1)
    failed.says(f"the registry {registry.address} refuses the login", "fleet_registries")


def test_a_registry_that_is_down_is_named(serving: Project, registry: AppRegistry) -> None:
    away = registry.address.rpartition(":")[0] + ":1"
    serving.inventory({"web": ["web-1", "web-2", "web-3"]}, registry=away)
    failed = serving.deploy("v2").ended(1)
    failed.says(f"the host cannot reach the registry {away}", "connection refused")


def test_a_registry_that_goes_on_asking_for_a_pause_is_named(serving: Project, registry: AppRegistry) -> None:
    registry.app("crowded")
    registry.busy[:] = [3600] * 20
    failed = serving.deploy("crowded").ended(1)
    failed.says(f"the registry {registry.address} asks for a pause: too many requests")
    assert failed.seconds < 60


def test_an_image_that_breaks_off_on_its_way_stops_the_run_before_the_first_restart(
    serving: Project, registry: AppRegistry
) -> None:
    serving.role(image="{{ registry }}/big:{{ version }}")
    registry.big("broken", 2)
    registry.damaged = True
    try:
        failed = serving.deploy("broken")
    finally:
        registry.damaged = False
    failed.ended(1).says("pull images failed on")


def test_a_full_disk_stops_the_run_before_the_first_restart(
    serving: Project, registry: AppRegistry, web: Web
) -> None:
    registry.big("huge", 12)
    serving.role(image="{{ registry }}/big:{{ version }}")
    web(3).fill_disk()
    try:
        failed = serving.deploy("huge").ended(1)
    finally:
        web(3).free_disk()
    failed.says("web-3", "the host's disk is full", "make room", "pull images failed on web-3")
    assert "replace" not in failed.out.partition("pull images: ")[2]
