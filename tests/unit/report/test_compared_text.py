"""The table of a watch, and the lines while it goes on."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from fleet.report import events as ev
from fleet.report.compared_text import compared_lines
from fleet.report.live import Board
from tests.unit.report.test_text import Screen

ROWS: tuple[ev.Row, ...] = (
    ("requests", "3,012", "2,988", "≥100", ""),
    ("errors", "0.00 %", "3.03 %", "≤1.00 %", "no"),
    ("response time", "12 ms", "13 ms", "≤18 ms", "ok"),
    ("queue", "", "7", "≤100", "ok"),
)
ENDED = ev.Compared("shop.app", "v41", "v42", 60.0, 0.0, ROWS)
GOING = replace(ENDED, seconds=20.0, seconds_left=40.0)
TABLE = [
    "shop.app v42 against v41 over 60 s           v41     v42    limit",
    "  requests                                 3,012   2,988     ≥100",
    "  errors                                  0.00 %  3.03 %  ≤1.00 %  no",
    "  response time                            12 ms   13 ms   ≤18 ms  ok",
    "  queue                                                7     ≤100  ok",
]
LINE = (
    "  shop.app v42 against v41, 40 s left: "
    "requests 2,988 (3,012), errors 3.03 % (0.00 %) !, response time 13 ms (12 ms), queue 7"
)


def test_the_table() -> None:
    for terminal in (False, True):
        assert Screen(terminal=terminal).tell(ENDED) == TABLE


def test_a_first_version_has_nothing_beside_it() -> None:
    head, *_ = compared_lines(replace(ENDED, old="", rows=(("requests", "0", "12", "≥100", "no"),)))
    assert head.text == "shop.app v42 over 60 s                    none  v42  limit"


def test_a_line_while_it_goes_on() -> None:
    assert Screen().tell(GOING) == [LINE]


def test_at_most_one_line_in_ten_seconds_of_each_service() -> None:
    def at(seconds: float, service: str = "shop.app") -> ev.Compared:
        return replace(ENDED, service=service, seconds=seconds, seconds_left=60 - seconds)

    screen = Screen()
    lines = screen.tell(*(at(float(second)) for second in range(0, 60, 2)))
    assert [line.split(":")[0].split(", ")[1] for line in lines] == [
        "50 s left", "40 s left", "30 s left", "20 s left", "10 s left",
    ]  # fmt: skip
    # Another service, and one that begins anew, have their own.
    assert len(screen.tell(at(10, "shop.queue"))) == 6
    assert len(screen.tell(at(2), at(4), at(10))) == 6
    assert len(screen.tell(at(12))) == 7


def test_a_live_board_shows_it_until_it_is_over() -> None:
    def shown(board: Board) -> str:
        console = Console(width=120, color_system=None, _environ={})
        with console.capture() as captured:
            console.print(board.render(120.0, 120, 5))
        return captured.get()

    board = Board()
    board.see(ev.StageStarted("shop.app", 1, 1, ("web-1",)), 100.0)
    board.see(GOING, 120.0)
    assert "shop.app v42 against v41, 40 s left" in shown(board)
    assert "requests 2,988 (3,012)" in shown(board)
    assert "20s" in shown(board)
    board.see(ENDED, 160.0)
    assert "v42" not in shown(board)
    # Nobody tells of the end of a watch that was interrupted.
    board.see(GOING, 170.0)
    board.see(ev.StageStarted("back", 1, 1, ("web-1",)), 171.0)
    assert "v42" not in shown(board)


def test_machines_get_every_row() -> None:
    told = json.loads(json.dumps(ev.as_dict(GOING)))
    assert told["event"] == "Compared"
    assert told["rows"][1] == ["errors", "0.00 %", "3.03 %", "≤1.00 %", "no"]


TEXT = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=100)


@given(TEXT, TEXT, TEXT, st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT, st.sampled_from(["", "ok", "no"]))))
def test_the_table_fits_on_a_terminal(service: str, old: str, new: str, rows: list[ev.Row]) -> None:
    event = ev.Compared(service, old, new, 600.0, 0.0, tuple(rows))
    title, *lines = [line.text for line in compared_lines(event)]
    assert len(lines) >= len(rows)
    # The title alone may go on under its own beginning.
    assert all(cell_len(line) <= 80 for line in lines)
    assert cell_len(title) <= 80 or title.startswith(f"{service} ")
