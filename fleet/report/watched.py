"""A state that is shown again and again: on a screen of its own, as lines when it changes, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fleet.report.jsonl import JsonReport
from fleet.report.names import fold
from fleet.report.plan_text import Line
from fleet.report.text import CONTROLS, STYLES, TONES

COLUMNS = ("service", "version", "health", "drift", "hosts")


@dataclass(frozen=True, slots=True)
class Standing:
    """Hosts on which a service stands the same."""

    service: str
    version: str
    health: str
    drift: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """``at``: the time of day."""

    at: str
    standings: tuple[Standing, ...]
    lines: tuple[Line, ...]


class Watched(Protocol):
    def __enter__(self) -> Watched: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, picture: Picture) -> None: ...


class Screen:
    """For a terminal: it is left as it was, with the last picture as ordinary lines."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop")
        self._last: Picture | None = None

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if self._last:
            self._console.print(_picture(self._last, len(self._last.standings)))

    def show(self, picture: Picture) -> None:
        self._last = picture
        room = self._console.height - len(picture.lines) - 3
        self._live.update(_picture(picture, max(3, room), "^C ends it"), refresh=True)


class Lines:
    """Where there is no terminal: what has changed since the last picture, a line each."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: Picture | None = None

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held back."""

    def show(self, picture: Picture) -> None:
        for one in _news(picture, self._last):
            text = f"{one.service} {one.version} {one.health}: {fold(one.hosts)}"
            drift = f" ({one.drift})" if one.drift != "none" else ""
            self._print(f"{picture.at} {text}{drift}")
        before = self._last.lines if self._last else ()
        for line in picture.lines:
            # Its title counts hosts and versions, which the lines above tell.
            if line not in before and line.style in {"warning", "error"}:
                self._print(f"{picture.at} {line.text}")
        self._last = picture

    def _print(self, text: str) -> None:
        self._console.print(Text(text.translate(CONTROLS)), soft_wrap=True)


class Records:
    """For machines: what has changed, an object each."""

    def __init__(self, report: JsonReport) -> None:
        self._report = report
        self._last: Picture | None = None

    def __enter__(self) -> Records:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held back."""

    def show(self, picture: Picture) -> None:
        for one in _news(picture, self._last):
            self._report.record({"event": "Standing", "at": picture.at, **asdict(one)})
        self._last = picture


def _news(picture: Picture, last: Picture | None) -> Iterable[Standing]:
    before = last.standings if last else ()
    return (one for one in picture.standings if one not in before)


def _picture(picture: Picture, rows: int, foot: str = "") -> Group:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for column in COLUMNS:
        last = column == COLUMNS[-1]
        table.add_column(column, no_wrap=not last, overflow="fold" if last else "ellipsis")
    for one in picture.standings[:rows]:
        cells = (one.service, one.version, one.health, one.drift, fold(one.hosts))
        table.add_row(*(Text(cell.translate(CONTROLS), TONES.get(cell, "")) for cell in cells))
    more = len(picture.standings) - rows
    notes = [Text(f"and {more} more rows", "dim")] if more > 0 else []
    notes += [Text(line.text.translate(CONTROLS), STYLES[line.style]) for line in picture.lines]
    notes += [Text(f"{picture.at}  {foot}".rstrip(), "dim")]
    return Group(table, *notes)
