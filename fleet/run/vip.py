"""Move a virtual address to another host, while it is in use: no connection is lost on the way.

The order matters. Before the address goes, the host that has it is made to keep it unseen, and the other one
to lead back what it does not know. Only then it goes; and only when the last connection that began at the old
place has ended there, both hosts are as before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from fleet.errors import Fenced, FleetError, Interrupted, RemoteFailed
from fleet.model.balancing import BalancerHost
from fleet.ops.effects import Shell
from fleet.ops.vip import Side
from fleet.report import events as ev
from fleet.run.balancers import Balancers
from fleet.run.perform import failure
from fleet.run.reload import renew
from fleet.transport.base import Transport

SCRIPT_SECONDS = 30
SETTLED_SECONDS = 1.5
"""Neighbours are told four times within that: nobody begins a connection at the old place any more."""
ENDED_SECONDS = 35
"""What connections to the old place get to end in; longer than a balancer's own limit for old processes."""
ELECTED_SECONDS = 15
TICK = 0.25


class MoveFailed(RemoteFailed):
    """The address could not be moved as it was asked for."""


@dataclass(frozen=True, slots=True)
class Move:
    """``address`` goes from ``source`` to ``target``. ``containers``: host → the container of ucarp, of all
    hosts that can be reached and might take the address. ``balancer``: the one on ``source``, if Fleet
    knows how to speak to it."""

    address: str
    source: str
    target: str
    containers: Mapping[str, str]
    balancer: BalancerHost | None = None

    @property
    def id(self) -> str:
        return f"{self.source}/address:{self.address}"

    def side(self, host: str) -> Side:
        return Side(self.address, self.containers[host])

    def sides(self) -> Mapping[str, Side]:
        return {host: self.side(host) for host in self.containers}


def holders(sides: Mapping[str, Side], transports: Mapping[str, Transport]) -> list[str]:
    """Hosts that have the address in the sight of others. Raises FleetError when one does not tell."""
    return [
        host for host, side in sides.items() if _run(host, side.has(), transports, "look for the address")
    ]


def the_holder(address: str, found: list[str]) -> str:
    """Raises MoveFailed: nobody has it, or more than one."""
    if len(found) == 1:
        return found[0]
    if not found:
        raise MoveFailed(
            f"no host has {address}",
            why="ucarp runs nowhere, or on no host whose balancer answers",
            hint="see inv status, and the logs of ucarp's containers",
        )
    raise MoveFailed(
        f"{' and '.join(found)} have {address}, each for itself",
        why="one was killed and has left it behind, or the network between them is cut",
        hint="on the host that should not have it: docker restart, with the name of ucarp's container",
    )


