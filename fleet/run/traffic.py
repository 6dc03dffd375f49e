"""Requests are led around what changes: each balancer of a service is told, and asked what came of it.

A balancer that does not answer is told of and left aside: it is dead, or it comes back with what was saved of
it. What was set is saved on its host after each change: a new process goes on as the old one was told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from fleet import shell
from fleet.balancers.kind import Kind
from fleet.balancers.kinds import KINDS
from fleet.errors import Fenced, FleetError, Interrupted, RemoteFailed
from fleet.model.balancing import BalancerHost, BalancerView, Server, ServerView
from fleet.plan.tree import Admit, Drain
from fleet.report import events as ev
from fleet.run.perform import failure
from fleet.transport.base import SocketGone, Transport

ASK_SECONDS = 5
SAVE_SECONDS = 30
TICK = 0.25
BACK_SECONDS = 10
"""What a balancer's process gets to come back in, before its work is done without it."""
REFUSED_SECONDS = 1
HANGING_SECONDS = 30
"""How long one that did not answer is not asked again."""
GOOD_SECONDS = 30
"""What balancers get to find a server healthy that has passed its gate."""
RAMP = 10
"""Steps of a slow start."""

T = TypeVar("T")


class TrafficFailed(RemoteFailed):
    """Requests could not be led as the plan says."""


