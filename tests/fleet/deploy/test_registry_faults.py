"""Registries that ask for a login or a pause, or that need not be asked."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host
from tests.support.app_image import AppRegistry
from tests.support.look import containers
from tests.support.project import ENV, Project

Web = Callable[[int], Host]
ALL = (1, 2, 3)


def credentials(project: Project, password: str) -> None:
    text = f'fleet_registries: {{"{project.registry}": {{username: fleet, password: "{password}"}}}}\n'
    project.write(f"inventories/{ENV}/group_vars/all.yml", text)


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
