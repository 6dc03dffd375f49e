"""All clients at once."""

from __future__ import annotations

import asyncio
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass

from fleet.rehearsal.traffic.clients import Client, Idle, Kept, New, Order, SlowReader, SlowSender
from fleet.rehearsal.traffic.tally import Tally

NAP = 0.25
"""Seconds within which a client that has nothing to ask sees that it is over."""


@dataclass(frozen=True, slots=True)
class Group:
    """So many clients of one kind, and how often each of them asks: every ``interval`` seconds."""

    client: type[Client]
    clients: int
    interval: float


def mixture(rate: float) -> tuple[Group, ...]:
    """Every kind; ``rate`` requests a second of the cheap ones, two thirds on kept connections."""
    return (
        Group(Kept, 24, 24 / (rate * 2 / 3)),
        Group(New, 24, 24 / (rate / 3)),
        Group(Idle, 8, 8.5),
        Group(Order, 4, 1.0),
        Group(SlowSender, 3, 2.5),
        Group(SlowReader, 2, 3.5),
    )


class Crowd:
    """Clients that ask until they are told to stop; whatever is asked by then is waited for."""

    def __init__(self, url: urllib.parse.SplitResult, groups: Sequence[Group], tally: Tally) -> None:
        self._url = url
        self._groups = groups
        self._tally = tally
        self._over = False

    async def run(self) -> None:
        """Until ``stop``."""
        await asyncio.gather(
            *(self._drive(group, number) for group in self._groups for number in range(group.clients))
        )

    def stop(self) -> None:
        """From any thread."""
        self._over = True

    async def _drive(self, group: Group, number: int) -> None:
        client = group.client(self._url, number, self._tally)
        # Spread evenly, or all of a group ask in the same moment.
        due = time.monotonic() + group.interval * number / group.clients
        while True:
            while not self._over and (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(min(wait, NAP))
            if self._over:
                break
            await client.ask()
            # A late answer puts the next question off: nothing is made up for in a burst.
            now = time.monotonic()
            due = max((now if client.rests else due) + client.pause(group.interval), now)
        client.close()
