"""Requests are led around what changes: each balancer of a service is told, and asked what came of it.

A balancer whose socket or host is gone is told of and left aside: it is dead, or it comes back with what was
saved of it. One that only does not answer in time may well be sending requests: nothing is taken from under
it. What was set is saved on its host after each change: a new process goes on as the old one was told.

Hosts of a batch are led side by side, and share what they ask and save: a look that began after a host's own
last command is as good for it as one of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fleet import shell
from fleet.balancers.kind import Kind
from fleet.balancers.kinds import KINDS
from fleet.errors import Fenced, FleetError, Interrupted, RemoteFailed, Unreachable
from fleet.model.balancing import BalancerHost, BalancerView, Server, ServerView
from fleet.plan.tree import Admit, Drain
from fleet.report import events as ev
from fleet.run.once import Once
from fleet.run.perform import failure
from fleet.transport.base import ConnectionLost, SocketGone, Transport

ASK_SECONDS = 5
SAVE_SECONDS = 30
TICK = 0.25
BACK_SECONDS = 10
"""What a balancer's process gets to come back in, or to answer at last."""
REFUSED_SECONDS = 1
HANGING_SECONDS = 30
"""How long one that did not answer is not asked again."""
GOOD_SECONDS = 30
"""What balancers get to find a server healthy that has passed its gate, and to do as they were told."""
RAMP = 10
"""Steps of a slow start."""

T = TypeVar("T")


class TrafficFailed(RemoteFailed):
    """Requests could not be led as the plan says."""


@dataclass(frozen=True, slots=True)
class _Look:
    """``told``: how often the balancer had been told anything when it began, at ``began`` of our clock."""

    view: BalancerView | None
    told: int
    began: float


