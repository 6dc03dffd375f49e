"""Load on a fleet while a test changes it: every kind of client, nothing tried again."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.aim import own
from fleet.rehearsal.traffic import load
from fleet.rehearsal.traffic.clients import Idle, Kept, New
from fleet.rehearsal.traffic.crowd import Group

PAGES = (Group(Kept, 6, 0.15), Group(New, 6, 0.15), Group(Idle, 2, 6.0))
"""80 requests a second for one page; any server has that."""


class Load(load.Load):
    """On a host of this machine, and nowhere else. The tally says what was lost:
    ``assert not load.tally.failures``."""

    def __init__(self, url: str, groups: Sequence[Group] = PAGES) -> None:
        super().__init__(own(url), groups)


def start(url: str, groups: Sequence[Group] = PAGES) -> load.Load:
    """Load from now on, until its ``stop``."""
    return Load(url, groups).start()
