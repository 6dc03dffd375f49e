"""The history of an environment, and the difference between two releases, as an operator reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from fleet.model.releases import Outcome, Record, Release
from fleet.plan.compare import Change
from fleet.report.names import fold
from fleet.report.plan_text import Line
from fleet.report.times import ago, took

COLUMNS = ("#", "version", "when", "who", "outcome", "took", "hosts")
HOSTS_WIDTH = 20


def releases_table(
    releases: Iterable[Release], now: datetime, running: str = ""
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows, the newest release first. ``running``: the run that holds the lease, if any."""
    rows = [_row(release, now, running) for release in releases]
    return COLUMNS, rows[::-1]


def outcome_text(release: Release, running: str = "") -> str:
    """``good``, ``failed``, …; ``cut off`` of one whose run ended without a word."""
    if release.outcome is not Outcome.RUNNING:
        return release.outcome.value.replace("-", " ")
    run = release.entries[-1].run if release.entries else release.head.run
    return "running" if run == running else "cut off"


def version_text(release: Release) -> str:
    """``v41``, or ``v41 (rollback to 5)``."""
    head = release.head
    return f"{head.version} (rollback to {head.of})" if head.of else head.version


def compare_lines(old: Record, new: Record, changes: Sequence[Change]) -> Iterator[Line]:
    """By subject: ``web.app on web-[1-3]``, and below it what differs."""
    yield Line(f"{named(old)} → {named(new)}", "title")
    if not changes:
        yield Line("no difference")
    yield from change_lines(changes)


def change_lines(changes: Iterable[Change]) -> Iterator[Line]:
    """By subject and hosts, an empty line before each."""
    subject, hosts = "", ""
    for change in changes:
        here = fold(change.hosts)
        if (change.subject, here) != (subject, hosts):
            subject, hosts = change.subject, here
            yield Line("")
            yield Line(f"{subject} on {hosts}" if hosts else subject, "title")
        yield from _change(change)


def _row(release: Release, now: datetime, running: str) -> tuple[str, ...]:
    head = release.head
    return (
        str(head.number),
        version_text(release),
        ago(head.at, now),
        head.who,
        outcome_text(release, running),
        took(release.seconds),
        _hosts(head.hosts),
    )


def _hosts(names: Sequence[str]) -> str:
    """Their names while they fit beside the rest on 80 columns."""
    folded = fold(names)
    return folded if len(folded) <= HOSTS_WIDTH else f"{len(names)} hosts"


def named(record: Record) -> str:
    """``v41 (release 5)``."""
    return f"{record.head.version} (release {record.head.number})"


def _change(change: Change) -> Iterator[Line]:
    mark, style = _sign(change)
    values = " → ".join(filter(None, (change.old, change.new)))
    if change.what and change.old and not change.new:
        values = f"was {change.old}"
    what = ": ".join(filter(None, (change.what, values)))
    yield Line(f"  {mark} {what}", style, hang=4)
    for line in change.lines:
        yield Line(f"      {line}", {"+": "add", "-": "remove"}.get(line[:1], "faint"))


def _sign(change: Change) -> tuple[str, str]:
    if (change.old and change.new) or change.lines:
        return "~", "change"
    if change.new:
        return "+", "add"
    return ("-", "remove") if change.old else ("~", "change")
