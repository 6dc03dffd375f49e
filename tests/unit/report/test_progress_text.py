"""A step that takes long is told of now and then, and not with every word of it."""

from __future__ import annotations

import io

from rich.console import Console

from fleet.report import events as ev
from fleet.report.progress_text import EVERY, Seldom
from fleet.report.text import TextReport

STARTED = ev.StepStarted("db-2", "db-2/copy:data", "copy volume data from db-1")
PROGRESS = ev.Progress("db-2", "db-2/copy:data", 1_200_000_000, 21_000_000_000, 115_000_000, 172)
LINE = "copy volume data from db-1: ░░░░░░░░ 2m 52s left, 115.0 MB/s, 1.2 of 21.0 GB"


def test_a_line_after_a_while_and_then_not_for_a_while() -> None:
    now = 0.0
    seldom = Seldom(lambda: now)
    assert seldom.line(PROGRESS) == "", "of a step that nobody has begun"
    seldom.see(STARTED)
    told = []
    for second in range(100):
        now = float(second)
        told.append(seldom.line(PROGRESS))
    assert [second for second, line in enumerate(told) if line] == [EVERY, 2 * EVERY, 3 * EVERY]
    assert told[30] == LINE
    seldom.see(ev.StepFinished("db-2", "db-2/copy:data", "copy volume data", 100))
    now = 1000.0
    assert seldom.line(PROGRESS) == ""


def test_where_there_is_no_terminal_it_is_a_line() -> None:
    out, now = io.StringIO(), 0.0
    report = TextReport(Console(file=out, width=60), Console(file=io.StringIO()))
    report._seldom = Seldom(lambda: now)
    report(STARTED)
    report(PROGRESS)
    assert out.getvalue() == ""
    now = 1000.0
    report(PROGRESS)
    report(PROGRESS)
    assert out.getvalue() == f"db-2     … {LINE}\n"
