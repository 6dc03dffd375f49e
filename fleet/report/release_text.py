"""One release in full: who made it, what became of it, and what it put on the hosts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from fleet.model.difference import difference
from fleet.model.jobs import Job
from fleet.model.releases import Entry, Outcome, Record, Release
from fleet.model.services import ContainerSpec, Service
from fleet.plan.compare import with_image_text
from fleet.report.names import fold
from fleet.report.plan_text import Line, gate_text
from fleet.report.releases_text import outcome_text, version_text
from fleet.report.times import took

NOTHING = ContainerSpec("", "")


def show_lines(record: Record, release: Release, running: str = "") -> Iterator[Line]:
    """``running``: the run that holds the lease, if any. Secrets are shown as references."""
    yield from _head(release, running)
    yield Line("")
    for index, entry in enumerate(release.entries):
        yield from _entry(entry, first=index == 0)
    for service, hosts in _alike(record):
        yield Line("")
        yield Line(f"{service.key} on {fold(hosts)}", "title")
        yield from _service(service)
    for job, hosts in _jobs(record).items():
        yield Line("")
        yield Line(f"job {job.key} on one of {fold(hosts)}, {job.at} the rollout of {job.role}", "title")
        yield from (Line(f"  {field}: {value}", hang=4) for field, value in _words(job))


def _head(release: Release, running: str) -> Iterator[Line]:
    head = release.head
    yield Line(f"release {head.number}: {version_text(release)}, {outcome_text(release, running)}", "title")
    yield Line(f"  {head.command} by {head.who} on {head.controller}, {_time(head.at)}")
    commit = f"commit {head.commit[:12]}" if head.commit else "no git commit"
    dirty = " with changes that were not committed" if head.dirty else ""
    yield Line(f"  {commit}{dirty}; Fleet {head.tool}; run {head.run}")
    roles = f", only {', '.join(head.roles)}" if head.roles else ""
    yield Line(f"  hosts: {fold(head.hosts)}{roles}")


def _entry(entry: Entry, *, first: bool) -> Iterator[Line]:
    if entry.job:
        what = "undone" if entry.job.undone else "ran"
        text = f"job {entry.job.key} {what} on {entry.job.host} in {took(entry.job.seconds)}"
        yield Line(f"  {_time(entry.at)}  {text}")
    if entry.outcome:
        after = f" after {took(entry.seconds)}" if entry.seconds else ""
        word = entry.outcome.value.replace("-", " ")
        word = "goes on" if entry.outcome is Outcome.RUNNING and not first else word
        yield Line(f"  {_time(entry.at)}  {word}{after}, {entry.who}")
    for text in entry.why.splitlines():
        yield Line(f"    {text}", "faint")
    if entry.failed:
        yield Line(f"    failed on {fold(entry.failed)}", "error")
    if entry.behind:
        yield Line(f"    left behind: {fold(entry.behind)}", "warning")


def _service(service: Service) -> Iterator[Line]:
    if service.release:
        yield Line(f"  as of {service.release}", "faint")
    for field, _, value in difference(NOTHING, with_image_text(service).container):
        yield Line(f"  {field}: {value}", hang=4)
    for secret in service.secrets:
        yield Line(f"  secrets.{secret.name}: {secret.content}", hang=4)
    for config in service.configs:
        for file in config.files:
            count = str(file.content).count("\n")
            yield Line(
                f"  {config.directory}/{file.name}: {count} {'line' if count == 1 else 'lines'}", hang=4
            )
    yield Line(f"  gate: {gate_text(service.gate)}", "faint", hang=4)


def _alike(record: Record) -> list[tuple[Service, list[str]]]:
    """Services that are the same on several hosts, once."""
    groups: dict[Service, list[str]] = {}
    for state in record.desired.hosts:
        for service in state.services:
            groups.setdefault(service, []).append(state.host)
    return sorted(groups.items(), key=lambda item: item[0].key)


def _jobs(record: Record) -> dict[Job, list[str]]:
    found: dict[Job, list[str]] = {}
    for state in record.desired.hosts:
        for job in state.jobs:
            found.setdefault(job, []).append(state.host)
    return found


def _words(job: Job) -> Iterator[tuple[str, str]]:
    for field, words in (("entrypoint", job.entrypoint), ("command", job.command), ("down", job.down)):
        if words:
            yield field, " ".join(words)


def _time(at: str) -> str:
    try:
        return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return at
