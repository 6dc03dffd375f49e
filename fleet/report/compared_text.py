"""The new version against the old one, as figures: a table of at most 80 columns, and a line meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size

from fleet.report import events as ev
from fleet.report.plan_text import Line

COLUMNS = 80
CELL = 14
"""Columns that a version, a value or a limit may take."""
GAP = "  "
EVERY = 10
"""Seconds from one line to the next while the watch goes on."""


class Pace:
    """Lets a line through every ``EVERY`` seconds of each service's watch, and the end."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def due(self, event: ev.Compared) -> bool:
        if not event.seconds_left:
            self._told.pop(event.service, None)
            return True
        told = self._told.get(event.service, 0)
        # One that began anew, after an interrupted one, counts from its own beginning.
        if 0 <= event.seconds - told < EVERY:
            return False
        self._told[event.service] = event.seconds
        return event.seconds >= EVERY


def compared_lines(event: ev.Compared) -> Iterator[Line]:
    """The table when the watch is over, until then one line."""
    if event.seconds_left:
        yield Line(f"  {event.service} {versions(event)}, {event.seconds_left:.0f} s left: {so_far(event)}")
    else:
        yield from _table(event)


def versions(event: ev.Compared) -> str:
    return f"{event.new} against {event.old}" if event.old else event.new


def so_far(event: ev.Compared) -> str:
    """``requests 2,988 (3,012), errors 0.03 % (0.00 %)``: in brackets the old version's."""
    return ", ".join(
        f"{what} {new}{f' ({old})' if old else ''}{' !' if mark == 'no' else ''}"
        for what, old, new, _, mark in event.rows
        if new
    )


def _table(event: ev.Compared) -> Iterator[Line]:
    head = ("", event.old or "none", event.new, "limit", "")
    cells = [head, *event.rows]
    widths = [min(CELL, max(cell_len(row[column]) for row in cells)) for column in (1, 2, 3)]
    marks = max(cell_len(row[4]) for row in cells)
    room = COLUMNS - sum(widths) - marks - 4 * len(GAP)
    names = min(room, max(40, *(cell_len(row[0]) + len(GAP) for row in cells)))
    title = f"{event.service} {versions(event)} over {event.seconds:.0f} s"
    if cell_len(title) > names:
        yield Line(title, "title")
        title = ""
    yield Line(_row((title, *head[1:]), names, widths), "title", hang=0)
    for row in event.rows:
        text = _row((GAP + row[0], *row[1:]), names, widths)
        yield Line(text, "error" if row[4] == "no" else "plain", hang=0)


def _row(cells: Sequence[str], names: int, widths: Sequence[int]) -> str:
    what, *values, mark = cells
    columns = [_fit(what, names)]
    for value, width in zip(values, widths, strict=True):
        text = _fit(value, width).rstrip()
        columns.append(" " * (width - cell_len(text)) + text)
    return GAP.join([*columns, mark]).rstrip()


def _fit(text: str, width: int) -> str:
    """Exactly ``width`` columns wide; what is cut off ends in ``…``."""
    return set_cell_size(text, width) if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"
