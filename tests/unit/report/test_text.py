"""What an operator reads, on a terminal of 80 columns and in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from fleet.report import events as ev
from fleet.report.plan_text import Line
from fleet.report.text import TextReport
from tests.unit.report.samples import every

HOSTS = tuple(f"web-{number:02}" for number in range(1, 51))


class Screen:
    """A report and what it has written; colours taken away."""

    def __init__(self, *, terminal: bool = False, width: int = 80) -> None:
        self._out, self._err = io.StringIO(), io.StringIO()

        def console(file: io.StringIO) -> Console:
            return Console(
                file=file, width=width, force_terminal=terminal, highlight=False, markup=False,
                legacy_windows=False, color_system="standard" if terminal else None, _environ={},
            )  # fmt: skip

        self.report = TextReport(console(self._out), console(self._err))

    def tell(self, *events: ev.Event) -> list[str]:
        for event in events:
            self.report(event)
        return self.lines

    @property
    def raw(self) -> str:
        return self._out.getvalue()

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in Text.from_ansi(self.raw).plain.splitlines()]

    @property
    def errors(self) -> str:
        return self._err.getvalue()


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
def screen(request: pytest.FixtureRequest) -> Screen:
    return Screen(terminal=request.param)


STARTED = ev.RunStarted("r1", "deploy", "live", "v2", ("web-1", "database-1"))


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (STARTED, ["deploy live at v2 · 2 hosts · run r1"]),
        (ev.RunStarted("r1", "deploy", "live", "v2", ("a",)), ["deploy live at v2 · 1 host · run r1"]),
        (ev.RunStarted("r1", "prune", "live", "", ("a",)), ["prune live · 1 host · run r1"]),
        (ev.Gathered(50, 1.26), ["facts of 50 hosts in 1.3 s"]),
        (ev.Gathered(1, 1), ["facts of 1 host in 1.0 s"]),
        (ev.Planned(("line",)), []),
        (ev.StageStarted("pull images", 1, 3, HOSTS), ["[1/3] pull images: web-[01-50]"]),
        (ev.BatchStarted("web.app", 2, 3, ("a", "b")), ["  batch 2 of 3: a b"]),
        (ev.BatchStarted("web.app", 1, 1, ("a", "b")), []),
        (ev.BatchFinished("web.app", 2, 3, (), 1), []),
        (ev.BatchFinished("web.app", 2, 3, ("b",), 1), ["  batch 2 of 3 of web.app failed on b"]),
        (ev.Delay("web.app", 2.0), ["  2 s until the next batch"]),
        (ev.StepStarted("a", "a/x", "do it"), []),
        (ev.Progress("a", "a/x", 1, 2), []),
        (ev.Waiting("a", "a/x", "healthy"), []),
        (ev.StepFinished("a", "a/x", "done", 1.25), ["a          ✓ done (1.2 s)"]),
        (
            ev.StepFailed("a", "a/x", "do it", "it broke", "line 1\nline 2", "repair it", 1.0),
            ["a          ✗ do it (1.0 s)", "a            it broke", "a              line 1",
             "a              line 2", "a            → repair it"],
        ),
        (ev.StepFailed("a", "a/x", "do it", "it broke", "", "", 1.0),
         ["a          ✗ do it (1.0 s)", "a            it broke"]),
        (ev.StepSkipped("a", "a/x", "do it", "interrupted"), ["a          · do it: skipped, interrupted"]),
        (ev.Command("a", "sh -s\ntrue"), ["a          $ sh -s", "a          $ true"]),
        (ev.Output("a", "out", "[bold]x[/bold]"), ["a          | [bold]x[/bold]"]),
        (ev.Output("a", "err", ""), ["a          |"]),
        (ev.Note("careful", "warning"), ["careful"]),
        (ev.Note("by the way"), ["by the way"]),
        (
            ev.RunFinished("failed", False, 61.25, ("web.app  v2  a", "not known"), "look"),
            ["failed (61.2 s)", "  web.app  v2  a", "  not known", "  → look"],
        ),
        (ev.RunFinished("live is at v2", True, 1), ["live is at v2 (1.0 s)"]),
    ],
)  # fmt: skip
def test_lines(screen: Screen, event: ev.Event, lines: list[str]) -> None:
    screen.report(STARTED)
    before = len(screen.lines)
    assert screen.tell(event)[before:] == lines


def test_no_event_is_too_strange_to_be_told(screen: Screen) -> None:
    screen.tell(*every(lambda name: "error" if name == "level" else f"{name} ☃ [/red] \x1b[31m"))
    assert screen.lines


def test_a_remote_program_steers_nothing(screen: Screen) -> None:
    screen.tell(ev.Output("web-1", "out", "\x1b[2J\x1b]0;title\x07 50%\r100%\tend"))
    screen.report.error("\x1b[2J")
    shown = screen.raw + screen.errors
    assert not any(code in shown for code in ("\x1b[2J", "\x1b]0", "\x07", "\r"))
    assert screen.lines[0].startswith("web-1    | \N{REPLACEMENT CHARACTER}[2J")


def test_a_host_prefix_is_as_wide_as_the_longest_host(screen: Screen) -> None:
    _, one, two = screen.tell(
        STARTED, ev.StepFinished("web-1", "x", "done", 0), ev.StepFinished("database-1", "x", "done", 0)
    )
    assert one.index("✓") == two.index("✓") == len("database-1 ")


def test_a_pipe_gets_no_colour_and_no_cut() -> None:
    screen = Screen()
    text = " ".join(["word"] * 60)
    screen.tell(ev.StepFinished("web-1", "x", text, 0))
    assert screen.raw == f"web-1    ✓ {text} (0.0 s)\n"


def test_a_terminal_gets_colour_and_no_line_beyond_its_width() -> None:
    screen = Screen(terminal=True)
    screen.tell(
        ev.StepFailed("web-1", "x", "wörd " * 40, "what " * 40, "w" * 200, "hint " * 40, 0),
        ev.RunFinished("outcome " * 20, False, 1, ("state " * 30,), "hint " * 30),
    )
    assert "\x1b[1;31m" in screen.raw
    assert all(cell_len(line) <= 80 for line in screen.lines)


def test_what_does_not_fit_hangs_below_its_own_beginning() -> None:
    screen = Screen(terminal=True)
    first, *rest = screen.tell(STARTED, ev.StepFinished("web-1", "x", "word " * 40, 0))[1:]
    column = len("database-1 ✓ ")
    assert first[:column] == "web-1      ✓ "
    assert len(rest) >= 2
    assert all(line[:column] == " " * column and line[column] != " " for line in rest)
    assert "".join([first[column:], *rest]).replace(" ", "") == "word" * 40 + "(0.0s)"


def test_an_indented_line_hangs_by_what_it_says() -> None:
    screen = Screen(terminal=True)
    screen.report.line(Line("    " + "word " * 30, hang=2))
    first, *rest = screen.lines
    assert first.startswith("    word")
    assert all(line.startswith("      word") for line in rest)


def test_an_empty_line_is_a_line(screen: Screen) -> None:
    screen.report.line(Line(""))
    assert screen.raw.count("\n") == 1


@pytest.mark.parametrize("width", [20, 40])
def test_a_narrow_terminal_loses_no_word(width: int) -> None:
    screen = Screen(terminal=True, width=width)
    screen.tell(ev.StepFinished("web-1", "x", "one two three four five six seven", 0))
    text = " ".join(screen.lines)
    assert all(word in text for word in ("one", "three", "seven"))


def test_fifty_hosts_are_told_host_by_host(screen: Screen) -> None:
    lines = screen.tell(
        ev.RunStarted("r", "deploy", "live", "v2", HOSTS),
        *(ev.StepFinished(host, f"{host}/x", "replace web.app (image v1 → v2)", 0.1) for host in HOSTS),
    )
    assert [line.split()[0] for line in lines[1:]] == list(HOSTS)


def test_a_table_is_as_wide_as_it_must_be(screen: Screen) -> None:
    rows = [("web.app", host, "v2", "healthy", "3d", "none") for host in HOSTS]
    rows.append(("web.app", "web-51", "v2", "unhealthy", "-", "restart: no → always, " * 6))
    screen.report.table(("service", "host", "version", "health", "up", "drift"), rows)
    header, *lines = screen.lines
    assert header.split() == ["service", "host", "version", "health", "up", "drift"]
    assert len(lines) >= 51
    assert lines[0].split() == ["web.app", "web-01", "v2", "healthy", "3d", "none"]
    assert "restart:no→always,restart" in "".join(lines[50:]).replace(" ", "")


def test_errors_go_to_the_other_stream(screen: Screen) -> None:
    screen.report.error("it went [wrong]\n  → repair it " + "word " * 30)
    assert screen.raw == ""
    assert "error: it went [wrong]" in Text.from_ansi(screen.errors).plain


def test_values_for_machines_are_not_shown_to_people(screen: Screen) -> None:
    screen.report.record({"event": "Status"})
    screen.report.close()
    assert screen.raw == ""
