"""Requests are led around what changes: the balancers of a service are told, and asked what came of it.

Nothing is taken from under a balancer that may still be sending requests to it. What was set is saved on each
balancer's host after every change: a new process goes on as the old one was told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fleet.model.balancing import BalancerHost, Server, ServerView
from fleet.plan.tree import Admit, Drain
from fleet.report import events as ev
from fleet.run.balancers import Balancers, TrafficFailed, seeing

GOOD_SECONDS = 30
"""What balancers get to find a server healthy that has passed its gate, and to do as they were told."""
RAMP = 10
"""Steps of a slow start."""


class Traffic:
    def __init__(self, balancers: Balancers) -> None:
        self.balancers = balancers

    def drain(self, node: Drain) -> None:
        """Raises TrafficFailed when no balancer answers, or one may still be sending requests; Interrupted,
        Fenced."""
        server = node.server
        deadline = self.balancers.clock() + node.timeout
        obeyed = self.balancers.clock()
        quiet = 0
        while True:
            answered = self.balancers.answered(server)
            self.balancers.none_hangs(server)
            if not answered:
                self.balancers.none_answers(server, [])
                return
            views = seeing(server, answered)
            deaf = {one: view for one, view in views if not view.drained}
            self.balancers.tell({one: lambda kind: [kind.drain(server)] for one in deaf}, server)
            left = {one.host: view.sessions for one, view in views if view.sessions}
            quiet = 0 if left or deaf else quiet + 1
            # Twice: a session may be between the balancer's choice and its count.
            if quiet == 2 or not views or (node.empty and not deaf):
                break
            if not deaf:
                obeyed = self.balancers.clock()
            elif self.balancers.clock() - obeyed > GOOD_SECONDS:
                one, view = next(iter(deaf.items()))
                what = f"{one.host} was told to send no more requests to {server}, and does not obey"
                raise _disobeyed(one, what, view)
            if left and not deaf and self.balancers.clock() > deadline:
                self.balancers.emit(ev.Note(_unended(node, left), "warning"))
                break
            self.balancers.pause(node.host, node.id)
        self._save(server)

    def recheck(self, server: Server) -> None:
        """What the balancers knew of a server before it changed is forgotten; only of one that is drained,
        and not of one that no check would ever bring up again."""
        views = self.balancers.knowing(server)
        self.balancers.tell(
            {one: lambda kind: [kind.recheck(server)] for one, view in views if view.drained and view.check},
            server,
        )

    def healthy(self, server: Server, seconds: float, told: Callable[[str], None] = lambda _: None) -> None:
        """Return when every balancer that answers finds the server healthy. Raises TrafficFailed after
        ``seconds``."""
        deadline = self.balancers.clock() + seconds
        while True:
            answered = self.balancers.answered(server)
            views = seeing(server, answered)
            bad = [f"{one.host} finds {view.check or 'no check'}" for one, view in views if not view.up]
            if views and not bad:
                return
            if not views:
                self.balancers.none_answers(server, [one.host for one in answered])
                return
            if self.balancers.clock() > deadline:
                raise TrafficFailed(
                    f"its balancers do not find {server} healthy",
                    why="\n".join(bad),
                    hint="look at the balancer's check of it, and at the way from the balancer to the host",
                )
            told(", ".join(bad))
            self.balancers.pause("", str(server))

    def admit(self, node: Admit) -> None:
        """Raises TrafficFailed when a balancer does not find the server healthy, Interrupted, Fenced."""
        server = node.server
        for one, view in self.balancers.knowing(server):
            if view.stopped:
                # Leaving maintenance counts as up before any check; leaving a drain does not.
                self.balancers.tell({one: lambda kind: [kind.drain(server)]}, server)
                self.recheck(server)
        self.healthy(server, GOOD_SECONDS)
        before = [view for _, view in self.balancers.knowing(server)]
        if node.slow_start and any(view.drained for view in before):
            for step in range(1, RAMP):
                self._admit(server, max(1, node.weight * step // RAMP))
                self.balancers.pause(node.host, node.id, node.slow_start / RAMP)
        self._admit(server, node.weight)
        for one, view in self.balancers.knowing(server):
            led = view.up and not view.drained and not view.stopped
            if not led or view.weight != node.weight:
                what = f"{one.host} was told to send requests to {server}, and does not"
                raise _disobeyed(one, what, view)
        self._save(server)

    def _save(self, server: Server) -> None:
        for one, _ in self.balancers.knowing(server):
            self.balancers.save(one)

    def _admit(self, server: Server, weight: int) -> None:
        self.balancers.tell(
            {
                one: lambda kind: [kind.weigh(server, weight), kind.admit(server)]
                for one, _ in self.balancers.knowing(server)
            },
            server,
        )


def _disobeyed(one: BalancerHost, what: str, view: ServerView) -> TrafficFailed:
    return TrafficFailed(
        what,
        why=f"up: {view.up}, drained: {view.drained}, weight {view.weight}, check {view.check}",
        hint=f"look at the balancer on {one.host}",
    )


def _unended(node: Drain, left: Mapping[str, int]) -> str:
    count = sum(left.values())
    where = ", ".join(f"{number} through {host}" for host, number in left.items())
    sessions = "1 session" if count == 1 else f"{count} sessions"
    return (
        f"{node.host}: {sessions} of {node.server} did not end within {node.timeout:g} s ({where}); cut now"
    )