class Traffic:
    """``balancers``: all of the environment. ``insist``: services change also when a balancer does not
    answer. ``again`` connects anew to a host whose connection was lost; None: it is not reached."""

    def __init__(
        self,
        balancers: Sequence[BalancerHost],
        transports: Mapping[str, Transport],
        emit: ev.Emit,
        cancel: threading.Event,
        *,
        insist: bool = False,
        again: Callable[[str], Transport | None] = lambda host: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._balancers = balancers
        self._transports = dict(transports)
        self._emit = emit
        self._cancel = cancel
        self._insist = insist
        self._clock = clock
        self._connect = again
        self._lost: dict[str, FleetError] = {}
        self._missed: dict[str, str] = {}
        self._again: dict[str, float] = {}
        self._noting = threading.Lock()
        self._connecting = {one.host: threading.Lock() for one in balancers}
        self._looking = {one.host: Once[_Look]() for one in balancers}
        self._saving = {one.host: Once[None]() for one in balancers}
        self._last: dict[str, _Look] = {}
        self._told = {one.host: 0 for one in balancers}

    @property
    def lost(self) -> Mapping[str, str]:
        """Hosts whose balancers were left aside at some time, and why: they may have missed something."""
        with self._noting:
            return dict(self._missed)

    def drain(self, node: Drain) -> None:
        """Raises TrafficFailed when no balancer answers, or one may still be sending requests; Interrupted,
        Fenced."""
        server = node.server
        deadline = self._clock() + node.timeout
        obeyed = self._clock()
        quiet = 0
        while True:
            answered = self._answered(server)
            self._none_hangs(server)
            if not answered:
                self._none_answers(server, [])
                return
            views = _of(server, answered)
            deaf = {one: view for one, view in views if not view.drained}
            self._tell({one: lambda kind: [kind.drain(server)] for one in deaf}, server)
            left = {one.host: view.sessions for one, view in views if view.sessions}
            quiet = 0 if left or deaf else quiet + 1
            # Twice: a session may be between the balancer's choice and its count.
            if quiet == 2 or not views or (node.empty and not deaf):
                break
            if not deaf:
                obeyed = self._clock()
            elif self._clock() - obeyed > GOOD_SECONDS:
                one, view = next(iter(deaf.items()))
                what = f"{one.host} was told to send no more requests to {server}, and does not obey"
                raise _disobeyed(one, what, view)
            if left and not deaf and self._clock() > deadline:
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
            answered = self._answered(server)
            views = _of(server, answered)
            bad = [f"{one.host} finds {view.check or 'no check'}" for one, view in views if not view.up]
            if views and not bad:
                return
            if not views:
                self._none_answers(server, [one.host for one in answered])
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
                what = f"{one.host} was told to send requests to {server}, and does not"
                raise _disobeyed(one, what, view)
        self._save(server)

    def views(self, role: str) -> dict[str, BalancerView]:
        """By host, of those that answer; none is older than this call."""
        found = {one.host: self._view(one, 0) for one in self._balancers if one.role == role}
        return {host: view for host, view in found.items() if view is not None}

    def knowing(self, server: Server) -> list[tuple[BalancerHost, ServerView]]:
        """Balancers that answer and know the server, and how they see it."""
        return _of(server, self._answered(server))

    def _answered(self, server: Server) -> dict[BalancerHost, BalancerView]:
        found = {one: self._view(one, TICK) for one in self._balancers if one.role == server.role}
        return {one: view for one, view in found.items() if view is not None}

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
        """Raises FleetError when there is none."""
        for one in self._balancers:
            if (one.host, one.service) == (host, service):
                return one
        raise FleetError(
            f"{service} is no balancer of this environment",
            why="nothing says where its sockets are",
            hint="see x-fleet.balancer in docs/traffic.md",
            host=host,
        )

    def on(self, host: str) -> BalancerHost | None:
        return next((one for one in self._balancers if one.host == host), None)

    def save(self, one: BalancerHost, *, running: bool = True) -> None:
        """What the balancer was told at run time, to a file on its host for its next process. Unless it is
        known to be ``running``, one that is not there has nothing to save. Raises RemoteFailed when the file
        cannot be written."""
        if not one.balancer.state:
            return
        self._saving[one.host].get(lambda: self._write_state(one, running))

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
            try:
                answer = self._ask(one, kind.together(make(kind)))
            finally:
                self._told[one.host] += 1
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

    def _view(self, one: BalancerHost, age: float) -> BalancerView | None:
        """``age``: seconds since which a look may have begun, if the balancer was told nothing meanwhile."""
        last = self._last.get(one.host)
        if last and last.told == self._told[one.host] and self._clock() - last.began < age:
            return last.view
        last = self._last[one.host] = self._looking[one.host].get(lambda: self._look(one))
        return last.view

    def _look(self, one: BalancerHost) -> _Look:
        told, began, kind = self._told[one.host], self._clock(), KINDS[one.balancer.kind]
        senseless: Exception | None = None
        # Twice: an answer that broke off is no fault of what is asked.
        for _ in range(2):
            answer = self._ask(one, kind.look)
            if answer is None:
                return _Look(None, told, began)
            try:
                return _Look(kind.view(answer), told, began)
            except (ValueError, KeyError) as error:
                senseless = error
        self._silent(one, FleetError(f"its answer makes no sense: {senseless}"))
        return _Look(None, told, began)

    def _ask(self, one: BalancerHost, request: str, running: bool = True) -> str | None:
        """None: it does not answer, which the operator was told if it should be ``running``."""
        if self._clock() < self._again.get(one.host, 0):
            return None
        patience = self._clock() + (0 if one.host in self._lost else BACK_SECONDS)
        connected = False
        while True:
            transport = self._transports.get(one.host)
            if transport is None:
                self._silent(one, Unreachable("there is no connection to it"))
                return None
            try:
                answer = transport.ask(one.balancer.socket, request, timeout=ASK_SECONDS)
            except Fenced:
                raise
            except ConnectionLost as error:
                if connected or not self._reconnect(one.host, transport):
                    self._silent(one, error)
                    return None
                connected = True
            except FleetError as error:
                if isinstance(error, SocketGone) and not running:
                    return None
                # Its process may just be starting again, or be busy for a moment.
                if self._clock() > patience:
                    self._silent(one, error)
                    return None
                self._pause(one.host, one.service)
            else:
                with self._noting:
                    back = self._lost.pop(one.host, None) is not None
                if back:
                    self._emit(ev.Note(f"the balancer on {one.host} answers again"))
                return answer

    def _reconnect(self, host: str, dead: Transport) -> bool:
        with self._connecting[host]:
            if self._transports[host] is dead and (fresh := self._connect(host)):
                self._transports[host] = fresh
            return self._transports[host] is not dead

    def _silent(self, one: BalancerHost, error: FleetError) -> None:
        # A host that hangs costs seconds each time; a socket that nobody serves is refused at once.
        pause = REFUSED_SECONDS if isinstance(error, SocketGone) else HANGING_SECONDS
        with self._noting:
            self._again[one.host] = self._clock() + pause
            known = one.host in self._lost
            self._lost[one.host] = error
            self._missed.setdefault(one.host, error.what)
        if not known:
            text = f"the balancer on {one.host} does not answer ({error.what}): going on without it"
            if not self._insist and not _gone(error):
                text = f"the balancer on {one.host} is there, and does not answer: {error.what}"
            self._emit(ev.Note(text, "warning"))

    def _none_hangs(self, server: Server) -> None:
        """Raises TrafficFailed when one that is there cannot be told: it goes on sending requests."""
        for one in self._balancers:
            error = self._lost.get(one.host) if one.role == server.role else None
            if error and not self._insist and not _gone(error):
                raise TrafficFailed(
                    f"the balancer on {one.host} cannot be told of {server}, and may be sending it requests",
                    why="\n".join(filter(None, [error.what, error.why])),
                    hint="look at it and at the load of its host, or go on at the price of requests: "
                    "--allow-downtime",
                )

    def _none_answers(self, server: Server, there: Sequence[str]) -> None:
        """``there``: hosts whose balancers answered, and do not know the server."""
        if self._insist:
            return
        if there:
            raise TrafficFailed(
                f"no balancer of {server.role} knows {server}: its requests cannot be led",
                why=f"{', '.join(there)} answered, and what they are configured for has no such server",
                hint=f"bring their configuration up to date: deploy --roles {server.role}",
            )
        ours = [one.host for one in self._balancers if one.role == server.role]
        whys = {host: error.what for host in ours if (error := self._lost.get(host))}
        raise TrafficFailed(
            f"no balancer of {server.role} answers: the requests of {server} cannot be led away",
            why="\n".join(f"{host}: {whys.get(host, 'it did not answer')}" for host in ours),
            hint="bring a balancer up, or go on at the price of requests: --allow-downtime",
        )

    def _pause(self, host: str, step: str, seconds: float = TICK) -> None:
        if self._cancel.wait(seconds):
            raise Interrupted("interrupted while requests were led", host=host, step=step)


def _gone(error: FleetError) -> bool:
    return isinstance(error, (SocketGone, Unreachable))


def _of(
    server: Server, answered: Mapping[BalancerHost, BalancerView]
) -> list[tuple[BalancerHost, ServerView]]:
    name = str(server)
    return [(one, view.servers[name]) for one, view in answered.items() if name in view.servers]


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
