"""A deploy with a fault under load, the deploy after it, and what became of everything."""

from __future__ import annotations

import contextlib
import os
import time
import urllib.parse
from collections.abc import Callable

from fleet.errors import FleetError
from fleet.rehearsal.engine import Say
from fleet.rehearsal.faults.deploys import Deploy
from fleet.rehearsal.faults.fault import Event, Fault, Moment, Scene
from fleet.rehearsal.faults.heard import heard
from fleet.rehearsal.faults.site import Site
from fleet.rehearsal.faults.story import Ended, Entry, Span, Story
from fleet.rehearsal.faults.text import entry_line
from fleet.rehearsal.traffic import orders
from fleet.rehearsal.traffic.clients import Kept, New, Order
from fleet.rehearsal.traffic.crowd import Group
from fleet.rehearsal.traffic.load import Load
from fleet.rehearsal.traffic.tally import Tally

CUSTOMERS = (Group(Kept, 4, 0.4), Group(New, 4, 0.4), Group(Order, 2, 1.0))
"""Some 20 requests a second, and two of them orders."""
WARM, TAIL = 5.0, 5.0
"""Seconds of load before and after."""
SERVED = 30.0
"""Seconds in which the first customer has to get an answer."""


def play(name: str, fault: Fault, site: Site, version: str, say: Say) -> Story:
    """The fleet has to be up, at another version. Whatever happens, what was broken is healed in the end.
    Raises FleetError where nobody is served to begin with, or the fleet cannot be looked at."""
    volumes = site.sight.volumes()
    before = orders.latest(site.database)
    scene = site.scene(version)
    began = time.time()
    with Load(urllib.parse.urlsplit(site.url), CUSTOMERS) as load:
        playing = Playing(fault, scene, load.tally, say)
        _served(load.tally, site)
        time.sleep(WARM)
        first = playing.with_fault(lambda: Deploy(site.root, site.env, version, lambda: load.tally.now))
        playing.tell("operator", "the same deploy again")
        second = playing.through(Deploy(site.root, site.env, version, lambda: load.tally.now))
        site.sight.settle()
        time.sleep(TAIL)
    for at, host in site.sight.given_up(began):
        playing.tell("traffic", f"{host} gave the shared address up: its balancer was silent", at - began)
    tally = load.tally
    compared = orders.compare(tally.orders, orders.stored(site.database, before))
    return Story(
        name,
        version,
        tuple(sorted(playing.entries, key=lambda one: one.second)),
        playing.injected,
        playing.healed,
        first,
        second,
        tally.requests,
        tuple(tally.failures),
        site.sight.state(volumes, compared),
        round(os.getloadavg()[1] / (os.cpu_count() or 1), 1),
    )


class Playing:
    """What happens, as it happens."""

    def __init__(self, fault: Fault, scene: Scene, tally: Tally, say: Say) -> None:
        self._fault = fault
        self._scene = scene
        self._tally = tally
        self._say = say
        self._lost = False
        self._broken = contextlib.ExitStack()
        self.entries: list[Entry] = []
        self.injected: Span | None = None
        self.healed: Span | None = None

    def tell(self, who: str, text: str, second: float | None = None) -> None:
        entry = Entry(round(self._tally.now if second is None else second, 1), who, text)
        self.entries.append(entry)
        self._say(entry_line(entry))

    def with_fault(self, begin: Callable[[], Deploy]) -> Ended:
        """The deploy during which it breaks. At the end it is healed."""
        with self._broken:
            if self._fault.moment is Moment.BEFORE:
                self._inject()
            with begin() as deploy:
                for second, event in deploy.events():
                    self._hear(second, event)
                    self._act(event)
                ended = deploy.ended()
            self._heal()
        return ended

    def through(self, begun: Deploy) -> Ended:
        """A deploy during which nothing breaks any more."""
        with begun as deploy:
            for second, event in deploy.events():
                self._hear(second, event)
            return deploy.ended()

    def _hear(self, second: float, event: Event | None) -> None:
        if event and (text := heard(event)):
            self.tell("fleet", text, second)
        if self._tally.failures and not self._lost:
            self._lost = True
            one = self._tally.failures[0]
            self.tell("traffic", f"the first request is lost: {one.kind}, asked at {one.asked} s", one.second)

    def _act(self, event: Event | None) -> None:
        if self.injected is None:
            if event and self._fault.due(self._scene, event):
                self._inject()
        elif self.healed is None and (
            self._tally.now - self.injected.end > self._fault.lasts
            or (event and self._fault.over(self._scene, event))
        ):
            self._heal()

    def _inject(self) -> None:
        began = self._tally.now
        words = self._broken.enter_context(self._fault.broken(self._scene))
        self.injected = Span(round(began, 1), round(self._tally.now, 1))
        self.tell("fault", words)

    def _heal(self) -> None:
        if self.injected is None or self.healed:
            return
        began = self._tally.now
        self._broken.close()
        self.healed = Span(round(began, 1), round(self._tally.now, 1))
        self.tell("fault", "healed")


def _served(tally: Tally, site: Site) -> None:
    """Raises FleetError."""
    deadline = time.monotonic() + SERVED
    while not tally.versions:
        if time.monotonic() > deadline:
            raise FleetError(
                f"nobody is served at {site.url}; nothing was broken",
                why=f"{len(tally.failures)} requests, the last of them: "
                f"{tally.failures[-1].kind if tally.failures else 'without an end'}",
                hint=f"inv status --env {site.env}",
            )
        time.sleep(0.1)
