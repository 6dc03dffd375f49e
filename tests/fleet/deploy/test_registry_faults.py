"""Registries that refuse, wait or are away, and disks that are full: known before the first restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fleet.rehearsal import Host
from tests.support.app_image import AppRegistry
from tests.support.look import answer, containers, only_version
from tests.support.project import ENV, Project

Web = Callable[[int], Host]
ALL = (1, 2, 3)


@pytest.fixture
def serving(project: Project, web: Web) -> Iterator[Project]:
    """Version v1 serves on every host, before and after."""
    project.deploy("v1").ended(0)
    yield project
    assert [only_version(web(number)) for number in ALL] == ["v1"] * 3
    assert [answer(web(number)) for number in ALL] == ["ok v1"] * 3


def credentials(project: Project, password: str) -> None:
    text = f'fleet_registries: {{"{project.registry}": {{username: fleet, password: "{password}"}}}}\n'
    project.write(f"inventories/{ENV}/group_vars/all.yml", text)


def test_a_tag_that_does_not_exist_is_named(serving: Project) -> None:
    failed = serving.deploy("v99").ended(1)
    failed.says(f"there is no image {serving.registry}/app:v99", "was this version built and pushed")


def test_a_registry_that_wants_a_login_is_named(serving: Project, registry: AppRegistry) -> None:
    registry.app("private")
    registry.login = ("fleet", "right")
    failed = serving.deploy("private").ended(1)
    failed.says(f"the registry {registry.address} refuses the login", "fleet_registries")


def test_a_wrong_password_is_refused_and_the_right_one_leaves_no_trace(
    project: Project, registry: AppRegistry, web: Web
) -> None:
    registry.app("locked")
    registry.login = ("fleet", "the-right-one")
    credentials(project, "the-wrong-one")
    project.deploy("locked").ended(1).says(f"the registry {registry.address} refuses the login")
    assert containers(web(1)) == {}
    credentials(project, "the-right-one")
    project.deploy("locked").ended(0)
    for number in ALL:
        web(number).run("test ! -e /root/.docker/config.json && test ! -e /home/deploy/.docker/config.json")


def test_a_registry_that_is_down_is_named(serving: Project, registry: AppRegistry) -> None:
    away = registry.address.rpartition(":")[0] + ":1"
    serving.inventory({"web": ["web-1", "web-2", "web-3"]}, registry=away)
    failed = serving.deploy("v2").ended(1)
    failed.says(f"the host cannot reach the registry {away}", "connection refused")


def test_a_deploy_that_changes_nothing_needs_no_registry(project: Project, registry: AppRegistry) -> None:
    project.deploy("v1").ended(0)
    asked = registry.requests
    project.deploy("v1").ended(0).says("Nothing to do")
    assert registry.requests == asked


def test_a_registry_that_asks_for_a_pause_gets_it(project: Project, registry: AppRegistry) -> None:
    registry.app("popular")
    # The engine asks twice before it gives up, and hands on the words, not the header.
    registry.busy[:] = [2, 2]
    registry.busy_words = "retry-after: 2 s, allowed: 44000/minute"
    project.inventory({"web": ["web-1"]})
    done = project.deploy("popular").ended(0)
    done.says("web-1: the registry has had too many requests; trying again in 2 s as it asks")
    assert registry.busy == []
    assert done.seconds > 2


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
