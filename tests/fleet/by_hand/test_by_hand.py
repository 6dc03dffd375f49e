"""What an operator does by hand, on hosts with a real sshd, sudo and engine."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host, HostFleet
from tests.fleet.by_hand.conftest import HOSTS
from tests.support.project import Project
from tests.support.waiting import until

Web = Callable[[int], Host]
PASSWORD = "it's secret"


def busy(host: Host, words: str) -> bool:
    """Whether a process of the host has these words, in a container or not."""
    return words in host.run("ps -eo args | grep -v 'ps -eo' || true")


def test_a_line_in_the_container_of_each_host(project: Project) -> None:
    done = project.run("exec", "--in", "app", "--", "sh", "-c", 'echo "$VERSION"; cat; exit 3').ended(1)
    assert sorted(done.out.splitlines()[:4]) == [
        "web-1 | v1", "web-1 ✗ exit status 3", "web-2 | v1", "web-2 ✗ exit status 3",
    ]  # fmt: skip
    done.says("failed on 2 of 2 hosts", "  web-1 web-2: exit status 3")


def test_a_timeout_ends_it_in_the_container_too(project: Project, web: Web) -> None:
    words = ("exec", "sleep 4711 & sleep 4712", "--in", "web.app", "--limit", "web-1", "--timeout", "1")
    project.run(*words).ended(1).says("no end after 1 s")
    until(lambda: not busy(web(1), "sleep 471"), "nothing is left in the container")


def test_an_interrupt_ends_it_in_the_container_too(project: Project, web: Web) -> None:
    running = project.begin("exec", "echo begun; sleep 4713", "--in", "web.app")
    running.until("web-1 | begun")
    running.until("web-2 | begun")
    assert busy(web(1), "sleep 4713")
    running.press()
    running.end().ended(130).says("the command is ended on every host", "web-1 web-2: stopped")
    for number in (1, 2):
        until(lambda number=number: not busy(web(number), "4713"), "nothing is left")  # type: ignore[misc]


def test_sudo_with_a_password_is_asked_once_for_all(project: Project, hosts: HostFleet, web: Web) -> None:
    for number in (1, 2):
        web(number).write("/root/words", f"sudoask:{PASSWORD}\n".encode(), 0o600)
        web(number).run("chpasswd </root/words")
    try:
        project.inventory({"web": HOSTS}, ansible_become=False, ansible_user="sudoask")
        seen = "id -un; cat; ps -eo args | grep -c '[s]ecret' || true"
        done = project.run("exec", seen, "--sudo", "--group", typed=f"{PASSWORD}\n").ended(0)
        assert done.out.splitlines()[:3] == ["2 hosts: web-1 web-2", "  root", "  0"]
        wrong = project.run("exec", "id", "--sudo", typed="wrong\n").ended(1)
        wrong.says("sudo did not take the password", "it was tried once")
        project.run(
            "put", "inventories/test/hosts.yml", "/root/hosts.yml", "--sudo", typed=f"{PASSWORD}\n"
        ).ended(0)
        assert web(2).run("cat /root/hosts.yml") == (project.root / "inventories/test/hosts.yml").read_text()
        running = project.begin("exec", "--sudo", "true")
        running.end().ended(64).says("no password on standard input")
    finally:
        project.inventory({"web": HOSTS})


def test_logs_are_followed_through_a_deploy_and_leave_nothing(project: Project, web: Web) -> None:
    before = project.run("logs", "app").ended(0)
    assert {"web-1 | version v1 begins", "web-2 | version v1 begins"} <= set(before.out.splitlines())
    running = project.begin("logs", "web.app", "--follow")
    running.until("web-1 | version v1 begins")
    running.until("web-2 | version v1 begins")
    project.deploy("v2").ended(0)
    running.until("web-1 | version v2 begins")
    running.until("web-2 | version v2 begins")
    web(1).run("docker restart -t 1 $(docker ps -q)")
    running.until("web-1 | version v2 begins", times=2)
    assert busy(web(1), "docker logs")
    running.press()
    running.end(20).ended(130)
    for number in (1, 2):
        until(lambda number=number: not busy(web(number), "docker "), "nothing is left")  # type: ignore[misc]


def test_logs_end_when_their_controller_has_died(project: Project, web: Web) -> None:
    running = project.begin("logs", "app", "--follow", "--limit", "web-1")
    running.until("begins")
    running.kill()
    running.end()
    until(lambda: not busy(web(1), "docker "), "nothing is left", seconds=40)
