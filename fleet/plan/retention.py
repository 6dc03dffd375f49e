"""Which releases of an environment are kept, and what they need on which host."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from fleet.model.images import ImageRef
from fleet.model.releases import Outcome, Record, Release, current

Things = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Retention:
    """``releases``: those that are kept, from the oldest to the newest, with all that came after the
    oldest. ``keep``: as many of every other environment stay, whatever became of them: their ledgers
    cannot be asked here.

    ``services`` are (host, role, service); ``images`` (host, ``name@digest``); ``directories`` (host,
    path). ``unfinished``: versions of releases that were not carried to a good end since the last good
    one; going on with one of them, the run takes up its jobs.
    """

    project: str
    env: str
    keep: int
    releases: tuple[Release, ...]
    services: frozenset[tuple[str, str, str]]
    images: Things = frozenset()
    directories: Things = frozenset()
    unfinished: frozenset[str] = frozenset()

    @property
    def oldest(self) -> int:
        return self.releases[0].number

    @property
    def newest(self) -> int:
        return self.releases[-1].number


def kept(releases: Iterable[Release], keep: int) -> tuple[Release, ...]:
    """The ``keep`` newest good releases, what came after the oldest of them, and what the environment is
    at. None when nothing good is known: then nothing can be told to be over."""
    known = tuple(releases)
    good = [one.number for one in known if one.outcome is Outcome.GOOD][-keep:]
    if not good:
        return ()
    at = current(known)
    oldest = min(good[0], at.number if at else good[0])
    return tuple(one for one in known if one.number >= oldest)


def retention(
    project: str, env: str, keep: int, releases: tuple[Release, ...], records: Collection[Record]
) -> Retention:
    """``releases`` as :func:`kept` gives them, with at least one; ``records`` are theirs."""
    places = [
        (state.host, service)
        for record in records
        for state in record.desired.hosts
        for service in state.services
    ]
    good = max(one.number for one in releases if one.outcome is Outcome.GOOD)
    return Retention(
        project,
        env,
        keep,
        releases,
        frozenset((host, service.role, service.name) for host, service in places),
        frozenset((host, pinned) for host, service in places if (pinned := _pinned(service.container.image))),
        frozenset((host, config.directory) for host, service in places for config in service.configs),
        frozenset(one.head.version for one in releases if one.number > good),
    )


def _pinned(image: str) -> str:
    ref = ImageRef.parse(image)
    return ref.pinned(ref.digest) if ref.digest else ""
