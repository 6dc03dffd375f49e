"""Balancers and their servers in the whole environment, also on hosts and in roles that a run leaves out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from fleet.config.conflicts import in_traffic
from fleet.config.elsewhere import Elsewhere
from fleet.config.roles.backends import Rows, rows
from fleet.config.roles.glimpse import BALANCER, SERVER
from fleet.errors import ConfigError
from fleet.model.balancing import BalancerHost
from fleet.model.services import Service


class Traffic:
    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere

    def balancers(self) -> tuple[BalancerHost, ...]:
        """Every balancer of the environment, in inventory order."""
        return tuple(
            BalancerHost(host, service.role, service.key, service.balancer)
            for host, service in self._seen(BALANCER)
            if service.balancer
        )

    def backends(self, behind: Collection[str]) -> Rows:
        """What balancers send requests to, on all hosts of the environment, in inventory order."""
        found: dict[str, list[dict[str, Any]]] = {}
        roles: dict[str, Service] = {}
        services: dict[str, list[Service]] = {}
        for host, service in self._seen(SERVER):
            member = service.load_balancer
            if member is None:
                continue
            services.setdefault(host, []).append(service)
            first = roles.setdefault(member.backend, service)
            if first.load_balancer and first.load_balancer.role != member.role:
                what = (
                    f"backend {member.backend!r} is one of role {first.load_balancer.role!r} for {first.key}"
                )
                hint = "two roles of balancers need two names for their backends"
                self._elsewhere.problems.error(what, service.at, hint=hint)
            address = self._elsewhere.address(host)
            there = found.setdefault(member.backend, [])
            for row in rows(service, host, address, host in behind):
                if any(row["name"] == one["name"] for one in there):
                    what = f"two servers of backend {member.backend!r} are called {row['name']!r}"
                    hint = "an instance is called as its host and its number: rename that host"
                    self._elsewhere.problems.add(ConfigError(what, at=service.at, hint=hint), host)
                there.append(row)
        for host, several in services.items():
            for error in in_traffic(host, several):
                self._elsewhere.problems.add(error, host)
        return found

    def _seen(self, words: tuple[str, ...]) -> Iterator[tuple[str, Service]]:
        """Host and service of all that has the first of ``words`` in its ``x-fleet``."""
        there = self._elsewhere
        sources = [source for source in there.sources.values() if source.may_say(words[0])]
        members = {source.name: set(there.inventory.groups[source.name].members) for source in sources}
        for name in there.inventory.hosts:
            for source in sources:
                if name in members[source.name]:
                    yield from ((name, service) for service in there.services(words, source, name))
