"""JSON lines: one parseable line per event, whatever is in it."""

from __future__ import annotations

import io
import json
import threading

import pytest

from fleet.report import events as ev
from fleet.report.jsonl import JsonReport
from fleet.report.plan_text import Line
from tests.unit.report.samples import TYPES, fill

NASTY = 'two\nlines, "quotes" \\ ☃ \u2028 \x1b[31m'


@pytest.mark.parametrize("kind", TYPES)
def test_every_event_is_one_line_with_all_that_it_holds(kind: type) -> None:
    out = io.StringIO()
    event = fill(kind, lambda name: f"{name} {NASTY}")
    JsonReport(out)(event)
    assert out.getvalue().count("\n") == 1
    record = json.loads(out.getvalue())
    assert record.pop("event") == kind.__name__
    assert record == json.loads(json.dumps({key: getattr(event, key) for key in record}))
    assert set(record) == set(kind.__slots__)  # type: ignore[attr-defined]


def test_prose_and_tables_are_for_people() -> None:
    out = io.StringIO()
    report = JsonReport(out)
    report.line(Line("prose"))
    report.table(("a",), [("b",)])
    assert out.getvalue() == ""


def test_errors_are_lines_too() -> None:
    out = io.StringIO()
    JsonReport(out).error("it went wrong\nbadly")
    assert json.loads(out.getvalue()) == {"event": "Error", "text": "it went wrong\nbadly"}


def test_lines_of_many_threads_do_not_mix() -> None:
    out = io.StringIO()
    report = JsonReport(out)
    threads = [
        threading.Thread(target=lambda: [report(ev.Note("x" * 200)) for _ in range(100)]) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([json.loads(line) for line in out.getvalue().splitlines()]) == 600
