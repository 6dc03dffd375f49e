"""What the ledger remembers: releases, what became of them, and which jobs ran.

A release is a head and a record, both written once, and entries that are added: nothing is overwritten.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fleet.model.desired import Desired
from fleet.model.volumes import Home


class Outcome(enum.StrEnum):
    """What became of a release. ``TRIAL``: it runs beside the one before, until it is promoted or aborted.
    ``SUPERSEDED``: its run was cut off, and a later one began."""

    RUNNING = "running"
    TRIAL = "on-trial"
    GOOD = "good"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class JobRun:
    """A once-per-release job that ended well. ``digest`` of image and command; ``undone``: its ``down`` ran.

    ``seconds`` it took; ``output`` its last lines, secrets masked.
    """

    key: str
    digest: str
    host: str
    seconds: float = 0
    output: str = ""
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a release. ``outcome`` is what it was from then on; None: no change.

    ``at`` is UTC in ISO 8601, by the clock of the controller that wrote it; ``seconds`` the run took.
    ``hosts`` are those of its run, none when it ended before anything was changed; ``failed`` those on which
    it failed, ``behind`` those that have not got the release.
    """

    at: str
    run: str
    who: str
    outcome: Outcome | None = None
    seconds: float = 0
    why: str = ""
    hosts: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    job: JobRun | None = None
    drained: Mapping[str, str] | None = None
    """Hosts that the operator keeps out of traffic from then on, each with why; None: no change."""
    volumes: Mapping[str, tuple[Home, ...]] | None = None
    """Where the data of each named volume lives from then on; None: no change."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the history shows of a release without reading its record.

    ``number`` counts from 1 within the environment. ``command`` is deploy or rollback; ``of`` the number
    of the release that a rollback returns to. ``hosts`` are those of the run, ``roles`` those it was
    limited to (empty: all), ``limited``: on a part of hosts or roles. ``commits`` are those, besides
    ``commit``, that what was carried over comes from. ``tool`` is the version of Fleet, ``ledger`` the host
    that keeps the ledger.
    """

    number: int
    env: str
    version: str
    at: str
    who: str
    controller: str
    run: str
    command: str = "deploy"
    of: int = 0
    commit: str = ""
    dirty: bool = False
    tool: str = ""
    hosts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    ledger: str = ""
    limited: bool = False
    commits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """All that is needed to bring a release back.

    ``desired`` is the whole environment as it is to be from this release on: images by digest, secrets
    as references, configuration rendered. ``sources`` are the files of each role, by ``role/path``, to
    render hosts that were added later. ``marks``: host → secret reference → fingerprint at that time.
    """

    head: Head
    desired: Desired
    sources: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Release:
    """A release in the history: its head, and its entries from the oldest to the newest."""

    head: Head
    entries: tuple[Entry, ...] = ()

    @property
    def number(self) -> int:
        return self.head.number

    @property
    def outcome(self) -> Outcome:
        told = [entry.outcome for entry in self.entries if entry.outcome]
        return told[-1] if told else Outcome.RUNNING

    @property
    def last(self) -> Entry | None:
        """The newest entry that tells an outcome."""
        return next((entry for entry in reversed(self.entries) if entry.outcome), None)

    @property
    def unbegun(self) -> bool:
        """It ended before anything was changed: the hosts know nothing of it."""
        last = self.last
        return self.outcome is Outcome.FAILED and last is not None and not last.hosts

    @property
    def tried(self) -> bool:
        """It is on trial, or was until something that was to end that did not succeed."""
        was = any(entry.outcome is Outcome.TRIAL for entry in self.entries)
        return was and self.outcome in {Outcome.TRIAL, Outcome.RUNNING, Outcome.FAILED}

    @property
    def seconds(self) -> float:
        """Of all its runs that ended."""
        return sum(entry.seconds for entry in self.entries)


def jobs_done(releases: Iterable[Release]) -> dict[str, JobRun]:
    """What each job (``role.name``) did last, over the whole history."""
    done: dict[str, JobRun] = {}
    for release in releases:
        for entry in release.entries:
            if entry.job:
                done[entry.job.key] = entry.job
    return done


def current(releases: Iterable[Release]) -> Release | None:
    """What the environment is at: the newest release that was begun, and neither taken back nor given up."""
    over = {Outcome.ROLLED_BACK, Outcome.SUPERSEDED}
    known = reversed(tuple(releases))
    return next((one for one in known if one.outcome not in over and not one.unbegun), None)


def drained(releases: Iterable[Release]) -> Mapping[str, str]:
    """Hosts that the operator keeps out of traffic → why."""
    told = [entry.drained for one in releases for entry in one.entries if entry.drained is not None]
    return told[-1] if told else {}


def homes(releases: Iterable[Release]) -> Mapping[str, tuple[Home, ...]]:
    """Named volume → where its data lives."""
    told = [entry.volumes for one in releases for entry in one.entries if entry.volumes is not None]
    return told[-1] if told else {}


def heard(releases: Iterable[Release]) -> frozenset[str]:
    """Hosts that have been in a run since it is told where data lives."""
    entries = [entry for one in releases for entry in one.entries]
    since = next((number for number, entry in enumerate(entries) if entry.volumes), len(entries))
    return frozenset(host for entry in entries[since:] for host in entry.hosts)


def left_behind(releases: Iterable[Release]) -> dict[str, int]:
    """Hosts that a run left behind and no later run has brought up → the number of that release."""
    behind: dict[str, int] = {}
    for release in releases:
        for entry in release.entries:
            for host in entry.hosts:
                behind.pop(host, None)
            behind |= dict.fromkeys(entry.behind, release.number)
    return behind
