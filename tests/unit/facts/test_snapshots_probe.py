"""Snapshots that count, as a host tells of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.facts.probe import Answer, Question
from fleet.facts.snapshots import SnapshotsProbe, directory, read_record, record_text
from fleet.model.desired import HostState
from fleet.model.found import Unknown
from fleet.model.snapshots import Kind, Snapshot
from tests.support.shells import SHELLS, Bench

ONE = Snapshot(
    "20260102-030405-00ff", "data", "0f" * 16, 3, "v1", 1700000000, 7, 1000, "abc", Kind.DUMP, "by"
)
TWO = replace(ONE, id="20260102-030406-00ff", kind=Kind.COPY)


def look(bench: Bench, state: Path, shell: str = "sh") -> object:
    probe = SnapshotsProbe()
    script = f"(:\n{probe.script(Question('shop', 'test', str(state), HostState('h')))}) 2>&1"
    done = bench.run(script, shell=shell)
    return probe.parse(Answer(done.stdout.decode(), done.returncode))


def write(state: Path, *snapshots: Snapshot) -> None:
    Path(directory(str(state))).mkdir(parents=True, exist_ok=True)
    for one in snapshots:
        (Path(directory(str(state))) / one.name).write_text(record_text(one))


@pytest.mark.parametrize("shell", SHELLS)
def test_what_has_a_record_and_a_volume(bench: Bench, tmp_path: Path, shell: str) -> None:
    bench.stand_in("docker", f"printf '%s\\n' data other {TWO.name} {ONE.name}")
    state = tmp_path / "sta te"
    assert look(bench, state, shell) == {}
    gone = replace(ONE, id="20250102-030405-00ff")
    write(state, TWO, ONE, gone)
    (Path(directory(str(state))) / ".being-written").write_text("{")
    assert look(bench, state, shell) == {"data": (ONE, TWO)}


def test_a_damaged_record_is_unknown(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("docker", f"echo {ONE.name}")
    write(tmp_path, ONE)
    for text in ("", "{", "[]", '{"id":"x"}', record_text(ONE).replace("dump", "lump")):
        (Path(directory(str(tmp_path))) / ONE.name).write_text(text)
        assert look(bench, tmp_path) == Unknown(f"snapshots: the record of {ONE.name} is damaged"), text


def test_an_engine_that_does_not_answer_is_unknown(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("docker", "echo down >&2; exit 1")
    write(tmp_path, ONE)
    assert look(bench, tmp_path) == Unknown("snapshots: down")


def test_a_record_as_text() -> None:
    assert read_record(record_text(ONE)) == ONE
    # Of a version that knows less of it.
    assert read_record('{"generation":1,"id":"x","lineage":"y","volume":"data"}').kind is Kind.COPY
