"""Plain lines: one per host and step, with a padded prefix; colour only on a terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fleet.report import events as ev
from fleet.report.compared_text import Pace, compared_lines
from fleet.report.names import fold
from fleet.report.plan_text import Line
from fleet.report.progress_text import Seldom

STYLES = {
    "plain": "",
    "title": "bold",
    "change": "yellow",
    "add": "green",
    "remove": "red",
    "faint": "dim",
    "warning": "yellow",
    "error": "bold red",
}

TONES = {"healthy": "green", "running": "green", "unhealthy": "bold red", "absent": "red", "none": "dim"}

# What a remote command prints must not move the operator's cursor or recolour the terminal.
CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), 127) if chr(code) not in "\t\n"}


class TextReport:
    """``out`` takes the report, ``err`` the errors. Safe to call from several threads."""

    def __init__(self, out: Console, err: Console) -> None:
        self.out = out
        self.err = err
        self._width = 8
        self._pace = Pace()
        self._seldom = Seldom()
        self._lock = threading.Lock()

    def __call__(self, event: ev.Event) -> None:
        with self._lock:
            self._seldom.see(event)
            for line in self.lines(event):
                self.line(line)

    def line(self, line: Line) -> None:
        """On a terminal a long line goes on under its own beginning; elsewhere it is never cut."""
        whole = line.text.translate(CONTROLS)
        if not self.out.is_terminal:
            self.out.print(Text(whole), soft_wrap=True)
            return
        text = whole.lstrip(" ")
        indent = len(whole) - len(text)
        hang = indent + line.hang
        # Colours of a remote program are shown; nothing else of it may steer the operator's terminal.
        body = Text.from_ansi(text.replace("\r", " "), style=STYLES[line.style])
        room = max(20, self.out.width - hang)
        first, *rest = body.wrap(self.out, room) or [body]
        self.out.print(Padding(first, (0, 0, 0, indent)))
        for part in rest:
            self.out.print(Padding(part, (0, 0, 0, hang)))

    def lines(self, event: ev.Event) -> Iterable[Line]:  # noqa: PLR0912 — one case per event
        match event:
            case ev.RunStarted(run, command, env, version, hosts, release):
                self._width = max(map(len, hosts), default=8)
                number = f"release {release} · " if release else ""
                where = f"{number}{_hosts(len(hosts))} · run {run}"
                at = f" at {version}" if version else ""
                yield Line(f"{command} {env}{at} · {where}", "title")
            case ev.Gathered(hosts, seconds):
                yield Line(f"facts of {_hosts(hosts)} in {seconds:.1f} s", "faint")
            case ev.Planned():
                return
            case ev.StageStarted(title, number, of, hosts):
                yield Line(f"[{number}/{of}] {title}: {fold(hosts)}", "title")
            case ev.BatchStarted(service, number, of, hosts) if of > 1:
                yield Line(f"  batch {number} of {of}: {fold(hosts)}", "faint")
            case ev.BatchFinished(service, number, of, failed, seconds) if failed:
                yield Line(f"  batch {number} of {of} of {service} failed on {fold(failed)}", "error")
            case ev.Delay(service, seconds):
                yield Line(f"  {seconds:g} s until the next batch", "faint")
            case ev.Compared() if self._pace.due(event):
                yield from compared_lines(event)
            case ev.StepFinished(host, _, text, seconds):
                yield self._step(host, "✓", f"{text} ({seconds:.1f} s)", "plain")
            case ev.StepFailed(host, _, text, what, why, hint, seconds):
                yield self._step(host, "✗", f"{text} ({seconds:.1f} s)", "error")
                yield self._step(host, " ", what, "error")
                for part in why.splitlines():
                    yield self._step(host, " ", f"  {part}", "plain")
                if hint:
                    yield self._step(host, " ", f"→ {hint}", "plain")
            case ev.Progress(host):
                if text := self._seldom.line(event):
                    yield self._step(host, "…", text, "faint")
            case ev.StepSkipped(host, _, text, why):
                yield self._step(host, "·", f"{text}: skipped, {why}", "faint")
            case ev.Command(host, text):
                for part in text.splitlines():
                    yield self._step(host, "$", part, "faint")
            case ev.CommandStarted() | ev.CommandEnded() | ev.Same() | ev.LogLine() | ev.Output():
                yield from self._by_hand(event)
            case ev.SameTest():
                yield from test_lines(event)
            case ev.Note(text, level):
                yield Line(text, {"info": "plain"}.get(level, level))
            case ev.RunFinished(outcome, ok, seconds, state, hint):
                yield Line(f"{outcome} ({seconds:.1f} s)", "title" if ok else "error")
                for part in state:
                    yield Line(f"  {part}")
                if hint:
                    yield Line(f"  → {hint}")
            case _:
                return

    def _by_hand(
        self, event: ev.CommandStarted | ev.CommandEnded | ev.Same | ev.LogLine | ev.Output
    ) -> Iterable[Line]:
        """What commands on hosts print, and their logs."""
        match event:
            case ev.CommandStarted(_, hosts):
                self._width = max(map(len, hosts), default=8)
            case ev.CommandEnded(host, ok, ending) if not ok:
                yield self._step(host, "✗", ending, "error")
            case ev.Same():
                yield from same_lines(event)
            case ev.LogLine(host, service, _, _, line):
                name = f"{host} {service}" if service else host
                self._width = max(self._width, len(name))
                yield self._step(name, "|", line, "plain")
            case ev.Output(host, stream, line):
                yield self._step(host, "|", line, "plain" if stream == "out" else "warning")

    def _step(self, host: str, mark: str, text: str, style: str) -> Line:
        return Line(f"{host:<{self._width}} {mark} {text}", style, hang=self._width + 3)

    def table(self, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
        """Columns as wide as they must be; the last takes what is left. No terminal: no cut."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(column, no_wrap=column != columns[-1], overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell, TONES.get(cell, "")) for cell in row))
        self.out.print(table)

    def record(self, record: dict[str, Any]) -> None:
        """Values are for machines."""

    def error(self, text: str) -> None:
        self.err.print(
            Text(f"error: {text}".translate(CONTROLS), "bold red" if self.err.is_terminal else ""),
            soft_wrap=True,
        )

    def close(self) -> None:
        """Nothing is held back."""


def same_lines(event: ev.Same) -> Iterable[Line]:
    how = "" if event.ok else f": {event.ending}"
    yield Line(f"{_hosts(len(event.hosts))}{how}: {fold(event.hosts)}", "title" if event.ok else "error")
    if event.differs:
        yield Line("  differs by", "faint")
        for line in event.differs:
            style = {"+": "add", "-": "remove", "@": "faint"}.get(line[:1], "plain")
            yield Line(f"  {line}", style, hang=1)
    else:
        yield from (Line(f"  {line}") for line in event.lines)


MARKS = {"passed": ("✓", "plain"), "failed": ("✗", "error"), "skipped": ("·", "faint")}


def test_lines(event: ev.SameTest) -> Iterable[Line]:
    mark, style = MARKS.get(event.outcome, ("?", "plain"))
    first, *rest = event.why.splitlines() or [""]
    yield Line(f"{mark} {event.role} {event.test}: {fold(event.hosts)}", style)
    if event.outcome == "failed":
        yield Line(f"    {event.at}: {first}", hang=2)
        yield from (Line(f"      {line}") for line in rest)
    elif first:
        yield Line(f"    {first}", "faint")


def _hosts(count: int) -> str:
    return f"{count} {'host' if count == 1 else 'hosts'}"