class Traffic:
    """``balancers``: all of the environment. ``insist``: services change also when no balancer answers."""

    def __init__(
        self,
        balancers: Sequence[BalancerHost],
        transports: Mapping[str, Transport],
        emit: ev.Emit,
        cancel: threading.Event,
        *,
        insist: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._balancers = balancers
        self._transports = transports
        self._emit = emit
        self._cancel = cancel
        self._insist = insist
        self._clock = clock
        self._lost: dict[str, str] = {}
        self._again: dict[str, float] = {}
        # Hosts of a batch are led side by side, and write the same file.
        self._saving = {one.host: threading.Lock() for one in balancers}

    def drain(self, node: Drain) -> None:
        """Raises TrafficFailed when no balancer answers, Interrupted, Fenced."""
        server = node.server
        deadline = self._clock() + node.timeout
        quiet = 0
        while True:
            views = self.knowing(server)
            if not views:
                self._none_answers(server)
                return
            heard = self._tell(
                {one: lambda kind: [kind.drain(server)] for one, view in views if not view.drained}, server
            )
            left = {one.host: view.sessions for one, view in views if view.sessions}
            quiet = 0 if left or heard else quiet + 1
            # Twice: a session may be between the balancer's choice and its count.
            if quiet == 2 or (node.empty and not heard):
                break
            if left and self._clock() > deadline:
                self._emit(ev.Note(_unended(node, left), "warning"))
                break
            self._pause(node.host, node.id)
        self._save(server)

    def recheck(self, server: Server) -> None:
        """What the balancers knew of a server before it changed is forgotten; only of one that is drained,
        and not of one that no check would ever bring up again."""
        views = self.knowing(server)
        self._tell(
            {one: lambda kind: [kind.recheck(server)] for one, view in views if view.drained and view.check},
            server,
        )

    def healthy(self, server: Server, seconds: float, told: Callable[[str], None] = lambda _: None) -> None:
        """Return when every balancer that answers finds the server healthy. Raises TrafficFailed after
        ``seconds``."""
        deadline = self._clock() + seconds
        while True:
            views = self.knowing(server)
            bad = [f"{one.host} finds {view.check or 'no check'}" for one, view in views if not view.up]
            if views and not bad:
                return
            if not views:
                self._none_answers(server)
                return
            if self._clock() > deadline:
                raise TrafficFailed(
                    f"its balancers do not find {server} healthy",
                    why="\n".join(bad),
                    hint="look at the balancer's check of it, and at the way from the balancer to the host",
                )
            told(", ".join(bad))
            self._pause("", str(server))

    def admit(self, node: Admit) -> None:
        """Raises TrafficFailed when a balancer does not find the server healthy, Interrupted, Fenced."""
        server = node.server
        for one, view in self.knowing(server):
            if view.stopped:
                # Leaving maintenance counts as up before any check; leaving a drain does not.
                self._tell({one: lambda kind: [kind.drain(server)]}, server)
                self.recheck(server)
        self.healthy(server, GOOD_SECONDS)
        before = [view for _, view in self.knowing(server)]
        if node.slow_start and any(view.drained for view in before):
            for step in range(1, RAMP):
                self._admit(server, max(1, node.weight * step // RAMP))
                self._pause(node.host, node.id, node.slow_start / RAMP)
        self._admit(server, node.weight)
        for one, view in self.knowing(server):
            led = view.up and not view.drained and not view.stopped
            if not led or view.weight != node.weight:
                raise TrafficFailed(
                    f"{one.host} was told to send requests to {server}, and does not",
                    why=f"up: {view.up}, drained: {view.drained}, weight {view.weight}, check {view.check}",
                    hint=f"look at the balancer on {one.host}",
                )
        self._save(server)

    def views(self, role: str) -> dict[str, BalancerView]:
        """By host, of those that answer."""
        found = {one.host: self._view(one) for one in self._balancers if one.role == role}
        return {host: view for host, view in found.items() if view is not None}

    def knowing(self, server: Server) -> list[tuple[BalancerHost, ServerView]]:
        """Balancers that answer and know the server, and how they see it."""
        found = []
        for one in self._balancers:
            view = self._view(one) if one.role == server.role else None
            if view and str(server) in view.servers:
                found.append((one, view.servers[str(server)]))
        return found

    def page(self, role: str, backend: str, *, on: bool) -> list[str]:
        """Hosts whose balancers answer the backend's requests by a page from now on, or no longer. Raises
        TrafficFailed when one has no table for it, RemoteFailed."""
        told = []
        for one in self._balancers:
            kind = KINDS[one.balancer.kind]
            tables = self._ask(one, kind.maps) if one.role == role else None
            if tables is None:
                continue
            path = one.balancer.maintenance
            table = kind.table(tables, path) if path else ""
            if not table:
                raise TrafficFailed(
                    f"the balancer on {one.host} has no table of backends that are answered by a page",
                    why=f"x-fleet.balancer.maintenance is {path or 'not set'}",
                    hint="see docs/traffic.md: its configuration has to look backends up in that file",
                )
            # The file first: a balancer that starts anew meanwhile does the same.
            file, entry = shell.words([path]), shell.words([f"{backend} on"])
            keep = f"{{ ! grep -vxF {entry} {file} 2>/dev/null || :; }}"
            more = f"printf '%s\\n' {entry}" if on else ":"
            script = f"set -eu; umask 022\n{{ {keep}; {more}; }} >{file}.new\nmv {file}.new {file}\n"
            result = self._transports[one.host].run(script, timeout=SAVE_SECONDS)
            if not result.ok:
                raise failure(f"write {path}", result, SAVE_SECONDS)
            answer = self._ask(one, kind.page(table, backend, on=on))
            if answer is None:
                continue
            if refused := kind.refused(answer):
                raise TrafficFailed(
                    f"the balancer on {one.host} refuses to change what is answered by a page",
                    why=refused,
                    hint="its socket needs 'level admin'",
                )
            told.append(one.host)
        return told

    def balancer(self, host: str, service: str) -> BalancerHost:
        return next(one for one in self._balancers if (one.host, one.service) == (host, service))

    def on(self, host: str) -> BalancerHost | None:
        return next((one for one in self._balancers if one.host == host), None)

    def save(self, one: BalancerHost, *, running: bool = True) -> None:
        """What the balancer was told at run time, to a file on its host for its next process. Unless it is
        known to be ``running``, one that is not there has nothing to save. Raises RemoteFailed when the file
        cannot be written."""
        if not one.balancer.state:
            return
        with self._saving[one.host]:
            self._write_state(one, running)

    def _write_state(self, one: BalancerHost, running: bool) -> None:
        state = self._ask(one, KINDS[one.balancer.kind].state, running)
        if state is None:
            return
        path = shell.words([one.balancer.state])
        script = shell.lines(
            [
                f"set -eu; umask 022; printf %s {shell.quote(state)} >{path}.new",
                f"mv {path}.new {path}",
            ]
        )
        try:
            result = self._transports[one.host].run(script, timeout=SAVE_SECONDS)
        except Fenced:
            raise
        except FleetError as error:
            self._silent(one, error)
            return
        if not result.ok:
            raise failure(f"save the balancer's state in {one.balancer.state}", result, SAVE_SECONDS)

    def _save(self, server: Server) -> None:
        for one, _ in self.knowing(server):
            self.save(one)

    def _admit(self, server: Server, weight: int) -> None:
        self._tell(
            {
                one: lambda kind: [kind.weigh(server, weight), kind.admit(server)]
                for one, _ in self.knowing(server)
            },
            server,
        )

    def _tell(
        self, requests: Mapping[BalancerHost, Callable[[Kind], Iterable[str]]], server: Server
    ) -> list[str]:
        """Hosts of the balancers that were told. Raises TrafficFailed when one refuses."""
        heard = []
        for one, make in requests.items():
            kind = KINDS[one.balancer.kind]
            answer = self._ask(one, kind.together(make(kind)))
            if answer is None:
                continue
            if refused := kind.refused(answer):
                raise TrafficFailed(
                    f"the balancer on {one.host} refuses to lead the requests of {server}",
                    why=refused,
                    hint="its socket needs 'level admin'",
                )
            heard.append(one.host)
        return heard

    def _view(self, one: BalancerHost) -> BalancerView | None:
        kind = KINDS[one.balancer.kind]
        answer = self._ask(one, kind.look)
        if answer is None:
            return None
        try:
            return kind.view(answer)
        except (ValueError, KeyError) as error:
            self._silent(one, FleetError(f"its answer makes no sense: {error}"))
            return None

    def _ask(self, one: BalancerHost, request: str, running: bool = True) -> str | None:
        """None: it does not answer, which the operator was told if it should be ``running``."""
        if self._clock() < self._again.get(one.host, 0):
            return None
        transport = self._transports.get(one.host)
        if transport is None:
            self._silent(one, FleetError("there is no connection to it"))
            return None
        patience = self._clock() + (0 if one.host in self._lost else BACK_SECONDS)
        while True:
            try:
                answer = transport.ask(one.balancer.socket, request, timeout=ASK_SECONDS)
            except Fenced:
                raise
            except SocketGone as error:
                if not running:
                    return None
                # Its process may just be starting again.
                if self._clock() > patience:
                    self._silent(one, error)
                    return None
                self._pause(one.host, one.service)
            except FleetError as error:
                self._silent(one, error)
                return None
            else:
                if self._lost.pop(one.host, None) is not None:
                    self._emit(ev.Note(f"the balancer on {one.host} answers again"))
                return answer

    def _silent(self, one: BalancerHost, error: FleetError) -> None:
        # A host that hangs costs seconds each time; a socket that nobody serves is refused at once.
        pause = REFUSED_SECONDS if isinstance(error, SocketGone) else HANGING_SECONDS
        self._again[one.host] = self._clock() + pause
        if one.host not in self._lost:
            self._lost[one.host] = error.what
            what = f"the balancer on {one.host} does not answer ({error.what}): going on without it"
            self._emit(ev.Note(what, "warning"))

    def _none_answers(self, server: Server) -> None:
        if self._insist:
            return
        ours = [one.host for one in self._balancers if one.role == server.role]
        if there := [host for host in ours if host not in self._lost]:
            raise TrafficFailed(
                f"no balancer of {server.role} knows {server}: its requests cannot be led",
                why=f"{', '.join(there)} answered, and what they are configured for has no such server",
                hint=f"bring their configuration up to date: deploy --roles {server.role}",
            )
        why = "\n".join(f"{host}: {self._lost[host]}" for host in ours)
        raise TrafficFailed(
            f"no balancer of {server.role} answers: the requests of {server} cannot be led away",
            why=why,
            hint="bring a balancer up, or go on at the price of requests: --allow-downtime",
        )

    def _pause(self, host: str, step: str, seconds: float = TICK) -> None:
        if self._cancel.wait(seconds):
            raise Interrupted("interrupted while requests were led", host=host, step=step)


def _unended(node: Drain, left: Mapping[str, int]) -> str:
    count = sum(left.values())
    where = ", ".join(f"{number} through {host}" for host, number in left.items())
    sessions = "1 session" if count == 1 else f"{count} sessions"
    return (
        f"{node.host}: {sessions} of {node.server} did not end within {node.timeout:g} s ({where}); cut now"
    )
