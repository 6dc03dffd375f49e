"""The live view: what runs now below, what has ended above, and nothing left over."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from fleet.report import events as ev
from fleet.report.live import Board, LiveReport
from fleet.report.progress_text import progress

STAGE = ev.StageStarted("web.app", 2, 3, ("a", "b", "c"))


def render(board: Board, now: float = 10, width: int = 80, rows: int = 5) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, _environ={})
    console.print(board.render(now, width, rows))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def board(*events: ev.Event, now: float = 3) -> Board:
    made = Board()
    for event in events:
        made.see(event, now)
    return made


def started(*hosts: str) -> list[ev.Event]:
    return [ev.StepStarted(host, f"{host}/x", f"replace web.app on {host}") for host in hosts]


def test_before_the_first_stage_there_is_nothing() -> None:
    assert render(board()) == [""]


def test_the_head_counts_hosts_and_names_the_batch() -> None:
    seen = board(STAGE, ev.BatchStarted("web.app", 2, 4, ("a", "b")), *started("a", "b"),
                 ev.StepFinished("a", "a/x", "replaced", 1))  # fmt: skip
    assert render(seen)[0] == "[2/3] web.app · 1 of 3 hosts · batch 2/4"


def test_a_running_step_has_its_host_its_latest_word_and_its_seconds() -> None:
    seen = board(STAGE, *started("a"), ev.Waiting("a", "a/x", "status 503"))
    row = render(seen)[1].split()
    assert row == ["a", "replace", "web.app", "on", "a", "status", "503", "7s"]


def test_a_pull_has_a_bar() -> None:
    seen = board(STAGE, *started("a"), ev.Progress("a", "a/x", 10_000_000, 40_000_000))
    assert "▓▓░░░░░░ 10.0 of 40.0 MB" in render(seen)[1]


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [
        (0, 40_000_000, "░░░░░░░░ 0.0 of 40.0 MB"),
        (40_000_000, 40_000_000, "▓▓▓▓▓▓▓▓ 40.0 of 40.0 MB"),
        (50_000_000, 40_000_000, "▓▓▓▓▓▓▓▓ 50.0 of 40.0 MB"),
        (1_500_000, 0, "1.5 MB"),
    ],
)
def test_progress(done: int, total: int, text: str) -> None:
    assert progress(done, total) == text


def test_progress_of_a_copy() -> None:
    assert progress(20_000_000, 40_000_000, 5_000_000, 4) == "▓▓▓▓░░░░ 4s left, 5.0 MB/s, 20.0 of 40.0 MB"
    assert progress(1_500_000, 0, 5_000_000) == "5.0 MB/s, 1.5 MB"
    seen = board(STAGE, *started("a"), ev.Progress("a", "a/x", 10_000_000, 40_000_000, 1_000_000, 90))
    assert seen.running["a/x"].latest == "▓▓░░░░░░ 1m 30s left, 1.0 MB/s, 10.0 of 40.0 MB"


def test_at_80_columns_a_copy_shows_how_long_and_how_fast() -> None:
    text = "copy volume shop-production-database_data from db-1, while it is used there"
    seen = board(STAGE, ev.StepStarted("db-2", "a/x", text))
    seen.see(ev.Progress("db-2", "a/x", 1_200_000_000, 21_000_000_000, 115_000_000, 172), 1.0)
    out = io.StringIO()
    Console(file=out, width=80).print(seen.render(100.0, 80, 5))
    line = next(line for line in out.getvalue().splitlines() if "db-2" in line)
    assert "2m 52s left, 115.0 MB/s, 1.2 of" in line


def test_no_more_rows_than_there_is_room_for() -> None:
    names = [f"web-{number:02}" for number in range(50)]
    lines = render(board(STAGE, *started(*names)), rows=4)
    assert len(lines) == 1 + 4 + 1
    assert lines[-1].strip() == "and 46 more"


def test_no_line_is_wider_than_the_terminal() -> None:
    seen = board(STAGE, *started("a"), ev.Waiting("a", "a/x", "need " * 50))
    seen.see(ev.StepStarted("b", "b/x", "text " * 50), 3)
    assert all(len(line) <= 60 for line in render(seen, width=60))


@pytest.mark.parametrize(
    "ending",
    [ev.StepFinished("a", "a/x", "replaced", 1), ev.StepFailed("a", "a/x", "replace", "no", "", "", 1)],
)
def test_what_has_ended_is_shown_no_more(ending: ev.Event) -> None:
    seen = board(STAGE, *started("a"), ending)
    assert render(seen) == ["[2/3] web.app · 1 of 3 hosts"]
    late = board(STAGE, *started("a"), ending, ev.Waiting("a", "a/x", "late"), ev.Progress("a", "a/x", 1, 2))
    assert render(late) == render(seen)


def test_a_new_stage_begins_anew() -> None:
    seen = board(STAGE, ev.BatchStarted("web.app", 1, 2, ("a",)), *started("a"),
                 ev.StepFinished("a", "a/x", "", 1), ev.StageStarted("db.db", 3, 3, ("d",)))  # fmt: skip
    assert render(seen) == ["[3/3] db.db · 0 of 1 hosts"]


def live() -> tuple[LiveReport, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True, color_system=None, highlight=False,
                      markup=False, legacy_windows=False, _environ={"TERM": "xterm"})  # fmt: skip
    return LiveReport(console, Console(file=io.StringIO())), out


def test_a_run_ends_with_its_lines_and_without_a_board() -> None:
    report, out = live()
    for event in (STAGE, *started("a"), ev.StepFinished("a", "a/x", "replaced", 1),
                  ev.RunFinished("done", True, 1)):  # fmt: skip
        report(event)
    text = out.getvalue()
    assert text.index("✓ replaced") < text.index("done (1.0 s)")
    after = text[text.index("done (1.0 s)") :]
    assert "of 3 hosts" not in after
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1, "the cursor is back"
    report.close()
    assert out.getvalue() == text


def test_a_run_that_breaks_off_gives_the_cursor_back() -> None:
    report, out = live()
    report(STAGE)
    report.close()
    assert out.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in out.getvalue()
    assert Text.from_ansi(out.getvalue()).plain


def test_without_a_stage_nothing_is_started() -> None:
    report, out = live()
    report(ev.Note("facts"))
    report.close()
    assert out.getvalue().split() == ["facts"]
