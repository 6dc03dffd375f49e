"""The history and its differences as an operator reads them, at 80 columns."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from fleet.model.jobs import Job
from fleet.model.releases import Entry, JobRun, Outcome
from fleet.plan.compare import Change
from fleet.report.release_text import show_lines
from fleet.report.releases_text import compare_lines, releases_table
from fleet.report.text import TextReport
from fleet.report.times import ago, took
from tests.support.build import desired, service
from tests.support.history import AT, record, release

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
OLD, NEW = (
    record(desired({"web-1": [service()]}, "v41"), 5),
    record(desired({"web-1": [service()]}, "v42"), 6),
)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (AT, "2h ago"),
        ("2026-01-31T11:59:30+00:00", "just now"),
        ("2026-01-31T12:00:30+00:00", "just now"),
        ("2026-01-31T11:01:00+00:00", "59m ago"),
        ("2026-01-25T11:00:00+00:00", "6d ago"),
        ("2026-01-24T12:00:00+00:00", "2026-01-24 12:00"),
        ("2026-01-31T13:00:00+00:00", "2026-01-31 13:00"),
        ("?", "-"),
    ],
)
def test_how_long_ago(at: str, words: str) -> None:
    assert ago(at, NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "-"), (0.2, "1s"), (8, "8s"), (72, "1m 12s"), (59.9, "1m 0s"), (7500, "2h 5m")]
)
def test_how_long_it_took(seconds: float, words: str) -> None:
    assert took(seconds) == words


def table(*history: object, running: str = "") -> list[str]:
    columns, rows = releases_table(history, NOW, running)  # type: ignore[arg-type]
    out = io.StringIO()
    TextReport(Console(file=out, width=80), Console(file=out)).table(columns, rows)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_history_of_every_kind() -> None:
    many = release(4, "v43", Outcome.FAILED)
    names = tuple(f"{role}-{number}" for role in ("web", "lb", "db") for number in range(1, 10))
    many = replace(many, head=replace(many.head, hosts=names, who="anna.karenina"))
    history = (
        release(1, "v41"),
        release(2, "v42", Outcome.SUPERSEDED),
        release(3, "v42", Outcome.ROLLED_BACK),
        many,
        release(5, "v41", of=1),
        release(6, "v44", Outcome.RUNNING),
    )
    assert table(*history) == [
        "#  version              when    who            outcome      took    hosts",
        "6  v44                  2h ago  anna           cut off      -       web-1",
        "5  v41 (rollback to 1)  2h ago  anna           good         1m 12s  web-1",
        "4  v43                  2h ago  anna.karenina  failed       1m 12s  27 hosts",
        "3  v42                  2h ago  anna           rolled back  1m 12s  web-1",
        "2  v42                  2h ago  anna           superseded   1m 12s  web-1",
        "1  v41                  2h ago  anna           good         1m 12s  web-1",
    ]


def test_what_runs_now_is_not_cut_off() -> None:
    cut = release(6, "v44", Outcome.RUNNING)
    assert "running" in table(cut, running="run-6")[1]
    assert "cut off" in table(cut, running="run-7")[1]
    resumed = replace(cut, entries=(*cut.entries, Entry(AT, "run-7", "anna", Outcome.RUNNING)))
    assert "running" in table(resumed, running="run-7")[1]


def test_a_difference_by_subject() -> None:
    three = ("web-1", "web-2", "web-3")
    changes = (
        Change("hosts", new="web-4 (web)"),
        Change("web.app", "image", "app:v41 (a)", "app:v42 (b)", three),
        Change("web.app", "environment.OLD", "yes", "", three),
        Change("web.app", "/srv/app.ini", hosts=three, lines=("@@ -1 +1 @@", "-a", "+b")),
        Change("web.app", "environment.NEW", "", "1", ("web-1",)),
        Change("job web.migrate", new="migrate up", hosts=three),
    )
    lines = list(compare_lines(OLD, NEW, changes))
    assert "\n".join(line.text for line in lines) == (
        "v41 (release 5) → v42 (release 6)\n"
        "\n"
        "hosts\n"
        "  + web-4 (web)\n"
        "\n"
        "web.app on web-[1-3]\n"
        "  ~ image: app:v41 (a) → app:v42 (b)\n"
        "  - environment.OLD: was yes\n"
        "  ~ /srv/app.ini\n"
        "      @@ -1 +1 @@\n"
        "      -a\n"
        "      +b\n"
        "\n"
        "web.app on web-1\n"
        "  + environment.NEW: 1\n"
        "\n"
        "job web.migrate on web-[1-3]\n"
        "  + migrate up"
    )
    assert [line.style for line in lines if line.text.endswith(("was yes", "-a", "+b", "NEW: 1"))] == [
        "remove", "remove", "add", "add",
    ]  # fmt: skip


def test_no_difference() -> None:
    assert [line.text for line in compare_lines(OLD, NEW, ())][1:] == ["no difference"]


def test_a_release_in_full() -> None:
    wanted = desired({host: [service(release="v40")] for host in ("web-1", "web-2", "web-3")}, "v42")
    job = Job("web", "migrate", "app", ("migrate", "up"), down=("migrate", "down"))
    wanted = replace(wanted, hosts=tuple(replace(state, jobs=(job,)) for state in wanted.hosts))
    made = release(6, "v42", Outcome.FAILED, job=JobRun("web.migrate", "d", "web-1", 3.2))
    late = (datetime.fromisoformat(AT) + timedelta(seconds=72)).isoformat()
    entry = replace(
        made.entries[-1], at=late, why="the gate failed\nexit 1", failed=("web-2",), behind=("web-3",)
    )
    head = replace(made.head, commit="0123456789abcdef", dirty=True, tool="0.3", roles=("web",))
    made = replace(made, head=head, entries=(*made.entries[:-1], entry))
    assert [line.text for line in show_lines(record(wanted, 6), made)] == [
        "release 6: v42, failed",
        "  deploy by anna on laptop, 2026-01-31 10:00:00 UTC",
        "  commit 0123456789ab with changes that were not committed; Fleet 0.3; run run-6",
        "  hosts: web-1, only web",
        "",
        "  2026-01-31 10:00:00 UTC  running, anna",
        "  2026-01-31 10:00:00 UTC  job web.migrate ran on web-1 in 3s",
        "  2026-01-31 10:01:12 UTC  failed after 1m 12s, anna",
        "    the gate failed",
        "    exit 1",
        "    failed on web-2",
        "    left behind: web-3",
        "",
        "web.app on web-[1-3]",
        "  as of v40",
        "  container_name: shop-test-web-app-1",
        "  image: app:v1",
        "  ports: 8001:8000/tcp",
        "  restart: unless-stopped",
        "  gate: running; 2 in a row for 5 s, within 60 s",
        "",
        "job web.migrate on one of web-[1-3], before the rollout of web",
        "  command: migrate up",
        "  down: migrate down",
    ]
