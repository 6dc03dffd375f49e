"""The address that two real balancers share: moved under load, lost and found again in every other way."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.rehearsal import Rehearsal
from fleet.rehearsal.traffic.clients import Idle, Kept, New, Order, SlowReader, SlowSender
from fleet.rehearsal.traffic.crowd import Group
from tests.support.load import start
from tests.support.project import Done
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
ENV, HERE, THERE = "vip", "172.30.7.", "172.30.9."
ADDRESS = f"{THERE}10"
BALANCERS = ("lb-1", "lb-2")
UCARP, HAPROXY = (f"shop-{ENV}-loadbalancer-{name}" for name in ("ucarp", "haproxy"))
CUSTOMERS = (
    Group(Kept, 8, 0.4),
    Group(New, 8, 0.5),
    Group(Idle, 3, 6.0),
    Group(Order, 2, 1.0),
    Group(SlowSender, 2, 2.5),
    Group(SlowReader, 2, 3.5),
)
HOSTS = f"""\
all:
  children:
    loadbalancer:
      hosts: {{lb-1: {{ansible_host: {THERE}11}}, lb-2: {{ansible_host: {THERE}12}}}}
    web: {{hosts: {{web-1: {{ansible_host: {THERE}21}}}}}}
    registry: {{hosts: {{registry-1: {{ansible_host: {THERE}51}}}}}}
"""
WEB = """\
services:
  app:
    image: "{{ registry }}/shop:v41"
    command: [python3, /etc/app/app.py]
    ports: ["8000:8000"]
    volumes: ["/srv/app:/etc/app:ro"]
    x-fleet:
      load_balancer: {role: loadbalancer, backend: shop, port: 8000}
      config: [{directory: /srv/app, files: {app.py: app.py.j2}}]
      gate: {healthy_for: 1s, checks: [{http: {port: 8000, path: /health}}]}
"""
APP = """\
import http.server, itertools, time
numbers = itertools.count(1)

class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.head(200, 200000 if self.path.startswith("/slow") else 2)
        if self.path.startswith("/slow"):
            for _ in range(20):
                self.wfile.write(bytes(10000))
                time.sleep(0.15)
        else:
            self.wfile.write(b"ok")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"id": %d}' % next(numbers)
        self.head(201, len(body))
        self.wfile.write(body)

    def head(self, status, length):
        self.send_response(status)
        self.send_header("X-Shop-Version", "v41")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *words):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

