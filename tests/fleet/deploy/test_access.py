"""Hosts that cannot be entered or used: told host by host, and nothing is changed anywhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet.rehearsal import Host, HostFleet
from tests.support.look import answer, containers, only_version
from tests.support.project import ENV, Project

Web = Callable[[int], Host]
WEB = ("web-1", "web-2", "web-3")


def nothing_anywhere(web: Web) -> bool:
    return [containers(web(number)) for number in (1, 2, 3)] == [{}, {}, {}]


def test_a_wrong_host_key_is_refused(project: Project, hosts: HostFleet, web: Web) -> None:
    right, wrong = (hosts.keys.host(name).public for name in ("web-2", "web-1"))
    known = (project.root / f"inventories/{ENV}/known_hosts").read_text()
    project.write(f"inventories/{ENV}/known_hosts", known.replace(right, wrong))
    refused = project.deploy("v1").ended(69)
    refused.says("web-2", "host key", "1 host cannot be used; nothing was changed", "--limit 'all:!web-2'")
    assert nothing_anywhere(web)


def test_an_unknown_host_key_is_refused_and_the_way_to_learn_it_told(project: Project, web: Web) -> None:
    project.write(f"inventories/{ENV}/known_hosts", "")
    project.deploy("v1").ended(69).says("host key", "ssh-keyscan", f"inventories/{ENV}/known_hosts")
    assert nothing_anywhere(web)


def test_a_refused_login_names_user_and_key(project: Project, hosts: HostFleet, web: Web) -> None:
    project.inventory({"web": WEB}, hosts={"web-1": {"ansible_user": "stranger"}})
    refused = project.deploy("v1").ended(69)
    refused.says("web-1", "login", "stranger", str(hosts.keys.private_key))
    assert nothing_anywhere(web)


def test_sudo_that_asks_for_a_password_is_named(project: Project, web: Web) -> None:
    project.inventory({"web": WEB}, hosts={"web-2": {"ansible_user": "sudoask"}})
    project.deploy("v1").ended(1).says("web-2", "sudo asks for a password", "NOPASSWD")
    assert nothing_anywhere(web)


def test_no_right_to_docker_is_named(project: Project, web: Web) -> None:
    project.inventory({"web": WEB}, hosts={"web-2": {"ansible_user": "nodocker", "ansible_become": False}})
    project.deploy("v1").ended(1).says("web-2", "no right to use Docker", "nothing was changed")
    assert nothing_anywhere(web)


def test_docker_that_is_not_installed_is_named(project: Project, web: Web) -> None:
    web(2).run("mv /usr/bin/docker /usr/bin/docker.away")
    try:
        project.deploy("v1").ended(1).says("web-2", "docker is not installed", "install Docker")
    finally:
        web(2).run("mv /usr/bin/docker.away /usr/bin/docker")
    assert nothing_anywhere(web)


def test_an_engine_that_does_not_run_is_named(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    web(2).stop_engine()
    try:
        project.deploy("v2").ended(1).says("web-2", "the Docker Engine does not run", "nothing was changed")
        project.run("status", "--env", ENV).says("the Docker Engine does not run", "web-3")
    finally:
        web(2).start_engine()
    assert [only_version(web(number)) for number in (1, 2, 3)] == ["v1"] * 3


def test_a_dead_host_stops_the_deploy_before_anything_is_changed(project: Project, web: Web) -> None:
    project.deploy("v1").ended(0)
    web(2).kill()
    try:
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(project.run, "status", "--env", ENV)
            refused = project.deploy("v2").ended(69)
        refused.says("web-2", "1 host cannot be used; nothing was changed", "--limit 'all:!web-2'")
        told.result().ended(69).says("web-2", "web.app  web-3  v1")
        assert [only_version(web(number)) for number in (1, 3)] == ["v1", "v1"]
        project.deploy("v2", "--limit", "all:!web-2").ended(0).says("test is at v2")
        assert answer(web(3)) == "ok v2"
    finally:
        web(2).start()
    project.deploy("v2").ended(0)
    assert answer(web(2)) == "ok v2"


@pytest.mark.parametrize("taker", ["a process on the host", "container neighbour"])
def test_a_taken_port_is_refused_before_anything_is_changed(project: Project, web: Web, taker: str) -> None:
    if taker.startswith("container"):
        web(2).run(f"docker run -d --name neighbour -p 8001:8000 {project.registry}/app:v1")
    else:
        perl = "$s = IO::Socket::INET->new(LocalPort => 8001, Listen => 1); sleep 600"
        web(2).run(
            f"perl -MIO::Socket::INET -e '{perl}' >/dev/null 2>&1 & echo $! >/run/taker; "
            "until grep -q :1F41 /proc/net/tcp; do :; done"
        )
    try:
        refused = project.deploy("v1").ended(1)
        refused.says("the plan cannot run", f"web-2: web.app: port 8001 is taken by {taker}", "stop it")
        assert containers(web(1)) == {}
    finally:
        web(2).run("kill $(cat /run/taker 2>/dev/null) 2>/dev/null; rm -f /run/taker")


def test_a_port_that_a_changed_service_wants_and_another_holds_is_refused(project: Project, web: Web) -> None:
    project.inventory({"web": ["web-1"]})
    project.deploy("v1").ended(0)
    web(1).run(f"docker run -d --name neighbour -p 8005:8000 {project.registry}/app:v1")
    project.role(ports=["8005:8000"])
    project.deploy("v1").ended(1).says("port 8005 is taken by container neighbour", "the plan cannot run")
    assert answer(web(1)) == "ok v1"


def test_a_taken_name_is_refused_before_anything_is_changed(project: Project, web: Web) -> None:
    name = f"{project.name}-test-web-app-1"
    web(2).run(f"docker run -d --name {name} {project.registry}/app:v1")
    project.deploy("v1").ended(1).says(f"the name {name} is taken by a container that Fleet did not make")
    assert containers(web(1)) == {}
    assert name in containers(web(2))
