"""How the requests of one service on one host are led around its changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleet.model.balancing import WEIGHT, BalancerView, Server, ServerView
from fleet.model.desired import Desired
from fleet.model.found import Container, Facts
from fleet.model.servers import server_in, servers
from fleet.model.services import Service
from fleet.model.slots import slot_of
from fleet.plan.tree import Admit, Drain, Node


@dataclass(frozen=True, slots=True)
class Lane:
    """``views``: what the balancers that answered say of each server of the service on this host. A server
    that none of them knows is led nowhere: their configuration is older than it. ``kept_out``: why the
    operator keeps the host out of traffic; empty: nobody does."""

    host: str
    service: Service
    views: tuple[tuple[Server, tuple[ServerView, ...]], ...] = ()
    kept_out: str = ""

    def server(self, slot: int) -> Server | None:
        found = server_in(self.service, self.host, slot)
        return found if found and self._views(found) else None

    def drain(self, slot: int) -> tuple[Node, ...]:
        """Before what serves there is stopped."""
        member, found = self.service.load_balancer, self.server(slot)
        if member is None or found is None:
            return ()
        return (Drain(self.host, self.service.key, found, member.drain_timeout),)

    def turn_away(self, slot: int) -> tuple[Node, ...]:
        """At once, where another server is to take all requests; what is there is drained later."""
        found = self.server(slot)
        return (Drain(self.host, self.service.key, found, 0, empty=True, later=True),) if found else ()

    def hold(self, slot: int) -> tuple[Node, ...]:
        """Before something is started there: a balancer's own check may be content sooner than the gate."""
        found = self.server(slot)
        return (Drain(self.host, self.service.key, found, 0, empty=True),) if found else ()

    def admit(self, slot: int, weight: int = WEIGHT, why: str = "") -> tuple[Node, ...]:
        """After its gate; not while the operator keeps the host out."""
        member, found = self.service.load_balancer, self.server(slot)
        if member is None or found is None or self.kept_out:
            return ()
        return (Admit(self.host, self.service.key, found, weight, member.slow_start, why),)

    def left_out(self, slot: int) -> bool:
        """Some balancer does not give it its share, as a run that was cut off leaves it."""
        found = self.server(slot)
        views = self._views(found) if found else ()
        return any(one.drained or one.stopped or one.weight != WEIGHT for one in views)

    def weight(self, slot: int) -> int:
        """The share that it has at every balancer that knows it: 0 while it is drained. One that is down for
        a moment keeps its share: a trial does not begin again for that."""
        found = self.server(slot)
        views = self._views(found) if found else ()
        return min((0 if one.drained or one.stopped else one.weight for one in views), default=0)

    def _views(self, server: Server) -> tuple[ServerView, ...]:
        return next((views for one, views in self.views if one == server), ())


def lane(desired: Desired, facts: Facts, service: Service, host: str) -> Lane:
    if service.load_balancer is None:
        return Lane(host, service)
    answering = list(answered(desired, facts, service.load_balancer.role))
    views = tuple(
        (one, tuple(view.servers[str(one)] for view in answering if str(one) in view.servers))
        for one in servers(service, host)
    )
    return Lane(host, service, views, facts.drained.get(host, ""))


def answered(desired: Desired, facts: Facts, role: str) -> Iterator[BalancerView]:
    """The balancers of ``role`` that told of themselves."""
    for one in desired.balancers:
        view = facts.balancers.get(one.host)
        if one.role == role and isinstance(view, BalancerView):
            yield view


def drains(desired: Desired, facts: Facts, host: str, one: Container) -> Iterator[Node]:
    """What leads its requests away, by what it was made from."""
    if one.definition and one.running:
        slot = slot_of(one.definition, one.name) or 1
        yield from lane(desired, facts, one.definition, host).drain(slot)
