"""A volume's data gets another owner on a host in memory. How it stands when it is cut off, the tests of
upgrades tell: it goes the same way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.errors import RemoteFailed
from fleet.model.volumes import State
from fleet.plan.keeping import OwnVolume
from fleet.report import events as ev
from fleet.run.volumes.owning import own
from tests.support.cutting import cut
from tests.unit.run.volumes import test_upgrading
from tests.unit.run.volumes.test_restoring import VOLUME, until
from tests.unit.run.volumes.test_upgrading import LIVE, SEEN, Scene, keeping

scene = test_upgrading.scene

LIVES = replace(LIVE, upgrades=(), owned="999:999")


@pytest.fixture(autouse=True)
def _asks(scene: Scene) -> None:
    taking = replace(keeping(SEEN), owner="999:999", why="before owner 70:70 of v2")
    scene.what = replace(scene.what, live=LIVES, keeping=taking)
    scene.host.answers("own", changed=2)


def run(scene: Scene) -> None:
    own(OwnVolume("db-1", scene.what, "999:999", "70:70", 3), scene.ground())


def test_it_is_given_and_compared_with_the_snapshot(scene: Scene) -> None:
    run(scene)
    mark = scene.host.mark(VOLUME)
    assert mark
    assert replace(mark, since=0) == replace(LIVES, since=0)
    assert (scene.kept.owner, scene.kept.of_upgrade) == ("999:999", True)
    said = [one for one in scene.host.done if one in {"stop", "record", "own", "same", "mark", "back"}]
    assert said == ["stop", "same", "record", "own", "same", "mark", "back"]
    notes = [event.text for event in scene.told if isinstance(event, ev.Note)]
    assert notes == [
        f"volume {VOLUME}: 2 of 3 entries got owner 70:70, and nothing else is different",
        f"volume {VOLUME} is owned by 70:70; what was there is snapshot {scene.kept.id}",
    ]


@pytest.mark.parametrize(
    ("fails", "what"),
    [
        (("own", 1, "a cannot get another owner"), "a cannot get another owner"),
        (("same", 2, "the disk is gone"), "the disk is gone"),
        ((), "differs from its snapshot in more than its owner"),
    ],
)
def test_what_was_there_comes_back(scene: Scene, fails: tuple[str, int, str], what: str) -> None:
    if fails:
        scene.host.fails(*fails)
    else:
        scene.host.answers("same", 2, equal=False, entries=3, differences=["bin: mode 4755, 0755"])
    with pytest.raises(RemoteFailed, match=what) as caught:
        run(scene)
    assert f"volume {VOLUME} is used on db-1 as before" in caught.value.hint
    scene.is_as_before()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_cut_off_half_way_the_next_run_copies_back_and_begins_anew(
    scene: Scene, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.ops.fence.TICK", 0.1)
    with cut(scene.host, moment, "own"):
        run(scene)
    mark = scene.host.mark(VOLUME)
    assert mark
    assert (mark.state, mark.snapshot) == (State.INCOMING, scene.kept.id)
    assert not scene.host.containers()["postgres"][0]
    until(lambda: VOLUME not in scene.host.moving())
    scene.what = replace(scene.what, mark=mark, kept=scene.kept, keeping=None, writers=())
    scene.host.done.clear()
    run(scene)
    said = [one for one in scene.host.done if one in {"take over", "clone --final", "own", "mark"}]
    assert said == ["take over", "clone --final", "own", "mark"]
    done = scene.host.mark(VOLUME)
    assert done
    assert done.state is State.LIVE
