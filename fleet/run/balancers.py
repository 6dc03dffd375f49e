"""The balancers of a run: each is asked and told over its own socket, with patience, and shared by all hosts
that are led side by side: a look that began after a host's own last command is as good for it as its own.

One whose socket or host is gone is told of and left aside: it is dead, or it comes back with what was saved
of it. One that only does not answer in time may well be sending requests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fleet import shell
from fleet.balancers.kind import Kind
from fleet.balancers.kinds import KINDS
from fleet.errors import Fenced, FleetError, Interrupted, RemoteFailed, Unreachable
from fleet.model.balancing import BalancerHost, BalancerView, Server, ServerView
from fleet.report import events as ev
from fleet.run.once import Once
from fleet.run.perform import failure
from fleet.secret import Text
from fleet.transport.base import ConnectionLost, Result, SocketGone, Transport

ASK_SECONDS = 5
SAVE_SECONDS = 30
TICK = 0.25
BACK_SECONDS = 10
"""What a balancer's process gets to come back in, or to answer at last."""
REFUSED_SECONDS = 1
HANGING_SECONDS = 30
"""How long one that did not answer is not asked again."""


class TrafficFailed(RemoteFailed):
    """Requests could not be led as the plan says."""


@dataclass(frozen=True, slots=True)
class _Look:
    """``told``: how often the balancer had been told anything when it began, at ``began`` of our clock."""

    view: BalancerView | None
    told: int
    began: float


