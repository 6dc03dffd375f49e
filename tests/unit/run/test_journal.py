"""What is told survives: a private directory per run, a line per event, a file per failure."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.report import events as ev
from fleet.run.journal import Journal, new_run_id


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.chdir(tmp_path)
    before = os.umask(0)
    made = Journal(tmp_path, "20260131-100000-1")
    yield made
    made.close()
    os.umask(before)


def records(journal: Journal) -> list[dict[str, object]]:
    return [json.loads(line) for line in (journal.directory / "events.jsonl").read_text().splitlines()]


def test_nobody_else_may_read_it(journal: Journal, tmp_path: Path) -> None:
    journal(ev.Note("x"))
    journal.keep("failures/web-1.web.app", "x")
    journal.save("plan.txt", "x")
    journal.save("release.json", {"a": 1})
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / ".fleet").rglob("*")}
    modes[tmp_path / ".fleet"] = stat.S_IMODE((tmp_path / ".fleet").stat().st_mode)
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_every_line_is_an_event_with_its_time(journal: Journal) -> None:
    journal(ev.RunStarted("r", "deploy", "test", "v1", ("a", "b")))
    journal(ev.StepFailed("a", "a/x", "do", "what\nand more", "why 'quoted' \"\\\" ☃", "", 0.1))
    first, second = records(journal)
    assert (first["event"], first["hosts"]) == ("RunStarted", ["a", "b"])
    assert second["what"] == "what\nand more"
    assert datetime.fromisoformat(str(first["at"])).tzinfo is not None


def test_it_is_there_at_once_and_what_flickers_is_left_out(journal: Journal) -> None:
    journal(ev.Progress("a", "a/x", 1, 2))
    journal(ev.Waiting("a", "a/x", "healthy"))
    journal(ev.Note("told"))
    assert [record["event"] for record in records(journal)] == ["Note"]


def test_lines_of_many_threads_do_not_mix(journal: Journal) -> None:
    def tell(number: int) -> None:
        for _ in range(50):
            journal(ev.Note(str(number) * 500))

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = [str(record["text"]) for record in records(journal)]
    assert len(texts) == 400
    assert all(len(set(text)) == 1 for text in texts)


def test_a_bundle_is_named_as_the_operator_would_type_it(journal: Journal, tmp_path: Path) -> None:
    told = journal.keep("failures/web-1.web.app", "all that was seen")
    assert told == ".fleet/runs/20260131-100000-1/failures/web-1.web.app.txt"
    assert (tmp_path / told).read_text() == "all that was seen"


def test_the_way_back_does_not_hide_why_the_way_forth_failed(journal: Journal, tmp_path: Path) -> None:
    told = [journal.keep("failures/web-1.web.app", str(number)) for number in range(3)]
    assert [(tmp_path / one).read_text() for one in told] == ["0", "1", "2"]


def test_run_ids_sort_by_time() -> None:
    early = new_run_id(datetime(2026, 1, 31, 9, 59, 59, tzinfo=UTC))
    assert early < new_run_id(datetime(2026, 1, 31, 10, 0, 0, tzinfo=UTC))
    assert early == f"20260131-095959-{os.getpid()}"
