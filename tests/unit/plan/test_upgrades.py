"""Data upgrades in a plan: when one is due, what is refused, and the way back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.model.desired import Desired
from fleet.model.found import Facts, HostFacts
from fleet.model.jobs import Job
from fleet.model.volume_care import Upgrade, VolumeCare
from fleet.model.volumes import FoundVolume, Mark, State
from fleet.ops.containers import Replace
from fleet.ops.job import RunJob
from fleet.ops.places import MakeVolume
from fleet.ops.snapshots import DropSnapshot
from fleet.plan.build import plan
from fleet.plan.keeping import RestoreVolume, UpgradeVolume
from fleet.plan.snapshots import all_outlived
from fleet.plan.tree import Gate, Phase, Plan, Step
from fleet.plan.volume_by_name import restore
from fleet.report.plan_text import plan_lines
from tests.support.build import REGISTRY, container, digest_of, job_container
from tests.support.simulate import World, every_step
from tests.unit.plan.test_snapshots import OLD, caring, holding
from tests.unit.plan.test_volumes import (
    LIVE,
    NAME,
    database,
    facts,
    refusals,
    serving,
    wish,
)

IMAGE = f"{REGISTRY}/upgrader:2"
FIRST = Upgrade(IMAGE, "db", ("upgrade", "--all"))
SECOND = replace(FIRST, command=("upgrade", "--more"))
BEFORE = replace(OLD, id="20260103-030405-00ff", generation=2, why="before the upgrade of v2")
DONE = replace(LIVE, generation=3, upgrades=(FIRST.id,))


def wanting(upgrade: Upgrade | None = FIRST, version: str = "v2", **moving: object) -> Desired:
    return caring(wish("db-1", **moving), VolumeCare(before_deploy=True, upgrade=upgrade), version)


def seen(wanted: Desired, *hosts: HostFacts, **fields: object) -> Facts:
    made = facts(wanted, *hosts)
    return replace(made, digests={**made.digests, IMAGE: digest_of(IMAGE)}, **fields)  # type: ignore[arg-type]


def command() -> RunJob:
    return upgrading(plan(wanting(), seen(wanting(), serving("db-1")))).run


def upgrading(planned: Plan) -> UpgradeVolume:
    (one,) = [one for one in every_step(planned) if isinstance(one, UpgradeVolume)]
    return one


def kinds(planned: Plan) -> list[str]:
    return [type(one.op if isinstance(one, Step) else one).__name__ for one in every_step(planned)]


def test_right_before_the_version_that_needs_it() -> None:
    wanted = wanting()
    planned = plan(wanted, seen(wanted, serving("db-1")))
    assert not planned.errors
    # It takes a snapshot of its own.
    assert kinds(planned) == ["Pull", "Pull", "Pull", "UpgradeVolume", "Replace", "Gate"]
    one = upgrading(planned)
    assert one.describe() == (
        f"upgrade volume {NAME} (a snapshot is taken first; shop-test-db-db-1 stops meanwhile): "
        "upgrader:2: upgrade --all"
    )
    what = one.upgrading
    assert (what.mark, what.live) == (
        LIVE, replace(LIVE, generation=3, proven=False, upgrades=(FIRST.id,)),
    )  # fmt: skip
    assert what.keeping
    assert what.keeping.why == "before the upgrade of v2"
    assert ([each.id for each in what.writers], what.replaced) == (["on-db-1"], ("on-db-1",))
    # The old version is not started again on what is too new for it.
    (new,) = [each.op for each in planned.steps if isinstance(each.op, Replace)]
    assert new.final
    spec = one.run.recipe.service.container
    assert (spec.image, spec.command, spec.entrypoint) == (IMAGE, FIRST.command, None)
    assert [(mount.source, mount.target) for mount in spec.mounts] == [(NAME, "/data")]
    assert one.run.recipe.image == f"{REGISTRY}/upgrader@{digest_of(IMAGE)}"
    assert any("1 volume to upgrade" in line.text for line in plan_lines(planned))


def test_once_it_is_done_nothing_is_left() -> None:
    wanted = wanting()
    world = World(seen(wanted, serving("db-1")))
    planned = plan(wanted, world.facts)
    world.run(planned)
    again = plan(wanted, world.facts)
    assert again.empty, [line.text for line in plan_lines(again)]


def test_data_that_the_version_has_begun_itself_needs_none() -> None:
    wanted = wanting(empty=(NAME,))
    planned = plan(wanted, seen(wanted))
    (made,) = [one.op for one in planned.steps if isinstance(one.op, MakeVolume)]
    assert made.mark
    assert made.mark.upgrades == (FIRST.id,)
    assert "UpgradeVolume" not in kinds(planned)


def test_data_that_is_adopted_is_of_a_version_that_nobody_knows() -> None:
    wanted = wanting()
    world = World(seen(wanted, serving("db-1", None)))
    planned = plan(wanted, world.facts)
    assert kinds(planned)[0] == "AdoptVolume"
    assert upgrading(planned).upgrading.mark.upgrades == ()
    world.run(planned)
    assert plan(wanted, world.facts).empty


def test_without_a_new_version_what_runs_stops_for_it_alone() -> None:
    wanted = wanting()
    one = container(database("v2"), "on-db-1")
    there = replace(
        serving("db-1"), containers=(one,), proven=("on-db-1",),
        volumes={NAME: FoundVolume(NAME, mark=LIVE, users=(one.name,), project="shop", env="test")},
    )  # fmt: skip
    planned = plan(wanted, seen(wanted, there))
    (phase,) = [
        stage for stage in planned.stages if stage.turns[0].steps[0].host and "upgrade" in _title(stage)
    ]
    assert isinstance(phase, Phase)
    assert (phase.on_failure, phase.limit) == ("rollback", 1)
    assert [type(node) for node in phase.turns[0].steps] == [UpgradeVolume, Gate]
    assert upgrading(planned).upgrading.replaced == ()


def _title(stage: object) -> str:
    return stage.title if isinstance(stage, Phase) else ""


HALF = replace(LIVE, state=State.INCOMING, snapshot=BEFORE.id)


@pytest.mark.parametrize(
    ("upgrade", "mark", "moving", "done", "refused"),
    [
        (None, LIVE, {}, ["TakeSnapshot"], ""),
        (FIRST, DONE, {}, ["TakeSnapshot"], ""),
        (SECOND, DONE, {}, ["UpgradeVolume"], ""),
        (None, DONE, {}, [], "has had an upgrade that this version does not know"),
        (FIRST, replace(DONE, upgrades=(FIRST.id, SECOND.id)), {}, [], "has had an upgrade that this"),
        (None, DONE, {"adopt": ("data",)}, ["TakeSnapshot", "AdoptVolume"], ""),
        (SECOND, DONE, {"adopt": ("data",)}, ["UpgradeVolume"], ""),
        # A run that goes back, before anything was healthy on it; and after that.
        (None, replace(DONE, proven=False), {"back": True}, ["RestoreVolume"], ""),
        (None, DONE, {"back": True}, [], "has had an upgrade that this version does not know"),
        (None, replace(DONE, proven=False, generation=4), {"back": True}, [], "has had an upgrade"),
        # Cut off in the midst of it.
        (FIRST, HALF, {}, ["UpgradeVolume"], ""),
        (None, HALF, {}, ["RestoreVolume"], ""),
        (None, HALF, {"back": True}, ["RestoreVolume"], ""),
        (FIRST, replace(HALF, snapshot=OLD.id), {}, [], "volume data is half restored here"),
    ],
)  # fmt: skip
def test_cells(
    upgrade: Upgrade | None, mark: Mark, moving: dict[str, object], done: list[str], refused: str
) -> None:
    wanted = wanting(upgrade, **moving)
    there = holding(serving("db-1", mark), OLD, BEFORE)
    planned = plan(wanted, seen(wanted, there))
    ours = {"TakeSnapshot", "UpgradeVolume", "RestoreVolume", "AdoptVolume"}
    if not refused:
        assert not planned.errors
        assert [one for one in kinds(planned) if one in ours] == done
    else:
        assert any(refused in one for one in refusals(planned))


def test_the_refusal_names_the_snapshot_and_the_other_way() -> None:
    wanted = wanting(None, "v1")
    planned = plan(wanted, seen(wanted, holding(serving("db-1", DONE), BEFORE)))
    assert refusals(planned) == [
        "db-1: volume data has had an upgrade that this version does not know: it may be too new: "
        f"inv volumes restore data --snapshot {BEFORE.id}, and then this again; "
        "--adopt data starts it on what is there"
    ]


def test_a_cut_off_one_begins_with_what_it_has_kept() -> None:
    wanted = wanting()
    one = upgrading(plan(wanted, seen(wanted, holding(serving("db-1", HALF), BEFORE)))).upgrading
    assert (one.kept, one.keeping) == (BEFORE, None)
    assert one.live == replace(LIVE, generation=3, proven=False, upgrades=(FIRST.id,))
    command = job_container(_job(), database(), "left", state="running")
    there = replace(serving("db-1", HALF), containers=(*serving("db-1").containers, command))  # type: ignore[misc]
    planned = plan(wanted, seen(wanted, holding(there, BEFORE)))
    assert "remove what interrupted jobs left" in [_title(stage) for stage in planned.stages]
    assert not any("still runs" in finding.what for finding in planned.findings)


def _job() -> Job:
    return command().job


def test_what_it_brings_back_is_what_the_earlier_version_had() -> None:
    wanted = wanting(None, "v0", back=True)
    there = holding(serving("db-1", replace(DONE, proven=False)), BEFORE)
    (one,) = [
        node for node in every_step(plan(wanted, seen(wanted, there))) if isinstance(node, RestoreVolume)
    ]
    assert (one.restoring.live.upgrades, one.restoring.live.generation) == ((), 4)
    assert one.restoring.replaced == ("on-db-1",)
    assert one.restoring.keeping is None


def test_not_while_it_moves() -> None:
    wanted = caring(wish("db-2"), VolumeCare(upgrade=FIRST))
    planned = plan(wanted, seen(wanted, serving("db-1")))
    assert any("is to move, and its data has had other upgrades" in one for one in refusals(planned))
    moved = plan(wanted, seen(wanted, serving("db-1", DONE)))
    assert not moved.errors


def test_its_image_is_needed_and_the_helper() -> None:
    wanted = wanting()
    planned = plan(wanted, facts(wanted, serving("db-1")))
    assert any(f"the image {IMAGE}, which upgrades volume data" in one for one in refusals(planned))
    wanted = wanting(image="")
    planned = plan(wanted, seen(wanted, serving("db-1")))
    assert any("to change the data of a volume, Fleet needs its helper" in one for one in refusals(planned))


def test_no_trial_beside_it() -> None:
    wanted = wanting()
    wanted = replace(wanted, trial={"db.db": 0})
    planned = plan(wanted, seen(wanted, serving("db-1")))
    assert all("cannot be tried" in one for one in refusals(planned))


def test_keep_never_counts_what_was_before_an_upgrade() -> None:
    wanted = caring(wish("db-1"), VolumeCare(before_deploy=True, keep=1))
    planned = plan(
        wanted, seen(wanted, holding(serving("db-1"), replace(BEFORE, id="20250101-000000-0000"), OLD))
    )
    gone = [one.op.snapshot.id for one in planned.steps if hasattr(one.op, "snapshot")]
    assert gone == [OLD.id]


def test_the_newest_from_before_upgrades_stay_by_themselves() -> None:
    """Also where an upgrade is about to take one more, and when somebody prunes."""
    older = tuple(replace(BEFORE, id=f"2025010{day}-000000-0000", upgrades=("a",)) for day in (1, 2, 3))
    care = VolumeCare(before_deploy=True, keep=2)
    there = holding(serving("db-1"), *older, OLD)
    wanted = caring(wish("db-1"), care)
    gone = [one.op for one in plan(wanted, seen(wanted, there)).steps if isinstance(one.op, DropSnapshot)]
    assert [one.snapshot for one in gone] == [older[0]]
    assert gone[0].describe().endswith("(before the upgrade of v2; the newest 2 of them stay)")
    wanted = caring(wish("db-1"), replace(care, upgrade=FIRST))
    gone = [one.op for one in plan(wanted, seen(wanted, there)).steps if isinstance(one.op, DropSnapshot)]
    assert [one.snapshot for one in gone] == list(older[:2])
    (phase,) = all_outlived(wanted, seen(wanted, there))
    assert [one.op.snapshot for turn in phase.turns for one in turn.steps] == [older[0]]  # type: ignore[union-attr]
    assert all_outlived(wanted, seen(wanted, holding(serving("db-1"), *older[1:], OLD))) == ()
    half = replace(HALF, snapshot=older[0].id)
    assert all_outlived(wanted, seen(wanted, holding(serving("db-1", half), *older, OLD))) == ()


def test_what_was_kept_for_tries_that_came_to_nothing_goes_once_it_is_done() -> None:
    wanted = wanting(SECOND)
    tried = replace(BEFORE, id="20260104-030405-00ff", generation=3, upgrades=DONE.upgrades)
    world = World(seen(wanted, holding(serving("db-1", DONE), BEFORE, tried)))
    planned = plan(wanted, world.facts)
    assert kinds(planned)[-4:] == ["UpgradeVolume", "Replace", "Gate", "DropSnapshot"]
    world.run(planned)
    left = world.facts.hosts["db-1"].snapshots[NAME]  # type: ignore[index]
    assert [one.id for one in left][:-1] == [BEFORE.id]


def test_by_hand_nothing_starts_on_data_that_is_not_for_it() -> None:
    wanted = wanting()
    there = seen(wanted, holding(serving("db-1", DONE), BEFORE))
    planned = restore(wanted, there, "data", BEFORE.id, {})
    assert not planned.errors
    (one,) = [node for node in every_step(planned) if isinstance(node, RestoreVolume)]
    assert one.restoring.live.upgrades == ()
    assert one.restoring.replaced == ("on-db-1",)
    assert one.describe().endswith("stops meanwhile and stays so: the data is another version's")
    assert not any(isinstance(node, Gate) for node in every_step(planned))