class Balancers:
    """``all_of_them``: of the environment. ``insist``: services change also when one does not answer.
    ``again`` connects anew to a host whose connection was lost; None: it is not reached."""

    def __init__(
        self,
        all_of_them: Sequence[BalancerHost],
        transports: Mapping[str, Transport],
        emit: ev.Emit,
        cancel: threading.Event,
        *,
        insist: bool = False,
        again: Callable[[str], Transport | None] = lambda host: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._all = all_of_them
        self._transports = dict(transports)
        self.emit = emit
        self._cancel = cancel
        self._insist = insist
        self.clock = clock
        self._connect = again
        self._lost: dict[str, FleetError] = {}
        self._missed: dict[str, str] = {}
        self._again: dict[str, float] = {}
        self._noting = threading.Lock()
        self._connecting = {one.host: threading.Lock() for one in all_of_them}
        self._looking = {one.host: Once[_Look]() for one in all_of_them}
        self._saving = {one.host: Once[None]() for one in all_of_them}
        self._last: dict[str, _Look] = {}
        self._told = {one.host: 0 for one in all_of_them}

    @property
    def lost(self) -> Mapping[str, str]:
        """Hosts whose balancers were left aside at some time, and why: they may have missed something."""
        with self._noting:
            return dict(self._missed)

    def views(self, role: str) -> dict[str, BalancerView]:
        """By host, of those that answer; none is older than this call."""
        found = {one.host: self._view(one, 0) for one in self.of(role)}
        return {host: view for host, view in found.items() if view is not None}

    def knowing(self, server: Server) -> list[tuple[BalancerHost, ServerView]]:
        """Balancers that answer and know the server, and how they see it."""
        return seeing(server, self.answered(server))

    def answered(self, server: Server) -> dict[BalancerHost, BalancerView]:
        found = {one: self._view(one, TICK) for one in self.of(server.role)}
        return {one: view for one, view in found.items() if view is not None}

    def balancer(self, host: str, service: str) -> BalancerHost:
        """Raises FleetError when there is none."""
        for one in self._all:
            if (one.host, one.service) == (host, service):
                return one
        raise FleetError(
            f"{service} is no balancer of this environment",
            why="nothing says where its sockets are",
            hint="see x-fleet.balancer in docs/traffic.md",
            host=host,
        )

    def of(self, role: str) -> tuple[BalancerHost, ...]:
        return tuple(one for one in self._all if one.role == role)

    def on(self, host: str) -> BalancerHost | None:
        return next((one for one in self._all if one.host == host), None)

    def run(self, host: str, script: Text) -> Result:
        return self._transports[host].run(script, timeout=SAVE_SECONDS)

    def save(self, one: BalancerHost, *, running: bool = True) -> None:
        """What the balancer was told at run time, to a file on its host for its next process. Unless it is
        known to be ``running``, one that is not there has nothing to save. Raises RemoteFailed when the file
        cannot be written."""
        if not one.balancer.state:
            return
        self._saving[one.host].get(lambda: self._write_state(one, running))

    def _write_state(self, one: BalancerHost, running: bool) -> None:
        state = self.ask(one, KINDS[one.balancer.kind].state, running)
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
            result = self.run(one.host, script)
        except Fenced:
            raise
        except FleetError as error:
            self._silent(one, error)
            return
        if not result.ok:
            raise failure(f"save the balancer's state in {one.balancer.state}", result, SAVE_SECONDS)

    def tell(
        self, requests: Mapping[BalancerHost, Callable[[Kind], Iterable[str]]], server: Server
    ) -> list[str]:
        """Hosts of the balancers that were told. Raises TrafficFailed when one refuses."""
        heard = []
        for one, make in requests.items():
            kind = KINDS[one.balancer.kind]
            try:
                obeyed = self.order(one, kind.together(make(kind)), f"to lead the requests of {server}")
            finally:
                self._told[one.host] += 1
            if obeyed:
                heard.append(one.host)
        return heard

    def order(self, one: BalancerHost, request: str, what: str) -> bool:
        """Whether it answers. ``what`` it is asked, for the TrafficFailed that is raised when it refuses."""
        answer = self.ask(one, request)
        if answer is None:
            return False
        if refused := KINDS[one.balancer.kind].refused(answer):
            raise TrafficFailed(
                f"the balancer on {one.host} refuses {what}",
                why=refused,
                hint="its socket needs 'level admin'",
            )
        return True

    def _view(self, one: BalancerHost, age: float) -> BalancerView | None:
        """``age``: seconds since which a look may have begun, if the balancer was told nothing meanwhile."""
        last = self._last.get(one.host)
        if last and last.told == self._told[one.host] and self.clock() - last.began < age:
            return last.view
        last = self._last[one.host] = self._looking[one.host].get(lambda: self._look(one))
        return last.view

    def _look(self, one: BalancerHost) -> _Look:
        told, began, kind = self._told[one.host], self.clock(), KINDS[one.balancer.kind]
        senseless: Exception | None = None
        # Twice: an answer that broke off is no fault of what is asked.
        for _ in range(2):
            answer = self.ask(one, kind.look)
            if answer is None:
                return _Look(None, told, began)
            try:
                return _Look(kind.view(answer), told, began)
            except (ValueError, KeyError) as error:
                senseless = error
        self._silent(one, FleetError(f"its answer makes no sense: {senseless}"))
        return _Look(None, told, began)

    def ask(self, one: BalancerHost, request: str, running: bool = True) -> str | None:
        """None: it does not answer, which the operator was told if it should be ``running``."""
        if self.clock() < self._again.get(one.host, 0):
            return None
        patience = self.clock() + (0 if one.host in self._lost else BACK_SECONDS)
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
                if self.clock() > patience:
                    self._silent(one, error)
                    return None
                self.pause(one.host, one.service)
            else:
                with self._noting:
                    back = self._lost.pop(one.host, None) is not None
                if back:
                    self.emit(ev.Note(f"the balancer on {one.host} answers again"))
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
            self._again[one.host] = self.clock() + pause
            known = one.host in self._lost
            self._lost[one.host] = error
            self._missed.setdefault(one.host, error.what)
        if not known:
            text = f"the balancer on {one.host} does not answer ({error.what}): going on without it"
            if not self._insist and not _gone(error):
                text = f"the balancer on {one.host} is there, and does not answer: {error.what}"
            self.emit(ev.Note(text, "warning"))

    def none_hangs(self, server: Server) -> None:
        """Raises TrafficFailed when one that is there cannot be told: it goes on sending requests."""
        for one in self.of(server.role):
            error = self._lost.get(one.host)
            if error and not self._insist and not _gone(error):
                raise TrafficFailed(
                    f"the balancer on {one.host} cannot be told of {server}, and may be sending it requests",
                    why="\n".join(filter(None, [error.what, error.why])),
                    hint="look at it and at the load of its host, or go on at the price of requests: "
                    "--allow-downtime",
                )

    def none_answers(self, server: Server, there: Sequence[str]) -> None:
        """``there``: hosts whose balancers answered, and do not know the server."""
        if self._insist:
            return
        if there:
            raise TrafficFailed(
                f"no balancer of {server.role} knows {server}: its requests cannot be led",
                why=f"{', '.join(there)} answered, and what they are configured for has no such server",
                hint=f"bring their configuration up to date: deploy --roles {server.role}",
            )
        ours = [one.host for one in self.of(server.role)]
        whys = {host: error.what for host in ours if (error := self._lost.get(host))}
        raise TrafficFailed(
            f"no balancer of {server.role} answers: the requests of {server} cannot be led away",
            why="\n".join(f"{host}: {whys.get(host, 'it did not answer')}" for host in ours),
            hint="bring a balancer up, or go on at the price of requests: --allow-downtime",
        )

    def pause(self, host: str, step: str, seconds: float = TICK) -> None:
        if self._cancel.wait(seconds):
            raise Interrupted("interrupted while requests were led", host=host, step=step)


def _gone(error: FleetError) -> bool:
    return isinstance(error, (SocketGone, Unreachable))


def seeing(
    server: Server, answered: Mapping[BalancerHost, BalancerView]
) -> list[tuple[BalancerHost, ServerView]]:
    name = str(server)
    return [(one, view.servers[name]) for one, view in answered.items() if name in view.servers]
