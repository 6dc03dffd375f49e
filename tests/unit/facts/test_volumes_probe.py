"""Volumes with their marks and the containers that mount them, as a host tells of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.facts.probe import Answer, Question
from fleet.facts.volumes import VolumesProbe, directory, mark_text, read_mark
from fleet.model.desired import HostState
from fleet.model.found import Unknown
from fleet.model.volumes import FoundVolume, Mark, State
from tests.support.shells import SHELLS, Bench

MARK = Mark("0f" * 16, 3, State.FENCED, "db-2", 1700000000, proven=True)
DOCKER = r"""
case "$1" in
  volume)
    printf 'volume b\tlocal\tshop\ttest\tdb\ta\nvolume a\tnfs-driver\t\t\t\t\n'
    echo 'WARNING: old' >&2 ;;
  ps) printf 'mounts db\tb,/srv/a\nmounts other\tb\nmounts none\t\n' ;;
esac
"""


def look(bench: Bench, state: Path, shell: str = "sh") -> object:
    probe = VolumesProbe()
    script = f"(:\n{probe.script(Question('shop', 'test', str(state), HostState('h')))}) 2>&1"
    done = bench.run(script, shell=shell)
    return probe.parse(Answer(done.stdout.decode(), done.returncode))


@pytest.mark.parametrize("shell", SHELLS)
def test_volumes_with_users_and_marks(bench: Bench, tmp_path: Path, shell: str) -> None:
    bench.stand_in("docker", DOCKER)
    state = tmp_path / "sta te"
    b = FoundVolume("b", "local", None, ("db", "other"), "shop", "test", "db", "a")
    assert look(bench, state, shell) == {"a": FoundVolume("a", "nfs-driver"), "b": b}
    Path(directory(str(state))).mkdir(parents=True)
    (Path(directory(str(state))) / "b").write_text(mark_text(MARK))
    (Path(directory(str(state))) / ".b.new").write_text("{")
    # Of a volume that somebody has removed.
    (Path(directory(str(state))) / "c").write_text(mark_text(MARK))
    assert look(bench, state, shell) == {"a": FoundVolume("a", "nfs-driver"), "b": replace(b, mark=MARK)}


def test_a_damaged_mark_is_unknown_and_not_absent(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("docker", DOCKER)
    marks = Path(directory(str(tmp_path)))
    marks.mkdir()
    for text in ("", "{", "[]", '{"lineage":"x"}', '{"lineage":"x","generation":0,"state":"lost"}', "a\nb"):
        (marks / "b").write_text(text)
        assert look(bench, tmp_path) == Unknown("volumes: the mark of b is damaged"), text


def test_an_engine_that_does_not_answer_is_unknown(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("docker", '[ "$1" = volume ] || { echo down; exit 1; }')
    assert look(bench, tmp_path) == Unknown("volumes: down")
    bench.stand_in("docker", "echo down; exit 1")
    assert look(bench, tmp_path) == Unknown("volumes: down")


def test_a_mark_as_text() -> None:
    restoring = Mark("x", 0, State.INCOMING, snapshot="20260101-000000-aaaa")
    assert read_mark(mark_text(restoring)) == restoring
    assert read_mark(mark_text(MARK)) == MARK
    assert mark_text(Mark("x", 0, State.LIVE)) == (
        '{"generation":0,"lineage":"x","peer":"","proven":false,"since":0,"state":"live"}\n'
    )