def move(
    moving: Move,
    transports: Mapping[str, Transport],
    balancers: Balancers,
    emit: ev.Emit,
    cancel: threading.Event,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Raises MoveFailed, RemoteFailed, Interrupted, Fenced. Whatever is raised, nothing is led back or kept
    any more, as far as the hosts could be reached; a later move clears up the rest."""
    _Mover(moving, transports, balancers, emit, cancel, clock).run()


@dataclass(frozen=True, slots=True)
class _Mover:
    moving: Move
    transports: Mapping[str, Transport]
    balancers: Balancers
    emit: ev.Emit
    cancel: threading.Event
    clock: Callable[[], float]

    def run(self) -> None:
        source, target = self.moving.source, self.moving.target
        before = the_holder(self.moving.address, holders(self.moving.sides(), self.transports))
        if before != source:
            raise MoveFailed(f"{self.moving.address} is on {before}, not on {source}", host=source)
        self._on(target, self.moving.side(target).ready(), "take the address")
        # What a move that was cut off has left would lead packets in a circle.
        self._clear_up()
        try:
            self._hand_over()
            self._settle()
        except FleetError:
            with suppress(FleetError):
                self._on(target, self.moving.side(target).disown(), "give the address up again")
            with suppress(FleetError):
                self._rejoin()
            with suppress(FleetError):
                self._clear_up()
            raise
        self._rejoin()
        self._clear_up()
        now = the_holder(self.moving.address, holders(self.moving.sides(), self.transports))
        if now != target:
            raise MoveFailed(
                f"{self.moving.address} was given to {target}, and is on {now} now",
                hint=f"see the log of ucarp on {target}",
                host=target,
            )

    def _hand_over(self) -> None:
        moving = self.moving
        source, target = moving.side(moving.source), moving.side(moving.target)
        own = self._on(moving.source, source.keep(), "keep the address unseen")
        # Whole seconds: another one in every move, as the marks of connections have to be.
        number = int(time.time()) & 0x7FFFFFFF
        self._on(moving.target, target.lead_back(own, number), "lead connections back")
        if self.cancel.is_set():
            raise Interrupted(f"interrupted before {moving.address} was moved")
        for host in moving.containers:
            if host not in (moving.source, moving.target):
                self._on(host, moving.side(host).give(), "stand back")
        self._on(moving.source, source.give(), "give the address up")
        self._on(moving.target, target.take(), "take the address")

    def _settle(self) -> None:
        """Until what began at the old place has ended, and ucarp is of the same mind."""
        moving = self.moving
        self._pause(SETTLED_SECONDS)
        one = moving.balancer
        if one and one.balancer.master:
            self._renew(one)
        deadline = self.clock() + ENDED_SECONDS
        while (left := self._begun()) and self.clock() < deadline:
            connections = "1 connection" if left == 1 else f"{left} connections"
            self.emit(ev.Waiting(moving.source, moving.id, f"{connections} to {moving.address} to end"))
            self._pause(TICK)
        if left:
            text = f"{moving.source}: {left} connections to {moving.address} did not end within"
            self.emit(ev.Note(f"{text} {ENDED_SECONDS} s; they are cut now", "warning"))
        deadline = self.clock() + ELECTED_SECONDS
        while not self._on(moving.target, moving.side(moving.target).elected(), "ask ucarp"):
            if self.clock() > deadline:
                raise MoveFailed(
                    f"ucarp on {moving.target} does not take {moving.address} over",
                    why=f"it does not mean to have it {ELECTED_SECONDS} s after the others stood back",
                    hint="see the log of its container; does the balancer there answer?",
                    host=moving.target,
                )
            self._pause(TICK)

    def _rejoin(self) -> None:
        for host in self.moving.containers:
            if host != self.moving.target:
                self._on(host, self.moving.side(host).rejoin(), "take its turn again")

    def _renew(self, one: BalancerHost) -> None:
        try:
            renew(one, self.balancers, self.transports[one.host], self.cancel, self.clock)
        except (Fenced, Interrupted):
            raise
        except FleetError as error:
            # The address has moved: to break off now would only cut what could still end by itself.
            text = f"{one.host}: the balancer was not renewed ({error.what}); kept connections may be cut"
            self.emit(ev.Note(text, "warning"))

    def _begun(self) -> int:
        return int(self._on(self.moving.source, self.moving.side(self.moving.source).begun(), "count") or 0)

    def _clear_up(self) -> None:
        """First where they are led back from. An error is raised when both hosts were tried."""
        errors: list[FleetError] = []
        for host in (self.moving.target, self.moving.source):
            try:
                self._on(host, self.moving.side(host).clear_up(), "end the move")
            except FleetError as error:
                errors.append(error)
        if errors:
            raise next((error for error in errors if isinstance(error, Fenced)), errors[0])

    def _on(self, host: str, script: Shell, what: str) -> str:
        return _run(host, script, self.transports, what)

    def _pause(self, seconds: float) -> None:
        if self.cancel.wait(seconds):
            raise Interrupted(f"interrupted while {self.moving.address} was moved")


def _run(host: str, script: Shell, transports: Mapping[str, Transport], what: str) -> str:
    result = transports[host].run(script.script, timeout=SCRIPT_SECONDS)
    if not result.ok:
        error = failure(what, result, SCRIPT_SECONDS)
        error.host = host
        raise error
    return result.out.decode("utf-8", "replace").strip()
