"""Once-per-release jobs on the way back: which of them are undone, and which would be needed again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from fleet.model.jobs import Undo
from fleet.model.releases import JobRun, Record, Release
from fleet.plan.tree import Finding


def undo(later: Sequence[Record], releases: Iterable[Release], hosts: Collection[str]) -> tuple[Undo, ...]:
    """What the jobs of ``later`` releases (the newest first) did and is not undone yet, the newest first.

    ``releases``: the whole history. Each is undone on the host that it ran on, if that is among ``hosts``,
    else on the first of them that has the job.
    """
    history = {one.number: one for one in releases}
    done = _standing(history.values())
    found: list[Undo] = []
    for record in later:
        release = history.get(record.head.number)
        for run in reversed(_runs(release) if release else ()):
            # One that ran again after it was undone is to be undone once, where it ran last.
            if (run.key, run.digest) in done:
                del done[run.key, run.digest]
                found += _undo(record, run, hosts)
    return tuple(found)


def undone(record: Record, releases: Iterable[Release]) -> Iterator[Finding]:
    """Jobs that the release rests on and a rollback has undone since: going there does not run them."""
    history = tuple(releases)
    done = _standing(history)
    rests_on = _standing(one for one in history if one.number <= record.head.number)
    for key, digest in rests_on:
        if (key, digest) not in done:
            what = f"job {key} of release {record.head.number} was undone since, and does not run again here"
            yield Finding(False, what, f"inv deploy --version {record.head.version} runs it")


def _standing(releases: Iterable[Release]) -> dict[tuple[str, str], None]:
    """Key and digest of each job that ran and was not undone."""
    found: dict[tuple[str, str], None] = {}
    for run in (entry.job for one in releases for entry in one.entries if entry.job):
        found.pop((run.key, run.digest), None)
        if not run.undone:
            found[run.key, run.digest] = None
    return found


def _runs(release: Release) -> tuple[JobRun, ...]:
    return tuple(entry.job for entry in release.entries if entry.job and not entry.job.undone)


def _undo(record: Record, run: JobRun, hosts: Collection[str]) -> Iterator[Undo]:
    states = sorted(record.desired.hosts, key=lambda state: state.host != run.host)
    for state in (one for one in states if one.host in hosts):
        services = {service.key: service for service in state.services}
        for job in state.jobs:
            service = services.get(f"{job.role}.{job.service}")
            if job.key == run.key and service:
                yield Undo(state.host, job, service, record.head.number, record.head.version)
                return
