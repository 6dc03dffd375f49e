"""The shop behind two balancers in memory: their checks find the containers that run on its web hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fleet.app.connections import Connections
from fleet.app.custody import Custody
from fleet.app.deploy import deploy
from fleet.app.session import Session
from fleet.errors import Exit
from fleet.model.releases import Release
from tests.support.directed import Directed, Server
from tests.support.memory import MemoryFleet

WEBS = ("web-1", "web-2", "web-3")
RUN = "/srv/haproxy/run"
HOSTS = """\
all:
  vars: {fleet_project: shop, mode: plain, order: stop-first, strategy: rolling, watch: null, pair: false}
  children:
    web: {hosts: {web-1: , web-2: , web-3: }}
    lb: {hosts: {lb-1: , lb-2: }}
"""
WEB = """\
services:
  app:
    image: "registry.example:5000/app:{{ version }}"
    environment: {MODE: "{{ mode }}"}
    ports: ["8001:8000"]
    deploy: {update_config: {parallelism: 1, failure_action: rollback, order: "{{ order }}"}}
    x-fleet:
      load_balancer: {role: lb, backend: app, port: 8000, drain_timeout: 1s}
      port_pair: "{{ {8000: ['8001', '9001']} if pair else {} }}"
      strategy: "{{ strategy }}"
      watch: "{{ watch }}"
      gate: {deadline: 1s, interval: 10ms, rise: 1, healthy_for: 0s}
"""
LB = f"""\
x-fleet: {{needs: [web]}}
services:
  haproxy:
    image: "registry.example:5000/haproxy:2.6"
    network_mode: host
    volumes: ["{RUN}:/run/haproxy"]
    x-fleet:
      balancer:
        kind: haproxy
        socket: {RUN}/admin.sock
        state: {RUN}/state
        maintenance: {RUN}/maintenance.map
      gate: {{deadline: 1s, interval: 10ms, rise: 1, healthy_for: 0s}}
"""
BLUE_GREEN = {"strategy": "blue-green", "pair": True}
WATCHED = {**BLUE_GREEN, "watch": {"window": "1s", "requests": 20}}


def never(question: str) -> bool:
    raise AssertionError(f"asked: {question}")


class Behind:
    """``shop`` makes sessions; ``lbs`` are its balancers, by host, as a test directs them."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self.fleet: MemoryFleet = shop.fleet
        self.lbs: dict[str, Directed] = {}
        (shop.root / "roles" / "lb").mkdir()
        (shop.root / "inventories" / "test" / "hosts.yml").write_text(HOSTS)
        (shop.root / "roles" / "web" / "compose.yml").write_text(WEB)
        (shop.root / "roles" / "lb" / "compose.yml").write_text(LB)
        self.fleet.registry.push("registry.example:5000/haproxy:2.6")

    def configure(self, **variables: Any) -> None:
        """New variables, and balancers whose configuration follows them."""
        lines = "".join(f"{name}: {value!r}\n" for name, value in variables.items())
        (self.shop.root / "inventories" / "test" / "group_vars").mkdir(exist_ok=True)
        (self.shop.root / "inventories" / "test" / "group_vars" / "all.yml").write_text(lines)
        ports = {"": 8001} if not variables.get("pair") else {"-blue": 8001, "-green": 9001}
        for name in ("lb-1", "lb-2"):
            servers = [
                Server(f"web-{number}{colour}", well=self._check(f"web-{number}", port))
                for number in (1, 2, 3)
                for colour, port in ports.items()
            ]
            lb = self.lbs[name] = Directed(*servers, maps=("/run/haproxy/maintenance.map",))
            lb.pace = 60
            self.fleet.host(name).sockets[f"{RUN}/admin.sock"] = lb.ask

    def _check(self, host: str, port: int) -> Callable[[], bool]:
        def well() -> bool:
            memory = self.fleet.host(host)
            sick = {name for name, tag in memory.running().items() if tag in memory.sick}
            return not memory.lost and any(
                port in one.host_ports and one.state == "running" and one.name not in sick
                for one in list(memory.engine.containers.values())
            )

        return well

    def when(self, word: str, act: Callable[[], None]) -> None:
        """``act`` once, as soon as lb-1 is told ``word``."""
        lb, waiting = self.lbs["lb-1"], [act]

        def ask(request: str) -> str:
            answer = lb.ask(request)
            if word in request and waiting:
                waiting.pop()()
            return answer

        self.fleet.host("lb-1").sockets[f"{RUN}/admin.sock"] = ask

    def sicken(self, host: str, version: str) -> None:
        """The balancers have found out."""
        self.fleet.host(host).sick.add(version)
        for lb in self.lbs.values():
            lb.ask("show stat;show stat")
            lb.ask("show stat")

    def session(self, version: str = "v1", **options: Any) -> Session:
        found: Session = self.shop.session(version, **{"yes": True, **options})
        return found

    def bring(self, version: str = "v1", **options: Any) -> Exit:
        return deploy(self.session(version, **options), never)

    @property
    def weights(self) -> Mapping[str, int]:
        """What both balancers give each server."""
        one, other = (lb.serving for lb in self.lbs.values())
        assert one == other
        return one

    @property
    def told(self) -> list[str]:
        """What each balancer was told since the last look; both the same, and where hosts
        are led side by side in the order of lb-1."""
        one, other = (list(lb.told) for lb in self.lbs.values())
        assert sorted(one) == sorted(other)
        for lb in self.lbs.values():
            lb.told.clear()
        return one

    @property
    def web(self) -> dict[str, list[str]]:
        """Tags that run, by web host."""
        return {name: sorted(self.fleet.host(name).running().values()) for name in WEBS}

    @property
    def ids(self) -> dict[str, str]:
        """Of what runs on the web hosts, by host and name."""
        return {
            f"{host}/{one.name}": one.id
            for host in WEBS
            for one in self.fleet.host(host).engine.containers.values()
            if one.state == "running"
        }

    @property
    def history(self) -> tuple[Release, ...]:
        session = self.session()
        with Connections(session) as connections:
            connections.open([session.ledger])
            with Custody(session, connections, "", change=False) as custody:
                custody.open()
                return custody.history.releases

    @property
    def outcomes(self) -> list[str]:
        return [f"{one.head.version} {one.outcome.value}" for one in self.history]
