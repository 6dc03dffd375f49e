"""A state that is shown again and again: on a screen of its own, as lines when it changes, or as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Protocol, Self

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
    def __enter__(self) -> Self: ...

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

    def __enter__(self) -> Self:
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


class _Changes:
    """What has changed since the last picture; nothing has to be given back in the end."""

    _last: Picture | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held back."""

    def _news(self, picture: Picture) -> tuple[list[Standing], list[Line]]:
        last, self._last = self._last, picture
        standings, lines = (last.standings, last.lines) if last else ((), ())
        return (
            [one for one in picture.standings if one not in standings],
            [line for line in picture.lines if line not in lines],
        )


class Lines(_Changes):
    """Where there is no terminal: a line each."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, picture: Picture) -> None:
        standings, lines = self._news(picture)
        for one in standings:
            text = f"{one.service} {one.version} {one.health}: {fold(one.hosts)}"
            drift = f" ({one.drift})" if one.drift != "none" else ""
            self._print(f"{picture.at} {text}{drift}")
        for line in lines:
            # The title counts hosts and versions, which the lines above tell.
            if line.style in {"warning", "error"}:
                self._print(f"{picture.at} {line.text}")

    def _print(self, text: str) -> None:
        self._console.print(Text(text.translate(CONTROLS)), soft_wrap=True)


class Records(_Changes):
    """For machines: an object each."""

    def __init__(self, report: JsonReport) -> None:
        self._report = report

    def show(self, picture: Picture) -> None:
        for one in self._news(picture)[0]:
            self._report.record({"event": "Standing", "at": picture.at, **asdict(one)})


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
