"""Volumes with their marks and the containers that mount them, as a host tells of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.facts.listing import LISTING
from fleet.facts.probe import Answer, Question
from fleet.facts.volumes import VolumesProbe, directory, made_with, mark_text, read_mark
from fleet.model.desired import HostState, Volume
from fleet.model.found import Unknown
from fleet.model.volume_care import VolumeCare
from fleet.model.volumes import FoundVolume, Mark, State
from tests.support.shells import SHELLS, Bench

MADE = made_with({"y": "<", "x": "1"})
MARK = Mark("0f" * 16, 3, State.FENCED, "db-2", 1700000000, proven=True)
DOCKER = r"""
case "$1" in
  volume)
    printf '%s\t' 'volume b' local shop test db a; echo '"x=1,y=\u003c"'
    printf '%s\t' 'volume a' nfs-driver '' '' '' ''; echo '""'
    echo 'WARNING: old' >&2 ;;
  ps) printf 'mounts db\tb,/srv/a\nmounts other\tb\nmounts none\t\n' ;;
esac
"""


def look(bench: Bench, state: Path, shell: str = "sh") -> object:
    probe = VolumesProbe()
    script = f"{LISTING}(:\n{probe.script(Question('shop', 'test', str(state), HostState('h')))}) 2>&1"
    done = bench.run(script, shell=shell)
    return probe.parse(Answer(done.stdout.decode(), done.returncode))


@pytest.mark.parametrize("shell", SHELLS)
def test_volumes_with_users_and_marks(bench: Bench, tmp_path: Path, shell: str) -> None:
    bench.stand_in("docker", DOCKER)
    state = tmp_path / "sta te"
    b = FoundVolume("b", "local", None, ("db", "other"), "shop", "test", "db", "a", MADE)
    assert look(bench, state, shell) == {"a": FoundVolume("a", "nfs-driver"), "b": b}
    Path(directory(str(state))).mkdir(parents=True)
    (Path(directory(str(state))) / "b").write_text(mark_text(MARK))
    (Path(directory(str(state))) / ".b.new").write_text("{")
    # Of a volume that somebody has removed.
    (Path(directory(str(state))) / "c").write_text(mark_text(MARK))
    assert look(bench, state, shell) == {"a": FoundVolume("a", "nfs-driver"), "b": replace(b, mark=MARK)}


def test_options_are_asked_of_what_a_role_says_how_to_make(bench: Bench, tmp_path: Path) -> None:
    asked = r"""
case "$1 $2" in
  'volume ls') printf '%s\t' 'volume b' local shop test db ''; echo '""'
    printf '%s\t' 'volume c' local shop test db ''; echo '""' ;;
  'volume inspect') shift 4; [ "$*" = 'b c gone' ] || exit 2
    printf '%s\t%s\n' 'options b' '{"type":"tmpfs","o":"a,b"}' 'options c' null; exit 1 ;;
  ps*) ;;
esac
"""
    bench.stand_in("docker", asked)
    wanted = HostState("h", volumes=(
        *(Volume(name, "db") for name in ("b", "c", "gone", "/srv/d")), Volume("e", "db", external=True),
    ))  # fmt: skip
    script = VolumesProbe().script(Question("shop", "test", str(tmp_path), wanted))
    done = bench.run(f"{LISTING}(:\n{script}) 2>&1")
    seen = VolumesProbe().parse(Answer(done.stdout.decode(), done.returncode))
    assert isinstance(seen, dict)
    assert {name: one.options for name, one in seen.items()} == {
        "b": (("o", "a,b"), ("type", "tmpfs")), "c": (),
    }  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
def test_whose_a_volume_is(bench: Bench, tmp_path: Path, shell: str) -> None:
    """Its root is looked at, and how much is in it is counted when its role says another one."""
    for name in ("a", "b", "c d"):
        (tmp_path / name / "sub").mkdir(parents=True)
    here = f"{tmp_path.stat().st_uid}:{tmp_path.stat().st_gid}"
    rows = [
        f"root a\t{tmp_path}/a\t", f"root b\t{tmp_path}/b\t",
        f"root c\t/none\t{tmp_path}/c d\tnone", f"root d\t{tmp_path}/a\t/dev/sdb\text4", "root e\t/none\t",
    ]  # fmt: skip
    listed = "".join(f"printf '%s\t' 'volume {name}' local '' '' '' ''; echo '\"\"'\n" for name in "abcde")
    told = "".join(f"printf '%s\\n' 'options {row[5]}\t{{}}' '{row}'\n" for row in rows)
    bench.stand_in("docker", f'case "$1 $2" in\n"volume ls") {listed} ;;\n"volume inspect") {told} ;;\nesac')
    given = {"a": "70:70", "b": here}
    wanted = HostState(
        "h", volumes=tuple(Volume(name, "db", care=VolumeCare(owner=given.get(name, ""))) for name in "abcde")
    )
    script = VolumesProbe().script(Question("shop", "test", str(tmp_path / "state"), wanted))
    done = bench.run(f"{LISTING}(:\n{script}) 2>&1", shell=shell)
    seen = VolumesProbe().parse(Answer(done.stdout.decode(), done.returncode))
    assert isinstance(seen, dict)
    assert {name: (one.owner, one.entries) for name, one in seen.items()} == {
        "a": (here, 2), "b": (here, 0), "c": (here, 0), "d": ("", 0), "e": ("", 0),
    }  # fmt: skip


def test_a_mark_of_one_that_was_made_in_another_way_is_not_its_own(bench: Bench, tmp_path: Path) -> None:
    """The engine makes what was removed anew, without labels."""
    bench.stand_in("docker", DOCKER)
    marks = Path(directory(str(tmp_path)))
    marks.mkdir()
    for how, name in ((MADE, "b"), (MADE, "a"), ("", "a")):
        (marks / name).write_text(mark_text(replace(MARK, made=how)))
        seen = look(bench, tmp_path)
        assert isinstance(seen, dict)
        own = how == seen[name].made or not how
        assert (seen[name].mark is not None, seen[name].left is None) == (own, own)


def test_a_damaged_mark_is_told_of_its_volume_alone(bench: Bench, tmp_path: Path) -> None:
    bench.stand_in("docker", DOCKER)
    marks = Path(directory(str(tmp_path)))
    marks.mkdir()
    for text in ("", "{", "[]", '{"lineage":"x"}', '{"lineage":"x","generation":0,"state":"lost"}', "a\nb"):
        (marks / "b").write_text(text)
        seen = look(bench, tmp_path)
        assert isinstance(seen, dict)
        assert (seen["b"].mark, seen["b"].damaged, seen["a"].damaged) == (None, True, False), text


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
    assert read_mark(mark_text(replace(MARK, made=MADE))) == replace(MARK, made=MADE)
