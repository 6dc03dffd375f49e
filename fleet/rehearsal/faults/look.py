"""The state of a fleet, asked of the hosts' own engines and of the balancers, past what Fleet believes."""

from __future__ import annotations

import csv
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fleet.rehearsal.faults.fault import SERVICE
from fleet.rehearsal.faults.story import Seen, State
from fleet.rehearsal.host import Host
from fleet.rehearsal.traffic.orders import Orders

BACKEND = "shop"
STATISTICS = 8404
PATIENCE = 30.0
"""Seconds that balancers get to find a host healthy."""
RUNS = 'docker ps --format \'{{.Label "fleet.role"}}.{{.Label "fleet.service"}} {{.Label "fleet.release"}}\''
VOLUMES = """
docker volume ls -q | while read -r name; do
  echo "$name $(stat -c '%i %W' "$(docker volume inspect -f '{{.Mountpoint}}' "$name")")"
done"""
"""What the engine calls its creation is when its directory was last changed."""

GIVEN_UP = """
docker ps -q --filter label=fleet.service=ucarp | xargs -r docker logs -t --since {since} 2>&1 |
  grep 'the balancer does not answer' || :
"""


@dataclass(frozen=True, slots=True)
class Sight:
    """Who is to be looked at: all hosts with roles, those of the web, and the balancers."""

    host: Callable[[str], Host]
    hosts: tuple[str, ...]
    webs: tuple[str, ...]
    balancers: tuple[str, ...]

    def running(self, name: str) -> tuple[tuple[str, str], ...]:
        """Service and version of each container of ours that runs there."""
        lines = self.host(name).run(RUNS).splitlines()
        pairs = (line.split() for line in lines if not line.startswith("."))
        return tuple(sorted((pair[0], pair[1] if len(pair) > 1 else "") for pair in pairs))

    def version(self) -> set[str]:
        """Those that the web hosts run."""
        return {version for name in self.webs for key, version in self.running(name) if key == SERVICE}

    def volumes(self) -> Mapping[str, frozenset[str]]:
        """Name, number and birth of every volume, by host."""
        return {name: frozenset(self.host(name).run(VOLUMES).splitlines()) for name in self.hosts}

    def balanced(self) -> Mapping[str, int]:
        """How many balancers send requests to each web host."""
        up = [_serving(self.host(name).address) for name in self.balancers]
        return {
            web: sum(any(server.startswith(f"{web}-") for server in servers) for servers in up)
            for web in self.webs
        }

    def given_up(self, since: float) -> list[tuple[float, str]]:
        """When a host gave the shared address up by itself since its balancer was silent, and which one.
        ``since`` and the times in seconds since 1970."""
        found = []
        for name in self.balancers:
            lines = self.host(name).run(GIVEN_UP.format(since=int(since))).splitlines()
            found += [(datetime.fromisoformat(f"{line[:19]}+00:00").timestamp(), name) for line in lines]
        return found

    def settle(self) -> None:
        """Until every balancer sends requests to every web host, or for as long as it may take."""
        deadline = time.monotonic() + PATIENCE
        while min(self.balanced().values()) < len(self.balancers) and time.monotonic() < deadline:
            time.sleep(0.5)

    def state(self, before: Mapping[str, frozenset[str]], orders: Orders) -> State:
        """Everything, against the volumes that were there before."""
        behind, volumes = self.balanced(), self.volumes()
        seen = (
            Seen(name, self.running(name), behind.get(name), _names(before[name] - volumes[name]))
            for name in self.hosts
        )
        return State(tuple(seen), len(self.balancers), orders)


def _names(volumes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(line.split()[0] for line in volumes))


def _serving(address: str) -> list[str]:
    """Servers that a balancer sends requests to; none of a balancer that does not answer."""
    try:
        with urllib.request.urlopen(f"http://{address}:{STATISTICS}/;csv", timeout=5) as answer:
            rows = csv.DictReader(answer.read().decode().lstrip("# ").splitlines())
    except OSError:
        return []
    return [row["svname"] for row in rows if row["pxname"] == BACKEND and row["status"] == "UP"]
