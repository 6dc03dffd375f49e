"""Which containers have passed their gate: remembered on the host, and forgotten with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.facts.probe import Answer, Question
from fleet.facts.proven import ProvenProbe, disprove, prove
from fleet.facts.volumes import directory, mark_text, read_mark
from fleet.model.desired import HostState
from fleet.model.found import Unknown
from fleet.model.volumes import Mark, State
from tests.support.shells import SHELLS, Bench

ONE, TWO = "1" * 64, "2" * 64


def look(bench: Bench, state: Path, shell: str = "sh") -> object:
    probe = ProvenProbe()
    done = bench.run(probe.script(Question("shop", "test", str(state), HostState("h"))), shell=shell)
    return probe.parse(Answer(done.stdout.decode(), done.returncode))


def engine(bench: Bench, *ids: str, found: str = ONE) -> None:
    listed = " ".join(ids)
    bench.stand_in("docker", f"case $1 in inspect) echo {found} ;; ps) printf '%s\\n' {listed} ;; esac")


@pytest.mark.parametrize("shell", SHELLS)
def test_what_passed_is_remembered_until_it_is_gone(bench: Bench, tmp_path: Path, shell: str) -> None:
    state = tmp_path / "sta te"
    assert look(bench, state, shell) == ()
    engine(bench, ONE, TWO)
    bench.run(prove(str(state), "web"), shell=shell).check_returncode()
    assert look(bench, state, shell) == (ONE,)
    engine(bench, TWO, found=TWO)
    bench.run(prove(str(state), "web"), shell=shell).check_returncode()
    assert look(bench, state, shell) == (TWO,)
    bench.run(disprove(str(state), TWO), shell=shell).check_returncode()
    assert look(bench, state, shell) == ()


@pytest.mark.parametrize("shell", SHELLS)
def test_what_passed_on_a_volume_is_noted_on_it(bench: Bench, tmp_path: Path, shell: str) -> None:
    state = tmp_path / "sta te"
    mark = Mark("first", 1, State.LIVE, "db-1", 1700000000)
    marks = Path(directory(str(state)))
    marks.mkdir(parents=True)
    for name in ("data", "other"):
        (marks / name).write_text(mark_text(mark))
    listed = f"case $3 in *Mounts*) printf 'data\\nunmarked\\n\\n' ;; *) echo {ONE} ;; esac"
    bench.stand_in("docker", f"case $1 in inspect) {listed} ;; ps) echo {ONE} ;; esac")
    bench.run(prove(str(state), "db"), shell=shell).check_returncode()
    bench.run(prove(str(state), "db"), shell=shell).check_returncode()
    assert read_mark((marks / "data").read_text()) == replace(mark, proven=True)
    assert read_mark((marks / "other").read_text()) == mark
    assert sorted(path.name for path in marks.iterdir()) == ["data", "other"]


def test_who_only_reads_a_volume_proves_nothing_of_it(bench: Bench, tmp_path: Path) -> None:
    assert "{{if .RW}}" in prove(str(tmp_path), "exporter")


def test_a_container_that_is_not_there_is_not_proven(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("docker", "exit 1")
    assert bench.run(prove(str(tmp_path / "state"), "web")).returncode != 0
    assert look(bench, tmp_path / "state") == ()


def test_an_engine_that_cannot_list_forgets_nothing(bench: Bench, tmp_path: Path) -> None:
    engine(bench, ONE, TWO)
    bench.run(prove(str(tmp_path), "web")).check_returncode()
    bench.stand_in("docker", f"[ $1 = inspect ] && echo {TWO}")
    assert bench.run(prove(str(tmp_path), "web")).returncode != 0
    assert ONE in str(look(bench, tmp_path))


def test_a_list_that_failed_is_unknown() -> None:
    assert isinstance(ProvenProbe().parse(Answer("", 1)), Unknown)
