"""A host that does not answer is left behind, told as that, and brought up later."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host
from tests.support.look import answer, containers, only_version
from tests.support.operators import Operator, history
from tests.support.project import service

Web = Callable[[int], Host]
ALL = (1, 2, 3)
SERVERS = """\
{% for host in groups.web if host not in behind %}
{{ host }}
{% endfor %}
"""


def balanced(fleet: Operator, **top: object) -> None:
    """Every host has a file that names the servers, as a balancer's does."""
    fleet.project.write("roles/web/templates/servers.j2", SERVERS)
    config = [{"directory": "/srv/app", "files": {"servers": "servers.j2"}, "reload": {"signal": "HUP"}}]
    app = service(update={"parallelism": 1}, volumes=["/srv/app:/etc/app:ro"], x={"config": config})
    fleet.project.compose("web", {"app": app}, **top)


def servers(host: Host) -> list[str]:
    return host.run("cat /srv/app/servers").split()


def test_a_host_that_is_cut_off_is_left_behind_and_converge_brings_it_up(fleet: Operator, web: Web) -> None:
    balanced(fleet)
    fleet.deploy("v1").ended(0)
    web(3).cut_off()
    try:
        done = fleet.deploy("v2", "--unreachable", "skip").ended(0)
    finally:
        web(3).reconnect()
    done.says("web-3: it does not answer and is left behind", "when it is back: inv converge --env test")
    assert [answer(web(number)) for number in (1, 2)] == ["ok v2"] * 2
    assert servers(web(1)) == servers(web(2)) == ["web-1", "web-2"]
    assert only_version(web(3)) == "v1"
    fleet.say("status").says("left behind: web-3; inv converge --env test brings them up")
    fleet.say("converge", "--yes").ended(0).says("left behind so far: web-3")
    assert answer(web(3)) == "ok v2"
    assert [servers(web(number)) for number in ALL] == [["web-1", "web-2", "web-3"]] * 3
    assert history(fleet, web(1))[-1] == (2, "v2", ["running", "good", ""]), "converging is not its outcome"
    assert "behind" not in fleet.say("status").ended(0).text


def test_no_more_hosts_are_left_behind_than_may_be(fleet: Operator, web: Web) -> None:
    closed = {"ansible_port": 1}
    fleet.inventory(hosts={"web-2": closed, "web-3": closed})
    refused = fleet.deploy("v1", "--unreachable", "skip").ended(69)
    refused.says("web-2", "web-3", "2 hosts cannot be used; nothing was changed; 1 may be skipped")
    assert containers(web(1)) == {}
    fleet.deploy("v1", "--unreachable", "skip:2").ended(0)
    assert answer(web(1)) == "ok v1"


def test_a_host_that_is_left_behind_does_not_count_as_healthy(fleet: Operator, web: Web) -> None:
    balanced(fleet, x_fleet={"min_healthy": 2})
    fleet.deploy("v1").ended(0)
    fleet.inventory(hosts={"web-3": {"ansible_port": 1}})
    fleet.deploy("v2", "--unreachable", "skip").ended(1).says("min_healthy is 2", "nothing was changed")
    assert [answer(web(number)) for number in ALL] == ["ok v1"] * 3