Server(("", 8000), Shop).serve_forever()
"""


class Fleet:
    """The repository's own balancers in front of one small server."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copy(ROOT / "tasks.py", root)
        shutil.copytree(ROOT / "roles" / "loadbalancer", root / "roles" / "loadbalancer")
        inventory, web = root / "inventories" / ENV, root / "roles" / "web"
        (inventory / "group_vars").mkdir(parents=True)
        (web / "templates").mkdir(parents=True)
        (web / "compose.yml").write_text(WEB)
        (web / "templates" / "app.py.j2").write_text(APP)
        (inventory / "hosts.yml").write_text(HOSTS)
        given = (ROOT / "inventories" / "rehearsal" / "group_vars" / "all.yml").read_text()
        given = given.replace(HERE, THERE).replace(".fleet/rehearsal", f".fleet/{ENV}")
        (inventory / "group_vars" / "all.yml").write_text(given)
        self.rehearsal = Rehearsal(root, print, ENV)

    def inv(self, *words: str) -> Done:
        began = time.monotonic()
        done = subprocess.run(
            [str(Path(sys.executable).parent / "inv"), words[0], "--env", ENV, *words[1:]],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        print(f"$ inv {' '.join(words)}\n{done.stdout}{done.stderr}→ exit code {done.returncode}\n")
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def on(self, host: str, command: str) -> str:
        return self.rehearsal.host(host).run(command)

    def container(self, host: str, name: str) -> str:
        return self.on(host, f"docker ps -aq --filter name={name} | head -n 1").strip()

    @property
    def having(self) -> set[str]:
        """Hosts that have the address in the sight of others, as the hosts themselves say."""
        look = "ip -4 -o addr show to {}/32 | grep -v ': lo ' || :"
        return {host for host in BALANCERS if self.on(host, look.format(ADDRESS))}

    def settled(self, *hosts: str, seconds: float = 40) -> None:
        until(lambda: self.having == set(hosts), f"the address is not on {hosts} only", seconds)
        # What ucarp itself means: a host that stood back would take no part in what comes next.
        for host in BALANCERS:
            ask = f"docker exec {self.container(host, UCARP)} pidof ucarp || :"
            until(lambda host=host, ask=ask: bool(self.on(host, ask)), f"no ucarp on {host}", seconds)  # type: ignore[misc]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("vip"))
    try:
        made.rehearsal.up()
        made.inv("deploy", "--version", "v41", "--yes").ended(0)
        yield made
    finally:
        made.rehearsal.down()


@pytest.fixture
def holder(fleet: Fleet) -> str:
    until(lambda: len(fleet.having) == 1, "the address is not on one host")
    (host,) = fleet.having
    fleet.settled(host)
    return host


def other(host: str) -> str:
    return next(one for one in BALANCERS if one != host)


def test_moves_there_and_back_lose_no_request(fleet: Fleet, holder: str) -> None:
    load = start(f"http://{ADDRESS}/", CUSTOMERS)
    try:
        until(lambda: load.tally.requests > 50, "nobody is served")
        # At once again: what the first one left in the hosts' tables must not confuse the second.
        for target in (other(holder), holder, other(holder)):
            fleet.inv("vip", "--move", target, "--yes").ended(0).says(f"{ADDRESS} is on {target}")
            assert fleet.having == {target}
    finally:
        tally = load.stop()
    assert not tally.failures, tally.failures
    for host in BALANCERS:
        assert fleet.on(host, "ip rule").splitlines()[0].split() == ["0:", "from", "all", "lookup", "local"]
        assert "FLEET-VIP" not in fleet.on(host, "iptables-save")
        assert ADDRESS not in fleet.on(host, "ip -4 -o addr show dev lo")
        settings = "arp_ignore arp_announce"
        values = fleet.on(host, f"cd /proc/sys/net/ipv4/conf/eth0; cat {settings} ../../tcp_early_demux")
        assert values.split() == ["0", "0", "1"]


def test_a_host_without_its_balancer_gives_the_address_up(fleet: Fleet, holder: str) -> None:
    balancer = fleet.container(holder, HAPROXY)
    fleet.on(holder, f"docker kill {balancer}")
    until(lambda: fleet.having == {other(holder)}, "the address stays where nothing answers")
    fleet.inv("vip", "--move", holder, "--yes").ended(1).says("the balancer of this host does not answer")
    fleet.on(holder, f"docker start {balancer}")
    fleet.settled(other(holder))


def test_what_a_kill_leaves_behind_is_told_and_removed_by_the_next_start(fleet: Fleet, holder: str) -> None:
    ucarp = fleet.container(holder, UCARP)
    fleet.on(holder, f"docker kill {ucarp}")
    until(lambda: fleet.having == set(BALANCERS), "nobody took over from the one that was killed")
    fleet.inv("vip").ended(1).says(f"lb-1 and lb-2 have {ADDRESS}", "docker restart")
    fleet.on(holder, f"docker restart {ucarp}")
    fleet.settled(other(holder))
    fleet.inv("vip").ended(0)


def test_an_interface_that_goes_and_comes_back(fleet: Fleet, holder: str) -> None:
    ucarp = fleet.container(holder, UCARP)
    pid = f"docker exec {ucarp} pidof ucarp || :"
    before = fleet.on(holder, pid)
    # Another name and number of the same wire: to ucarp its interface is no more.
    fleet.on(holder, "ip link set eth0 down; ip link set eth0 name away")
    until(lambda: fleet.on(holder, pid) != before, "ucarp holds on to an interface that is no more")
    own = f"{THERE}{11 if holder == 'lb-1' else 12}"
    fleet.on(holder, f"ip link set away name eth0; ip addr replace {own}/24 dev eth0; ip link set eth0 up")
    until(lambda: len(fleet.having) == 1, "the address is not on one host")
    fleet.settled(*fleet.having)


def test_a_host_that_loses_its_power_is_followed_within_seconds(fleet: Fleet, holder: str) -> None:
    fleet.rehearsal.host(holder).kill()
    began = time.monotonic()
    took = f"ip -4 -o addr show to {ADDRESS}/32"
    until(lambda: bool(fleet.on(other(holder), took)), "nobody takes the address", 20)
    assert time.monotonic() - began < 10
    fleet.rehearsal.host(holder).start()
    fleet.settled(other(holder))
