"""Several instances behind a real HAProxy: a new version comes to all of them, and no customer notices."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable

import pytest

from fleet.rehearsal import Host, HostFleet
from fleet.rehearsal.engine import engine
from fleet.rehearsal.images import Images
from tests.support.app_image import AppRegistry
from tests.support.project import ENV, Project, service
from tests.support.waiting import until

BALANCER = """\
global
    stats socket /run/haproxy/admin.sock mode 660 gid {{ runtime_gid }} level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    option redispatch 1
frontend http
    bind :8080
    default_backend shop
{% for backend, servers in backends.items() %}
backend {{ backend }}
    balance roundrobin
    option httpchk GET /health
    default-server check inter 300ms fall 2 rise 1
{% for server in servers %}
    server {{ server.name }} {{ server.address }}:{{ server.port }} weight 100
{% endfor %}
{% endfor %}
"""


class Customers:
    """They ask all the time. ``answers``: what they got; ``failures``: why they got nothing."""

    def __init__(self, url: str, number: int = 3) -> None:
        self._url = url
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(number)]
        self.answers: list[str] = []
        self.failures: list[str] = []

    def __enter__(self) -> Customers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.05):
            try:
                with urllib.request.urlopen(self._url, timeout=20) as reply:
                    self.answers.append(reply.read().decode().strip())
            except OSError as error:
                self.failures.append(str(error))


@pytest.fixture
def balanced(project: Project, hosts: HostFleet, registry: AppRegistry) -> Project:
    """Three instances on web-1, and web-2 is their balancer."""
    client = engine(print).client
    image = Images(engine(print), print).ensure("haproxy")
    registry.saved(b"".join(client.images.get(str(image.id)).save()), "1", "haproxy")
    project.environ["FLEET_ENV"] = ENV
    gid = hosts.host("web-2").run("id -g deploy").strip()
    project.inventory({"web": ["web-1"], "lb": ["web-2"]}, runtime_gid=int(gid))
    policy = {"parallelism": 1, "monitor": "200ms", "failure_action": "rollback"}
    member = {"role": "lb", "backend": "shop", "port": 8000, "drain_timeout": "10s"}
    deploy = {"replicas": 3, "update_config": policy}
    project.role(
        deploy=deploy, ports=["8001-8003:8000"], gate={"deadline": "20s"}, x={"load_balancer": member}
    )
    project.write("roles/lb/templates/haproxy.cfg.j2", BALANCER)
    mounts = ["/srv/lb/conf:/etc/haproxy/conf:ro", "/srv/lb/run:/run/haproxy"]
    balancer = {
        "config": [{"directory": "/srv/lb/conf", "files": {"haproxy.cfg": "haproxy.cfg.j2"}}],
        "balancer": {"kind": "haproxy", "socket": "/srv/lb/run/admin.sock"},
        "gate": {"deadline": "20s", "checks": ["running"]},
    }
    command = ["haproxy", "-W", "-db", "-f", "/etc/haproxy/conf/haproxy.cfg"]
    haproxy = service(
        "{{ registry }}/haproxy:1", x=balancer, network_mode="host", volumes=mounts, command=command, ports=[]
    )
    project.compose("lb", {"haproxy": haproxy}, x_fleet={"needs": ["web"]})
    return project


def test_a_new_version_comes_to_all_instances_and_nobody_notices(
    balanced: Project, web: Callable[[int], Host]
) -> None:
    balanced.deploy("v1").ended(0)
    address = next(spec.address for spec in balanced.fleet.specs if spec.name == "web-2")
    with Customers(f"http://{address}:8080/who") as customers:
        until(lambda: len(set(customers.answers)) == 3, "all three instances answer", 60)
        done = balanced.deploy("v2").ended(0)
        rolled = len(customers.answers)
        until(lambda: len(set(customers.answers[rolled:])) == 3, "all three new ones answer", 60)
    done.says("drain backend shop", "drain 2 in backend shop", "drain 3 in backend shop")
    assert customers.failures == []
    assert {answer.split()[0] for answer in customers.answers[rolled:]} == {"v2"}
    assert {answer.split()[0] for answer in customers.answers[:rolled]} == {"v1", "v2"}
    assert "gets no requests" not in balanced.run("status").ended(0).text
    balanced.deploy("v2").ended(0).says("Nothing to do")
