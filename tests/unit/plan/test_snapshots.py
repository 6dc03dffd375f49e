"""Snapshots in a plan: before what is changed, how many stay, by hand, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.facts.volumes import made_with
from fleet.model.desired import Desired, Volume
from fleet.model.found import Facts, HostFacts, Unknown
from fleet.model.services import Mount, Service
from fleet.model.snapshots import Kind, Snapshot, Within
from fleet.model.volume_care import Inside, VolumeCare
from fleet.model.volumes import FoundVolume, Mark, State
from fleet.ops.snapshots import DropSnapshot
from fleet.plan.build import plan
from fleet.plan.keeping import RestoreVolume, TakeSnapshot
from fleet.plan.offered import offered
from fleet.plan.tree import Gate, Node, Phase, Plan, Step
from fleet.plan.volume_by_name import restore, snapshot
from fleet.plan.volume_rows import rows
from fleet.report.plan_text import plan_lines
from tests.support.build import container, job_container, migration, pinned
from tests.support.simulate import World, every_step
from tests.unit.plan.test_volumes import (
    ELSE,
    FENCED,
    HELPER,
    INCOMING,
    LIVE,
    NAME,
    database,
    facts,
    lying,
    refusals,
    serving,
    wish,
)

CARE = VolumeCare(before_deploy=True)
OLD = Snapshot("20260102-030405-00ff", NAME, "first", 1, "v1", 1, 3, 1000, "d", why="before v2")


def caring(wanted: Desired, care: VolumeCare = CARE, version: str = "v2") -> Desired:
    """The next version of the database, and what its role says of the volume."""

    def services(found: tuple[Service, ...]) -> tuple[Service, ...]:
        return tuple(replace(database(version), update=one.update) for one in found)

    def volumes(found: tuple[Volume, ...]) -> tuple[Volume, ...]:
        return tuple(replace(one, care=care) for one in found)

    hosts = (
        replace(state, services=services(state.services), volumes=volumes(state.volumes))
        for state in wanted.hosts
    )
    return replace(wanted, hosts=tuple(hosts), version=version)


def holding(host: HostFacts, *snapshots: Snapshot) -> HostFacts:
    volumes = {
        one.name: FoundVolume(one.name, project="shop", env="test", snapshot=NAME) for one in snapshots
    }
    return replace(host, snapshots={NAME: snapshots}, volumes={**host.volumes, **volumes})  # type: ignore[dict-item]


def numbered(count: int) -> list[Snapshot]:
    return [replace(OLD, id=f"2026010{number}-030405-00ff") for number in range(1, count + 1)]


def keeps(planned: Plan) -> list[str]:
    kinds = TakeSnapshot | RestoreVolume | DropSnapshot
    done = [(one.op if isinstance(one, Step) else one) for one in every_step(planned)]
    return [one.describe() for one in done if isinstance(one, kinds)]


def only(planned: Plan) -> TakeSnapshot:
    (one,) = [one for one in every_step(planned) if isinstance(one, TakeSnapshot)]
    return one


def test_before_anything_is_changed() -> None:
    wanted = caring(wish("db-1", "db-2"))
    planned = plan(wanted, facts(wanted, serving("db-1"), serving("db-2", ELSE)))
    assert not planned.errors
    titles = [stage.title for stage in planned.stages if isinstance(stage, Phase)]
    assert titles == ["pull images", "take snapshots"]
    phase = planned.stages[1]
    assert isinstance(phase, Phase)
    assert phase.harmless
    # What pauses on one host goes on on the other.
    assert phase.limit == 1
    assert "take snapshots, one host at once" in [line.text for line in plan_lines(planned)]
    assert keeps(planned) == [f"snapshot volume {NAME} (its writers pause for the last pass)"] * 2
    taking = phase.turns[0].steps[0]
    assert isinstance(taking, TakeSnapshot)
    made = taking.taking
    assert (made.volume, made.role, made.host, made.mark) == (NAME, "db", "db-1", LIVE)
    assert ([one.id for one in made.writers], made.readers) == (["on-db-1"], ())
    assert (made.version, made.why, made.image) == ("v0", "before v2", pinned(HELPER))
    # The helper comes with the images.
    assert any("fleet-volumes" in line.text for line in plan_lines(planned))


def test_only_where_a_service_that_mounts_it_is_changed() -> None:
    wanted = caring(wish("db-1", "db-2"))
    now = container(database("v2"), "new")
    there = serving("db-1")
    seen = replace(there, containers=(now,), proven=("new",),
                   volumes={NAME: FoundVolume(NAME, mark=LIVE, users=(now.name,))})  # fmt: skip
    planned = plan(wanted, facts(wanted, seen, serving("db-2", ELSE)))
    assert [one.host for one in every_step(planned) if isinstance(one, TakeSnapshot)] == ["db-2"]


@pytest.mark.parametrize(
    ("care", "mark"),
    [
        (VolumeCare(), LIVE),
        (VolumeCare(keep=7), LIVE),
        (CARE, replace(LIVE, state=State.FENCED, peer="db-2")),
        (CARE, replace(LIVE, state=State.INCOMING, snapshot=OLD.id)),
    ],
)
def test_only_where_the_role_says_so_and_the_volume_is_live(care: VolumeCare, mark: Mark) -> None:
    wanted = caring(wish("db-1"), care)
    assert keeps(plan(wanted, facts(wanted, serving("db-1", mark)))) == []


def test_what_begins_anew_or_comes_from_elsewhere_has_nothing_to_keep() -> None:
    wanted = caring(wish("db-2"))
    assert keeps(plan(wanted, facts(wanted))) == []
    assert keeps(plan(wanted, facts(wanted, serving("db-1")))) == []


def test_what_is_adopted_by_this_very_run_is_kept_first() -> None:
    wanted = caring(wish("db-1"))
    planned = plan(wanted, facts(wanted, serving("db-1", None)))
    assert [stage.title for stage in planned.stages if isinstance(stage, Phase)] == [
        "adopt volumes", "pull images", "take snapshots",
    ]  # fmt: skip
    World(facts(wanted, serving("db-1", None))).run(planned)


def test_the_way_back_of_a_run_that_failed_takes_none() -> None:
    wanted = caring(wish("db-1", back=True))
    assert keeps(plan(wanted, facts(wanted, serving("db-1")))) == []


@pytest.mark.parametrize(("keep", "there", "gone"), [(3, 2, 0), (3, 3, 1), (3, 5, 3), (1, 2, 2), (1, 0, 0)])
def test_the_oldest_go_once_there_is_another_one(keep: int, there: int, gone: int) -> None:
    wanted = caring(wish("db-1"), replace(CARE, keep=keep))
    seen = facts(wanted, holding(serving("db-1"), *numbered(there)))
    planned = plan(wanted, seen)
    why = f"the newest {keep} stay" if keep > 1 else "one stays"
    assert keeps(planned)[1:] == [
        f"remove snapshot {one.id} of volume {NAME} ({why})" for one in numbered(there)[:gone]
    ]
    world = World(seen)
    world.run(planned)
    snapshots = world.facts.hosts["db-1"].snapshots
    assert isinstance(snapshots, dict)
    assert len(snapshots[NAME]) == min(keep, there + 1)
    assert plan(wanted, world.facts).empty


def test_without_a_helper_none_is_taken_and_nothing_changed() -> None:
    wanted = caring(wish("db-1", image=""))
    (error,) = refusals(plan(wanted, facts(wanted, serving("db-1"))))
    assert "to take a snapshot of a volume, Fleet needs its helper image" in error
    wanted = caring(wish("db-1", image="nowhere:1"))
    (error,) = refusals(plan(wanted, facts(wanted, serving("db-1"))))
    assert "the helper image nowhere:1 is on no host" in error
    # Who changes nothing needs none.
    wanted = caring(wish("db-1", image=""), version="v1")
    seen = replace(serving("db-1"), proven=("on-db-1",))
    assert not plan(wanted, facts(wanted, seen)).errors


def test_records_that_cannot_be_read_end_the_plan() -> None:
    wanted = caring(wish("db-1"))
    seen = replace(serving("db-1"), snapshots=Unknown("snapshots: the record of x is damaged"))
    (error,) = refusals(plan(wanted, facts(wanted, seen)))
    assert error.startswith("db-1: cannot read snapshots: the record of x is damaged: mend its file in")


def test_the_commands_of_the_role_in_place_of_a_pause() -> None:
    lock, unlock = Inside("db", ("lock",)), Inside("db", ("unlock",))
    wanted = caring(wish("db-1"), replace(CARE, freeze=lock, thaw=unlock))
    one = only(plan(wanted, facts(wanted, serving("db-1"))))
    assert one.describe() == f"snapshot volume {NAME} (frozen by db.db for the last pass)"
    assert one.taking.freeze == Within("on-db-1", "db.db", ("lock",))
    assert one.taking.thaw == Within("on-db-1", "db.db", ("unlock",))
    wanted = caring(wish("db-1"), replace(CARE, dump=lock, load=unlock))
    one = only(plan(wanted, facts(wanted, serving("db-1"))))
    assert one.describe() == f"snapshot volume {NAME} (dumped by db.db)"


def test_a_service_that_does_not_run_can_neither_freeze_nor_dump() -> None:
    """And a deploy that mends it must not fail for that."""
    lock, unlock = Inside("db", ("lock",)), Inside("db", ("unlock",))
    for care in (replace(CARE, freeze=lock, thaw=unlock), replace(CARE, dump=lock, load=unlock)):
        wanted = caring(wish("db-1"), care)
        down = serving("db-1")
        down = replace(down, containers=tuple(replace(one, state="exited") for one in down.of_services))
        one = only(plan(wanted, facts(wanted, down)))
        assert one.describe() == f"snapshot volume {NAME} (nothing runs on it)"
        assert one.taking.version == "v0"


def test_who_only_reads_is_not_paused() -> None:
    wanted = caring(wish("db-1"))
    reader = database()
    mounts = (Mount("volume", "/data", NAME, read_only=True),)
    reader = replace(reader, name="exporter", container=replace(reader.container, mounts=mounts))
    job = job_container(migration(role="db", service="db"), database(), "job", state="running")
    there = serving("db-1")
    also = container(reader, "reading")
    users = (*(one.name for one in there.of_services), also.name, job.name)
    seen = replace(
        there, containers=(*there.of_services, also, job),
        volumes={NAME: FoundVolume(NAME, mark=LIVE, users=users)},
    )  # fmt: skip
    made = only(plan(wanted, facts(wanted, seen))).taking
    assert {one.id for one in made.writers} == {"on-db-1", "job"}
    assert made.readers == ("reading",)


def test_a_snapshot_is_no_volume_of_its_own() -> None:
    wanted = wish("db-1")
    seen = facts(wanted, holding(serving("db-1"), OLD))
    assert [row.volume for row in rows(wanted, seen)] == [NAME]


def test_what_is_half_restored_is_told() -> None:
    half = replace(LIVE, state=State.INCOMING, peer="", snapshot=OLD.id)
    wanted = wish("db-1")
    seen = facts(wanted, lying("db-1", half), homes={"db-1": LIVE})
    assert rows(wanted, seen)[0].drift.startswith(f"half restored from snapshot {OLD.id}")
    (error,) = refusals(plan(wanted, seen))
    assert error == (
        "db-1: volume data is half restored here: "
        f"inv volumes restore data --snapshot {OLD.id} goes on, and another snapshot will do, too"
    )
    # The operator may say that it is the data, all the same.
    assert not plan(wish("db-1", adopt=("data",)), seen).errors


# --- by hand


def texts(planned: Plan) -> list[str]:
    return [one.describe() for one in every_step(planned)]


def test_by_hand_on_each_host_that_has_it() -> None:
    wanted = wish("db-1", "db-2")
    planned = snapshot(wanted, facts(wanted, serving("db-1"), lying("db-2")), "data", {})
    assert not planned.errors
    assert keeps(planned) == [
        f"snapshot volume {NAME} (its writers pause for the last pass)",
        f"snapshot volume {NAME} (nothing runs on it)",
    ]
    assert {one.taking.why for one in every_step(planned) if isinstance(one, TakeSnapshot)} == {"by hand"}


@pytest.mark.parametrize(
    ("name", "host", "told"),
    [
        ("dta", serving("db-1"), "has a role with a volume dta, did you mean 'data'?: known: data"),
        ("data", None, "volume data: it is not here"),
        ("data", serving("db-1", None), "nobody knows yet what it is; the next deploy adopts it"),
        ("data", lying("db-1", FENCED), "its data went to db-1"),
        ("data", lying("db-1", INCOMING), "an incomplete copy from db-1"),
        ("data", lying("db-1", replace(INCOMING, snapshot="x")), "half restored from snapshot x"),
    ],
)  # fmt: skip
def test_what_there_is_nothing_to_keep_of(name: str, host: HostFacts | None, told: str) -> None:
    wanted = wish("db-1")
    (error,) = refusals(snapshot(wanted, facts(wanted, *([host] if host else [])), name, {}))
    assert told in error


def back(
    host: HostFacts, id_: str = OLD.id, care: VolumeCare = CARE, **known: object
) -> tuple[Desired, Facts, Plan]:
    wanted = caring(wish("db-1"), care, "v1")
    seen = facts(wanted, host, **known)  # type: ignore[arg-type]
    return wanted, seen, restore(wanted, seen, "data", id_, {})


def test_by_hand_ignorance_is_refused_too() -> None:
    wanted = wish("db-1")
    seen = facts(wanted, replace(serving("db-1"), snapshots=Unknown("snapshots: the record of x is damaged")))
    for planned in (snapshot(wanted, seen, "data", {}), restore(wanted, seen, "data", OLD.id, {})):
        assert "cannot read snapshots: the record of x is damaged" in refusals(planned)[0]
        assert planned.empty


def restoring(planned: Plan) -> RestoreVolume:
    (one,) = [one for one in every_step(planned) if isinstance(one, RestoreVolume)]
    return one


def test_back_to_a_snapshot() -> None:
    _, seen, planned = back(holding(serving("db-1"), OLD))
    assert not planned.errors
    (name,) = [one.name for one in seen.hosts["db-1"].of_services]
    assert keeps(planned) == [
        f"restore volume {NAME} from snapshot {OLD.id}; what is there is kept; {name} stops meanwhile"
    ]
    one = restoring(planned).restoring
    assert (one.mark, one.live) == (LIVE, Mark("first", 3, State.LIVE, proven=True))
    assert one.keeping
    assert (one.keeping.why, one.keeping.version) == (f"before restore of {OLD.id}", "v0")
    nodes: list[Node] = every_step(planned)
    assert isinstance(nodes[-1], Gate)
    assert nodes[-1].service.key == "db.db"
    world = World(seen)
    world.run(planned)
    assert plan(caring(wish("db-1"), CARE, "v1"), world.facts).errors == ()


def test_back_where_it_is_gone() -> None:
    empty = replace(holding(lying("db-1"), OLD))
    volumes = {name: one for name, one in empty.volumes.items() if name != NAME}  # type: ignore[union-attr]
    _, seen, planned = back(replace(empty, volumes=volumes), homes={"db-1": LIVE})
    assert not planned.errors
    node = restoring(planned)
    assert node.make
    live = Mark("first", 3, State.LIVE, made=made_with(node.make.labels))
    assert node.make.mark == replace(live, state=State.INCOMING, snapshot=OLD.id)
    assert node.restoring.live == live
    assert node.restoring.keeping is None
    world = World(seen)
    world.run(planned)
    assert not plan(caring(wish("db-1"), CARE, "v1"), world.facts).errors


def test_going_on_with_what_was_cut_off() -> None:
    half = replace(LIVE, state=State.INCOMING, peer="", snapshot="another")
    stopped = holding(serving("db-1", half), OLD)
    stopped = replace(
        stopped,
        containers=tuple(
            replace(one, state="exited", altered=("restart: always → no",)) for one in stopped.of_services
        ),
    )
    _, _, planned = back(stopped)
    one = restoring(planned).restoring
    assert (one.keeping, one.writers, one.mark, one.live.generation) == (None, (), half, 3)
    assert isinstance(every_step(planned)[-1], Gate)


def test_a_dump_needs_its_service_and_stops_nothing() -> None:
    care = replace(CARE, dump=Inside("db", ("dump",)), load=Inside("db", ("load",)))
    dumped = replace(OLD, kind=Kind.DUMP)
    _, _, planned = back(holding(serving("db-1"), dumped), care=care)
    one = restoring(planned).restoring
    assert (one.writers, one.load) == ((), Within("on-db-1", "db.db", ("load",)))
    assert one.keeping
    assert one.keeping.dump
    down = holding(serving("db-1"), dumped)
    down = replace(down, containers=tuple(replace(one, state="exited") for one in down.of_services))
    assert "is loaded in db.db, which does not run" in refusals(back(down, care=care)[2])[0]
    assert "no command to load it" in refusals(back(holding(serving("db-1"), dumped))[2])[0]


def test_refusals_of_a_restore() -> None:
    fenced = holding(lying("db-1", replace(LIVE, state=State.FENCED, peer="db-2")), OLD)
    assert "its data went to db-2" in refusals(back(fenced)[2])[0]
    gone = replace(holding(lying("db-1"), OLD), volumes={})
    assert "lives on db-2" in refusals(back(gone, homes={"db-2": LIVE})[2])[0]
    (error,) = refusals(back(holding(serving("db-1"), OLD), "20260102-030405-00fe")[2])
    assert f"has a snapshot 20260102-030405-00fe of volume data, did you mean '{OLD.id}'?" in error
    job = job_container(migration(role="db", service="db"), database(), "job", state="running")
    there = holding(serving("db-1"), OLD)
    users = (*there.volumes[NAME].users, job.name)  # type: ignore[index]
    there = replace(there, containers=(*there.of_services, job),
                    volumes={**there.volumes, NAME: FoundVolume(NAME, mark=LIVE, users=users)})  # type: ignore[dict-item]  # fmt: skip
    assert "job migrate uses volume" in refusals(back(there)[2])[0]
    wanted = wish("db-1", "db-2")
    both = facts(wanted, holding(serving("db-1"), OLD), holding(serving("db-2"), OLD))
    (error,) = refusals(restore(wanted, both, "data", OLD.id, {}))
    assert f"snapshot {OLD.id} is on db-1, db-2: name one of them: --limit" in error


# --- offered by a rollback


def test_what_belongs_to_a_rollback_is_offered() -> None:
    wanted = wish("db-1")
    later = replace(OLD, id="20260103-030405-00ff", version="v2", why="before v3")
    seen = facts(wanted, holding(serving("db-1"), OLD, later))
    nothing = plan(wanted, seen)
    told = [*offered(nothing, replace(wanted, version="v1"), seen, "v2")]
    assert told == [f"db-1: volume data as it was before v2: inv volumes restore data --snapshot {OLD.id}"]
    (told_at,) = offered(nothing, replace(wanted, version="v2"), seen, "v4")
    assert f"as it was at v2: inv volumes restore data --snapshot {later.id}" in told_at
    assert [*offered(nothing, replace(wanted, version="v7"), seen, "v8")] == []


def test_what_the_rollback_itself_removes_is_not_offered() -> None:
    wanted = caring(wish("db-1"), replace(CARE, keep=1))
    seen = facts(wanted, holding(serving("db-1"), OLD))
    assert [*offered(plan(wanted, seen), wanted, seen, "v2")] == []
