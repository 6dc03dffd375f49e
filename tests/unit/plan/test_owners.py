"""Another owner of a volume's data in a plan: when it is due, what is refused, and the way back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.model.desired import Desired
from fleet.model.found import HostFacts
from fleet.model.volume_care import VolumeCare
from fleet.model.volumes import Mark, State
from fleet.ops.containers import Replace
from fleet.ops.places import MakeVolume
from fleet.plan.build import plan
from fleet.plan.keeping import OwnVolume, RestoreVolume
from fleet.plan.tree import Plan
from fleet.plan.volume_by_name import restore
from fleet.plan.volumes import Volumes
from fleet.report.plan_text import plan_lines
from tests.support.simulate import World, every_step
from tests.unit.plan.test_snapshots import OLD, caring, holding
from tests.unit.plan.test_upgrades import FIRST, kinds, seen
from tests.unit.plan.test_volumes import LIVE, NAME, refusals, serving, wish

BEFORE = replace(
    OLD, id="20260103-030405-00ff", generation=2, why="before owner 70:70 of v2", owner="999:999"
)
DONE = replace(LIVE, generation=3, owned="999:999")
HALF = replace(LIVE, state=State.INCOMING, snapshot=BEFORE.id)


def wanting(owner: str = "70:70", version: str = "v2", **moving: object) -> Desired:
    return caring(wish("db-1", **moving), VolumeCare(owner=owner), version)


def owned(host: HostFacts, owner: str = "999:999", entries: int = 1234) -> HostFacts:
    assert isinstance(host.volumes, dict)
    there = replace(host.volumes[NAME], owner=owner, entries=entries)
    return replace(host, volumes={**host.volumes, NAME: there})


def owning(planned: Plan) -> OwnVolume:
    (one,) = [one for one in every_step(planned) if isinstance(one, OwnVolume)]
    return one


def test_right_before_the_version_that_wants_it() -> None:
    wanted = wanting()
    planned = plan(wanted, seen(wanted, owned(serving("db-1"))))
    assert not planned.errors
    assert kinds(planned) == ["Pull", "Pull", "OwnVolume", "Replace", "Gate"]
    one = owning(planned)
    assert one.describe() == (
        f"volume {NAME}: owner 999:999 → 70:70, 1,234 files "
        "(a snapshot is taken first; shop-test-db-db-1 stops meanwhile)"
    )
    what = one.upgrading
    assert (what.mark, what.live) == (LIVE, replace(DONE, proven=False))
    assert what.keeping
    assert (what.keeping.why, what.keeping.owner) == ("before owner 70:70 of v2", "999:999")
    assert what.replaced == ("on-db-1",)
    (new,) = [each.op for each in planned.steps if isinstance(each.op, Replace)]
    assert new.final
    assert any("1 volume to change the owner of" in line.text for line in plan_lines(planned))


def test_done_it_is_done_and_a_role_that_says_nothing_gets_it_back() -> None:
    """A rollback to a version from before: what it was is kept in mind, and nothing that was written is
    lost."""
    world = World(seen(wanting(), owned(serving("db-1"))))
    world.run(plan(wanting(), world.facts))
    assert plan(wanting(), world.facts).empty
    back = plan(wanting("", "v1"), world.facts)
    one = owning(back)
    assert (one.was, one.owner, one.upgrading.live.owned) == ("70:70", "999:999", "")
    world.run(back)
    assert plan(wanting("", "v1"), world.facts).empty


def test_a_new_one_is_made_so() -> None:
    wanted = wanting(empty=(NAME,))
    world = World(seen(wanted))
    planned = plan(wanted, world.facts)
    (made,) = [one.op for one in planned.steps if isinstance(one.op, MakeVolume)]
    assert made.describe() == f"create volume {NAME}, owner 70:70"
    world.run(planned)
    assert plan(wanted, world.facts).empty


@pytest.mark.parametrize(
    ("owner", "found", "mark", "moving", "done", "refused"),
    [
        ("", "999:999", LIVE, {}, [], ""),
        ("999:999", "999:999", LIVE, {}, [], ""),
        ("70:70", "70:70", DONE, {}, [], ""),
        ("10:10", "70:70", DONE, {}, ["OwnVolume"], ""),
        ("70:70", "", LIVE, {}, [], "nobody can see whose the data of volume data is"),
        # A run that goes back, before anything was healthy on it; and after that.
        ("", "70:70", replace(DONE, proven=False), {"back": True}, ["RestoreVolume"], ""),
        ("999:999", "70:70", replace(DONE, proven=False), {"back": True}, ["RestoreVolume"], ""),
        ("", "70:70", DONE, {"back": True}, ["OwnVolume"], ""),
        ("", "70:70", replace(DONE, proven=False, generation=4), {"back": True}, ["OwnVolume"], ""),
        # Cut off in the midst of it: what its root has says nothing then.
        ("70:70", "70:70", HALF, {}, ["OwnVolume"], ""),
        ("70:70", "999:999", HALF, {}, ["OwnVolume"], ""),
        ("", "70:70", HALF, {}, ["RestoreVolume"], ""),
        ("999:999", "70:70", HALF, {}, ["RestoreVolume"], ""),
    ],
)  # fmt: skip
def test_cells(
    owner: str, found: str, mark: Mark, moving: dict[str, object], done: list[str], refused: str
) -> None:
    wanted = wanting(owner, **moving)
    there = holding(owned(serving("db-1", mark), found), OLD, BEFORE)
    planned = plan(wanted, seen(wanted, there))
    if refused:
        assert any(refused in one for one in refusals(planned))
        return
    assert not planned.errors
    ours = [one for one in every_step(planned) if isinstance(one, OwnVolume | RestoreVolume)]
    assert [type(one).__name__ for one in ours] == done
    for one in ours:
        what = one.upgrading if isinstance(one, OwnVolume) else one.restoring
        assert what.replaced == ("on-db-1",)
        if isinstance(one, OwnVolume) and mark.snapshot:
            assert (one.upgrading.kept, one.was) == (BEFORE, "999:999")


@pytest.mark.parametrize("goes_back", [False, True])
def test_cut_after_any_step_it_goes_on_or_back(goes_back: bool) -> None:
    before = wanting("", "v1", back=True)
    goal, owner = (before, "999:999") if goes_back else (wanting(), "70:70")
    count = len(every_step(plan(wanting(), seen(wanting(), owned(serving("db-1"))))))
    for done in range(count + 1):
        world = World(seen(wanting(), owned(serving("db-1"))))
        for step in every_step(plan(wanting(), world.facts))[:done]:
            world.perform(step)
        rest = plan(goal, world.facts)
        assert not rest.errors, (done, rest.errors)
        world.run(rest)
        assert plan(goal, world.facts).empty, done
        assert world.facts.hosts["db-1"].volumes[NAME].owner == owner, done  # type: ignore[index]


def test_by_hand_nothing_starts_on_data_of_another_owner() -> None:
    """The next deploy changes it again."""
    there = seen(wanting(), holding(owned(serving("db-1", DONE), "70:70"), BEFORE))
    (one,) = [
        each
        for each in every_step(restore(wanting(), there, "data", BEFORE.id, {}))
        if isinstance(each, RestoreVolume)
    ]
    assert one.restoring.replaced == ("on-db-1",)
    planned = restore(wanting(""), there, "data", BEFORE.id, {})
    (one,) = [each for each in every_step(planned) if isinstance(each, RestoreVolume)]
    assert one.restoring.replaced == ()


def test_one_thing_at_a_time() -> None:
    care = VolumeCare(owner="70:70", upgrade=FIRST)
    wanted = caring(wish("db-1"), care)
    planned = plan(wanted, seen(wanted, owned(serving("db-1"))))
    assert any(
        "needs an upgrade, and is to get another owner: deploy once" in one for one in refusals(planned)
    )
    wanted = caring(wish("db-2"), VolumeCare(owner="70:70"))
    there = owned(serving("db-1"))
    planned = plan(wanted, seen(wanted, there))
    assert any("is to move, and to get another owner: move it first" in one for one in refusals(planned))
    wanted = replace(wanting(), trial={"db.db": 0})
    data = Volumes.of(wanted, seen(wanted, owned(serving("db-1"))))
    assert any("whose data is to get another owner" in one.what for one in data.upgrades.findings())
