"""Data gets another name on its own host: two helpers on one engine; the old name serves until the new one
does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.errors import FleetError, RemoteFailed
from fleet.facts.volumes import made_with
from fleet.model.place import Place
from fleet.model.volumes import Mark, Relocation, State
from tests.support.cutting import losing
from tests.support.volume_hosts import STATE, VolumeHost, install
from tests.unit.run.volumes.conftest import LABELS, SEEN, VOLUME, WRITER, Stage

OLD = "shop_test_old"
IMAGE = f"registry/fleet-volumes@sha256:{'ab' * 32}"
INCOMING = replace(SEEN, state=State.INCOMING, peer="db-2", called=OLD, proven=False, made=made_with(LABELS))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'bin')}:/usr/bin:/bin")
    host = VolumeHost("db-2", tmp_path / "db-2")
    host.volume(OLD)
    host.set_mark(OLD, SEEN)
    host.container(WRITER.id, WRITER.name, OLD)
    place = Place(STATE, "shop", "test")
    move = Relocation(VOLUME, "db-2", "db-2", SEEN, "127.0.0.1", IMAGE, place, (WRITER,), origin=OLD)
    yield Stage(host, host, move)
    for one in (host.state / "moving").glob("*"):
        one.unlink()


def marks(stage: Stage) -> tuple[Mark | None, Mark | None]:
    """Without their times."""
    found = [stage.source.mark(name) for name in (OLD, VOLUME)]
    here, there = (one and replace(one, since=0) for one in found)
    return here, there


LIVE = replace(SEEN, since=0)


def copied(stage: Stage) -> None:
    """What the engine is asked for over its socket is there for its client, too."""
    stage.copy()
    stage.target.volume(VOLUME, **LABELS)


def test_it_is_copied_and_switched(stage: Stage) -> None:
    copied(stage)
    assert marks(stage) == (LIVE, replace(INCOMING, since=0))
    assert set(stage.source.containers()) == {"postgres", f"{OLD}.copy", f"{VOLUME}.copy"}
    stage.run()
    assert marks(stage) == (
        replace(LIVE, state=State.FENCED, peer="db-2", called=VOLUME),
        replace(INCOMING, since=0, state=State.LIVE, generation=2),
    )
    assert stage.source.containers() == {"postgres": (False, "no:0")}
    assert stage.source.moving() == []


@pytest.mark.parametrize("word", ["sync", "stop", "sync --final", "compare", "release"])
def test_whatever_fails_the_old_name_serves(stage: Stage, word: str) -> None:
    copied(stage)

    def fail(kind: str) -> None:
        if kind == word:
            raise RemoteFailed("no")

    stage.source.before = fail
    with pytest.raises(FleetError):
        stage.run()
    stage.source.before = lambda kind: None
    assert marks(stage) == (LIVE, replace(INCOMING, since=0))
    assert stage.source.containers() == {"postgres": (True, "always:0")}
    again = stage.source.mark(OLD)
    assert again
    stage.change(mark=again)
    stage.run()
    assert marks(stage)[1] == replace(INCOMING, since=0, state=State.LIVE, generation=2)


def test_cut_off_after_it_was_fenced_a_later_run_goes_on(stage: Stage) -> None:
    copied(stage)
    stage.source.before = losing("mark")
    with pytest.raises(FleetError):
        stage.run()
    stage.source.before = lambda kind: None
    seen = stage.source.mark(OLD)
    assert seen
    stage.change(mark=seen, writers=())
    copied(stage)
    stage.run()
    here, there = marks(stage)
    assert here
    assert there
    assert (here.state, here.called, there.state) == (State.FENCED, VOLUME, State.LIVE)


def test_what_runs_on_the_new_name_is_not_overwritten(stage: Stage) -> None:
    copied(stage)
    stage.source.container("bbbb", "somebody", VOLUME)
    with pytest.raises(RemoteFailed, match=f"volume {VOLUME} is used by somebody"):
        stage.run()
    assert marks(stage)[0] == LIVE
