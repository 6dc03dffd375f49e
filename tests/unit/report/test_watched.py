"""The screen of ``status --watch``: full but never too full, and gone without a trace afterwards."""

from __future__ import annotations

import io
import json
from dataclasses import replace

from rich.console import Console

from fleet.report.jsonl import JsonReport
from fleet.report.plan_text import Line
from fleet.report.watched import Lines, Picture, Records, Screen, Standing

WELL = Standing("web.app", "v1", "healthy", "none", tuple(f"web-{number}" for number in range(1, 201)))
SICK = Standing("web.app", "v2", "unhealthy", "1 restarts", ("web-7",))
TITLE = Line("test: 200 hosts, versions: v1", "title")
PICTURE = Picture("10:00:00", (WELL,), (TITLE,))
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"


def screen(height: int = 24) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    return Screen(Console(file=out, force_terminal=True, width=80, height=height, color_system=None)), out


def test_the_terminal_is_left_as_it_was_and_the_last_picture_stays() -> None:
    shown, out = screen()
    with shown:
        shown.show(PICTURE)
        shown.show(replace(PICTURE, at="10:00:02", standings=(SICK, WELL)))
    text = out.getvalue()
    assert text.count(ENTER) == text.count(LEAVE) == 1
    after = text.partition(LEAVE)[2]
    assert "\x1b[?25h" in text, "the cursor is there again"
    lines = [line.rstrip() for line in after.splitlines() if line.strip("\x1b[?25h ")]
    assert lines == [
        "service  version  health     drift       hosts",
        "web.app  v2       unhealthy  1 restarts  web-7",
        "web.app  v1       healthy    none        web-[1-200]",
        "test: 200 hosts, versions: v1",
        "10:00:02",
    ]


def test_what_does_not_fit_is_counted() -> None:
    shown, out = screen(height=10)
    many = tuple(replace(WELL, service=f"role{number}.app") for number in range(20))
    with shown:
        shown.show(replace(PICTURE, standings=many))
        seen = out.getvalue()
    assert "and 14 more rows" in seen
    assert "role6.app" not in seen
    assert "role19.app" in out.getvalue().partition(LEAVE)[2], "afterwards there is room for all"


def test_a_screen_without_a_picture_leaves_nothing() -> None:
    shown, out = screen()
    with shown:
        pass
    assert out.getvalue().partition(LEAVE)[2].strip("\x1b[?25h\n ") == ""


def test_without_a_terminal_only_changes_are_told() -> None:
    out = io.StringIO()
    trouble = Line("web-9: the connection was lost", "error")
    with Lines(Console(file=out, width=80)) as shown:
        shown.show(PICTURE)
        shown.show(replace(PICTURE, at="10:00:02"))
        shown.show(Picture("10:00:04", (SICK, WELL), (TITLE, trouble)))
        shown.show(Picture("10:00:06", (SICK, WELL), (TITLE, trouble)))
    assert out.getvalue().splitlines() == [
        "10:00:00 web.app v1 healthy: web-[1-200]",
        "10:00:04 web.app v2 unhealthy: web-7 (1 restarts)",
        "10:00:04 web-9: the connection was lost",
    ]


def test_for_machines() -> None:
    out = io.StringIO()
    with Records(JsonReport(out)) as shown:
        shown.show(Picture("10:00:00", (SICK,), (TITLE,)))
        shown.show(Picture("10:00:02", (SICK,), (TITLE,)))
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"event": "Standing", "at": "10:00:00", "service": "web.app", "version": "v2", "health": "unhealthy",
         "drift": "1 restarts", "hosts": ["web-7"]}
    ]  # fmt: skip


def test_a_host_cannot_steer_the_terminal() -> None:
    shown, out = screen()
    with shown:
        shown.show(replace(PICTURE, standings=(replace(SICK, version="v1\x1b[2J"),)))
    assert "\x1b[2Jv" not in out.getvalue()
    assert "v1\N{REPLACEMENT CHARACTER}[2J" in out.getvalue()
