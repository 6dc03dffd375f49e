"""The report of a rehearsal with a fault, as an operator reads it."""

from __future__ import annotations

import dataclasses
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Any

from fleet.rehearsal.faults.fault import Fault
from fleet.rehearsal.faults.story import Ended, Entry, Seen, Story
from fleet.rehearsal.traffic.tally import Failure

WIDTH = 80
LABEL = 10
BUSY = 4.0
"""Processes for each core, from which on what is late may be late for that alone."""


def entry_line(entry: Entry) -> str:
    """One line of the story, as soon as it is known."""
    head = f"{entry.second:6.1f} s  {entry.who:<8} "
    return _wrapped(head, entry.text)


def report_lines(fault: Fault, story: Story, broken: tuple[str, ...]) -> Iterator[str]:
    """After the story: what it comes to."""
    yield f"{story.fault}: {fault.title}"
    yield _row("promised", fault.promise.text)
    yield _row("fault", _times(story))
    yield _row("deploy", _ended(story.first))
    yield _row("the next", _ended(story.second))
    yield _row("requests", f"{story.requests} asked, {len(story.lost)} lost")
    for line in _lost(story.lost):
        yield _row("", line)
    one = story.state.orders
    yield _row(
        "orders",
        f"{one.acknowledged} acknowledged, {one.missing} missing, {one.twice} twice; {one.extra} unanswered",
    )
    for number, host in enumerate(story.state.hosts):
        yield _row("" if number else "hosts", _host(host, story.state.balancers))
    if story.load > BUSY:
        busy = f"{story.load:g} processes for each core: what was late or lost may be so for that alone"
        yield _row("machine", busy)
    if not broken:
        yield _row("verdict", "kept: Fleet did what it promised")
        yield _row("in earnest", fault.advice)
    for number, text in enumerate(broken):
        yield _row("" if number else "verdict", text if number else f"NOT KEPT: {text}")
    if broken:
        yield _row("next", "read what the runs have told in .fleet/runs/; inv rehearse puts the fleet right")


def record(fault: Fault, story: Story, broken: tuple[str, ...]) -> dict[str, Any]:
    """The same as one value for machines."""
    return {
        "event": "Rehearsed",
        **dataclasses.asdict(story),
        "title": fault.title,
        "promised": fault.promise.text,
        "kept": not broken,
        "broken": broken,
        "advice": fault.advice,
    }


def _times(story: Story) -> str:
    if not story.injected:
        return "never came"
    healed = f"healed at {story.healed.end:.1f} s" if story.healed else "not healed"
    return f"in force at {story.injected.end:.1f} s, {healed}"


def _ended(ended: Ended) -> str:
    quiet = "without a word" if ended.code else "nothing to do"
    return f"exit {ended.code} after {ended.seconds:.1f} s: {ended.outcome or quiet}"


def _lost(lost: tuple[Failure, ...]) -> Iterator[str]:
    for (kind, client), count in Counter((one.kind, one.client) for one in lost).most_common():
        asked = sorted(one.asked for one in lost if (one.kind, one.client) == (kind, client))
        times = f"{asked[0]:.1f} s" if asked[0] == asked[-1] else f"{asked[0]:.1f} to {asked[-1]:.1f} s"
        yield f"{count} × {kind} ({client}), asked at {times}"


def _host(host: Seen, balancers: int) -> str:
    runs = ", ".join(f"{name} {version}" for name, version in host.runs) or "nothing"
    traffic = "" if host.behind is None else f"; in {host.behind} of {balancers} balancers"
    lost = f"; LOST: {', '.join(host.lost)}" if host.lost else ""
    return f"{host.host:<9} {runs}{traffic}{lost}"


def _row(label: str, text: str) -> str:
    return _wrapped(f"  {label:<{LABEL}} ", text)


def _wrapped(head: str, text: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
