"""Who is who in a project that is rehearsed with faults: balancers, web hosts, database and registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Interface
from pathlib import Path

from fleet.config.inventory.load import load_inventory
from fleet.config.settings import ledger
from fleet.errors import UsageError
from fleet.model.hosts import Host as Listed
from fleet.rehearsal.faults.fault import Scene
from fleet.rehearsal.faults.look import Sight
from fleet.rehearsal.host import Host
from fleet.rehearsal.registry import REGISTRY_PORT

GROUPS = ("loadbalancer", "web", "database", "registry")
FEWEST_WEBS = 3
"""One is replaced, one breaks, and one serves."""


class Site:
    """``url``: where customers ask. Raises UsageError for a project that lacks what the faults need."""

    def __init__(self, root: Path, env: str, host: Callable[[str], Host]) -> None:
        listed = load_inventory(root, env).hosts
        groups = {group: tuple(_members(listed.values(), group)) for group in GROUPS}
        missing = [group for group, members in groups.items() if not members]
        if missing or len(groups["web"]) < FEWEST_WEBS:
            raise UsageError(
                "this project cannot be rehearsed with faults",
                why=f"its inventory has no group {', '.join(missing)}"
                if missing
                else f"its group web has fewer than {FEWEST_WEBS} hosts",
                hint="the faults are made for the shop in Fleet's own checkout: run it there",
            )
        self.root, self.env, self._host, self._groups = root, env, host, groups
        self._registry = listed[groups["registry"][0]]
        self._keeper = ledger(tuple(listed.values()))
        roles = tuple(name for name in listed if name not in groups["registry"])
        self._others = tuple(name for name in roles if name not in groups["web"])
        balancer = listed[groups["loadbalancer"][0]]
        self.url = f"http://{balancer.vars.get('vip', balancer.address)}/"
        self.sight = Sight(host, roles, groups["web"], groups["loadbalancer"])

    @property
    def database(self) -> Host:
        return self._host(self._groups["database"][0])

    def scene(self, version: str) -> Scene:
        """For a deploy to that version."""
        address = self._registry.address
        gateway = next(IPv4Interface(f"{address}/24").network.hosts())
        return Scene(
            self._host,
            self._groups["web"],
            self._others,
            self._keeper,
            self._registry.name,
            str(gateway),
            f"{address}:{REGISTRY_PORT}/shop:{version}",
        )


def _members(hosts: Iterable[Listed], group: str) -> Iterator[str]:
    return (host.name for host in hosts if group in host.groups)
