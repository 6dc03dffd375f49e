"""The live view: finished steps scroll by as lines, what runs now stands below them as a table."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fleet.report import events as ev
from fleet.report.compared_text import so_far, versions
from fleet.report.progress_text import progress
from fleet.report.text import TextReport

REFRESH = 8


@dataclass(frozen=True, slots=True)
class Running:
    """One running step: what it does, since when, and its latest word."""

    host: str
    text: str
    since: float
    latest: str = ""


@dataclass(slots=True)
class Board:
    """What is known at one instant; a reader of events without any output of its own."""

    stage: str = ""
    hosts: int = 0
    done: set[str] = field(default_factory=set)
    batch: str = ""
    running: dict[str, Running] = field(default_factory=dict)

    def see(self, event: ev.Event, now: float) -> None:
        match event:
            case ev.StageStarted(title, number, of, hosts):
                self.stage, self.hosts, self.batch = f"[{number}/{of}] {title}", len(hosts), ""
                self.done = set()
                # A watch that was interrupted tells of no end.
                self.running = {key: one for key, one in self.running.items() if not key.startswith("watch ")}
            case ev.BatchStarted(_, number, of, _) if of > 1:
                self.batch = f"batch {number}/{of}"
            case ev.BatchFinished():
                self.batch = ""
            case ev.StepStarted(host, step, text):
                self.running[step] = Running(host, text, now)
                self.done.discard(host)
            case ev.Progress(_, step, done, total, rate, left) if step in self.running:
                self.running[step] = replace(self.running[step], latest=progress(done, total, rate, left))
            case ev.Waiting(_, step, need) if step in self.running:
                self.running[step] = replace(self.running[step], latest=need)
            case ev.Compared(service, seconds=seconds, seconds_left=left):
                self.running.pop(f"watch {service}", None)
                if left:
                    text = f"{versions(event)}, {left:.0f} s left"
                    self.running[f"watch {service}"] = Running(service, text, now - seconds, so_far(event))
            case ev.StepFinished(host, step) | ev.StepFailed(host, step):
                self.running.pop(step, None)
                self.done.add(host)
            case _:
                return

    def render(self, now: float, width: int, rows: int) -> RenderableType:
        if not self.stage:
            return Text("")
        head = f"{self.stage} · {len(self.done)} of {self.hosts} hosts"
        shown = list(self.running.values())
        # What is told of its progress needs the room.
        told = any(one.latest for one in shown[:rows])
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, style="bold")
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=width // 3 if told else width // 2)
        table.add_column(no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
        table.add_column(no_wrap=True, justify="right", style="dim")
        for one in shown[:rows]:
            table.add_row(
                one.host, one.text, Text.from_ansi(one.latest.replace("\r", " ")), f"{now - one.since:.0f}s"
            )
        if len(shown) > rows:
            table.add_row("", f"and {len(shown) - rows} more", "", "")
        return Group(Text(f"{head}{f' · {self.batch}' if self.batch else ''}", "bold cyan"), table)


class LiveReport(TextReport):
    """For a terminal: the plain report's lines, and below them the board."""

    def __init__(self, out: Console, err: Console) -> None:
        super().__init__(out, err)
        self._board = Board()
        self._board_lock = threading.Lock()
        self._live = Live(
            console=out, get_renderable=self._render, refresh_per_second=REFRESH, transient=True
        )
        self._started = False

    def __call__(self, event: ev.Event) -> None:
        with self._board_lock:
            self._board.see(event, time.monotonic())
        if isinstance(event, ev.StageStarted) and not self._started:
            self._started = True
            self._live.start()
        if isinstance(event, ev.RunFinished):
            self.close()
        told = isinstance(event, ev.Progress) or (isinstance(event, ev.Compared) and event.seconds_left)
        if told and self._started:
            # It stands on the board.
            return
        super().__call__(event)

    def _render(self) -> RenderableType:
        with self._board_lock:
            return self._board.render(time.monotonic(), self.out.width, max(3, min(12, self.out.height // 2)))

    def close(self) -> None:
        if self._started:
            self._live.stop()
            self._started = False
