"""What becomes of a named volume, cell by cell: what is planned, and what each refusal says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from fleet.model.desired import Desired, HostState, Role, Volume
from fleet.model.found import Facts, HostFacts
from fleet.model.services import Mount, Service
from fleet.model.volumes import FoundVolume, Home, Mark, Moving, State
from fleet.ops.adopt import AdoptVolume
from fleet.plan.build import plan
from fleet.plan.tree import CopyVolume, MoveVolume, Plan
from fleet.plan.volume_cases import Case, cases
from fleet.plan.volume_table import TABLE, Change, Found, Known
from tests.support.build import REGISTRY, container, desired, digest_of, facts_for, host_facts, service
from tests.support.simulate import World, every_step

NAME = "shop-test-db_data"
HELPER = f"{REGISTRY}/fleet-volumes:1"
VOLUME = Volume(NAME, "db")
LIVE = Mark("first", 2, State.LIVE, proven=True)
OURS = FoundVolume(NAME, project="shop", env="test", role="db")
HOSTS = ("db-1", "db-2", "db-3")


def database(version: str = "v1") -> Service:
    one = service("db", "db", version)
    return replace(one, container=replace(one.container, mounts=(Mount("volume", "/data", NAME),)))


def wish(*hosts: str, run: tuple[str, ...] = HOSTS, **moving: object) -> Desired:
    """Role ``db`` on ``hosts``; the run is about ``run``."""
    made = desired({host: [database()] for host in hosts})
    states = {state.host: replace(state, volumes=(VOLUME,)) for state in made.hosts}
    given = {"image": HELPER, "addresses": {host: f"192.0.2.{host[-1]}" for host in HOSTS}}
    return replace(
        made,
        roles=(Role("db", hosts, services=("db",)),),
        hosts=tuple(states.get(host, HostState(host)) for host in run),
        moving=Moving(**{**given, **moving}),  # type: ignore[arg-type]
    )


def found(mark: Mark | None = LIVE, **fields: object) -> FoundVolume:
    return replace(OURS, mark=mark, **fields)  # type: ignore[arg-type]


def serving(host: str, mark: Mark | None = LIVE) -> HostFacts:
    """The database runs there, on its volume."""
    one = container(database(), f"on-{host}")
    volume = found(mark, users=(one.name,))
    return host_facts(host, [one], [one.definition.container.image], volumes={NAME: volume})  # type: ignore[union-attr]


def lying(host: str, mark: Mark | None = LIVE, **fields: object) -> HostFacts:
    """A volume that nothing uses."""
    return host_facts(host, volumes={NAME: found(mark, **fields)})


def facts(wanted: Desired, *hosts: HostFacts, homes: Mapping[str, Mark] | None = None) -> Facts:
    made = facts_for(wanted, *hosts)
    told = tuple(Home(host, mark.lineage, mark.generation) for host, mark in (homes or {}).items())
    digests = {**made.digests, HELPER: digest_of(HELPER), database().container.image: digest_of("x:v1")}
    return replace(made, homes={NAME: told} if told else {}, digests=digests)


def one(wanted: Desired, found: Facts, host: str = "db-2") -> Case:
    (case,) = (case for case in cases(wanted, found) if case.host == host)
    return case


def refusals(planned: Plan) -> list[str]:
    return [f"{one.host}: {one.what}: {one.hint}" for one in planned.errors]


def test_every_cell_is_there_and_has_its_reason() -> None:
    assert set(TABLE) == set(Found)
    for cells in TABLE.values():
        assert set(cells) == set(Known)
        for change, why in cells.values():
            assert why
            # A refusal names at least one way out.
            assert (len(why.splitlines()) > 1) == (change is Change.REFUSE)


AWAY = replace(LIVE, generation=3, peer="db-2")
"""What went from db-2 to db-1."""
BEFORE = replace(LIVE, generation=1)
ELSE = Mark("second", 0, State.LIVE)
FENCED = replace(LIVE, state=State.FENCED, peer="db-1")
INCOMING = replace(LIVE, state=State.INCOMING, peer="db-1", proven=False)

CELLS: list[tuple[Found, Known, Change, dict[str, object]]] = [
    (Found.ABSENT, Known.NOWHERE, Change.CREATE, {}),
    (Found.ABSENT, Known.HERE, Change.REFUSE, {"homes": {"db-2": LIVE}}),
    (Found.ABSENT, Known.LEAVES, Change.MOVE, {"hosts": [serving("db-1")]}),
    (Found.ABSENT, Known.UNPROVEN, Change.MOVE, {"hosts": [lying("db-1", replace(AWAY, proven=False))]}),
    (Found.ABSENT, Known.WRITTEN, Change.MOVE, {"hosts": [serving("db-1", replace(AWAY, proven=False))]}),
    (Found.ABSENT, Known.SEVERAL, Change.REFUSE, {"hosts": [serving("db-1"), lying("db-3", ELSE)]}),
    (Found.ABSENT, Known.SILENT, Change.REFUSE, {"homes": {"db-0": LIVE}}),
    (Found.USED, Known.NOWHERE, Change.ADOPT, {"hosts": [serving("db-2", None)]}),
    (Found.USED, Known.HERE, Change.ADOPT, {"hosts": [serving("db-2", None)], "homes": {"db-2": LIVE}}),
    (Found.USED, Known.SEVERAL, Change.ADOPT, {"hosts": [serving("db-2", None), serving("db-1")]}),
    (Found.USED, Known.SILENT, Change.ADOPT, {"hosts": [serving("db-2", None)], "homes": {"db-0": LIVE}}),
    (Found.IDLE, Known.NOWHERE, Change.ADOPT, {"hosts": [lying("db-2", None)]}),
    (Found.IDLE, Known.HERE, Change.ADOPT, {"hosts": [lying("db-2", None)], "homes": {"db-2": LIVE}}),
    (Found.IDLE, Known.LEAVES, Change.REFUSE, {"hosts": [lying("db-2", None), serving("db-1")]}),
    (Found.IDLE, Known.WRITTEN, Change.REFUSE,
     {"hosts": [lying("db-2", None), serving("db-1", replace(AWAY, proven=False))]}),
    (Found.IDLE, Known.SEVERAL, Change.REFUSE,
     {"hosts": [lying("db-2", None), serving("db-1"), lying("db-3", ELSE)]}),
    (Found.IDLE, Known.SILENT, Change.REFUSE, {"hosts": [lying("db-2", None)], "homes": {"db-0": LIVE}}),
    (Found.FOREIGN, Known.NOWHERE, Change.REFUSE, {"hosts": [lying("db-2", None, project="")]}),
    (Found.FOREIGN, Known.HERE, Change.REFUSE,
     {"hosts": [lying("db-2", None, env="prod")], "homes": {"db-2": LIVE}}),
    (Found.FOREIGN, Known.SILENT, Change.REFUSE,
     {"hosts": [lying("db-2", None, project="")], "homes": {"db-0": LIVE}}),
    # Marked, and by others.
    (Found.FOREIGN, Known.NOWHERE, Change.REFUSE, {"hosts": [lying("db-2", env="prod")]}),
    (Found.FOREIGN, Known.NOWHERE, Change.REFUSE, {"hosts": [lying("db-2", project="", users=("theirs",))]}),
    (Found.FOREIGN, Known.SILENT, Change.REFUSE,
     {"hosts": [lying("db-2", INCOMING, env="prod")], "homes": {"db-0": LIVE}}),
    (Found.ABSENT, Known.NOWHERE, Change.CREATE, {"hosts": [lying("db-1", env="prod")]}),
    (Found.LIVE, Known.NOWHERE, Change.KEEP, {"hosts": [lying("db-2")]}),
    (Found.LIVE, Known.HERE, Change.KEEP, {"hosts": [lying("db-2")], "homes": {"db-2": BEFORE}}),
    (Found.LIVE, Known.SEVERAL, Change.KEEP, {"hosts": [serving("db-2"), serving("db-1", ELSE)]}),
    (Found.LIVE, Known.SILENT, Change.KEEP, {"hosts": [serving("db-2")], "homes": {"db-0": ELSE}}),
    (Found.STALE, Known.HERE, Change.REFUSE, {"hosts": [lying("db-2", BEFORE)], "homes": {"db-2": LIVE}}),
    (Found.STALE, Known.LEAVES, Change.MOVE, {"hosts": [lying("db-2", BEFORE), serving("db-1")]}),
    (Found.STALE, Known.WRITTEN, Change.MOVE,
     {"hosts": [lying("db-2", BEFORE), serving("db-1", replace(AWAY, proven=False))]}),
    (Found.STALE, Known.SEVERAL, Change.REFUSE,
     {"hosts": [lying("db-2", BEFORE), serving("db-1"), lying("db-3", ELSE)]}),
    (Found.STALE, Known.SILENT, Change.REFUSE,
     {"hosts": [lying("db-2", BEFORE)], "homes": {"db-0": LIVE}}),
    (Found.OTHER, Known.HERE, Change.REFUSE, {"hosts": [lying("db-2", ELSE)], "homes": {"db-2": LIVE}}),
    (Found.OTHER, Known.SEVERAL, Change.REFUSE, {"hosts": [lying("db-2", ELSE), serving("db-1")]}),
    (Found.INCOMING, Known.NOWHERE, Change.REFUSE,
     {"hosts": [lying("db-2", INCOMING), serving("db-1")], "wanted": ("db-1", "db-2")}),
    (Found.INCOMING, Known.HERE, Change.REFUSE,
     {"hosts": [lying("db-2", INCOMING)], "homes": {"db-2": LIVE}}),
    (Found.INCOMING, Known.LEAVES, Change.RESUME, {"hosts": [lying("db-2", INCOMING), serving("db-1")]}),
    (Found.INCOMING, Known.LEAVES, Change.RESUME,
     {"hosts": [lying("db-2", INCOMING), lying("db-1", replace(FENCED, peer="db-2"))]}),
    (Found.INCOMING, Known.WRITTEN, Change.RESUME,
     {"hosts": [lying("db-2", INCOMING), serving("db-1", replace(AWAY, proven=False))]}),
    (Found.INCOMING, Known.SILENT, Change.REFUSE,
     {"hosts": [lying("db-2", replace(INCOMING, peer="db-0"))], "homes": {"db-0": LIVE}}),
    (Found.FENCED, Known.NOWHERE, Change.REFUSE,
     {"hosts": [lying("db-2", FENCED), serving("db-1", AWAY)], "wanted": ("db-1", "db-2")}),
    (Found.FENCED, Known.HERE, Change.REFUSE, {"hosts": [lying("db-2", FENCED)], "homes": {"db-2": LIVE}}),
    (Found.FENCED, Known.LEAVES, Change.MOVE_BACK, {"hosts": [lying("db-2", FENCED), serving("db-1", AWAY)]}),
    (Found.FENCED, Known.UNPROVEN, Change.TAKE_BACK,
     {"hosts": [lying("db-2", FENCED), lying("db-1", replace(AWAY, proven=False))]}),
    (Found.FENCED, Known.WRITTEN, Change.REFUSE,
     {"hosts": [lying("db-2", FENCED), serving("db-1", replace(AWAY, proven=False))]}),
    (Found.FENCED, Known.UNPROVEN, Change.TAKE_BACK,
     {"hosts": [lying("db-2", FENCED), lying("db-1", replace(INCOMING, peer="db-2"))]}),
    (Found.FENCED, Known.SILENT, Change.REFUSE,
     {"hosts": [lying("db-2", replace(FENCED, peer="db-0"))], "homes": {"db-0": AWAY}}),
]  # fmt: skip


@pytest.mark.parametrize(("how", "known", "change", "case"), CELLS)
def test_the_cell(how: Found, known: Known, change: Change, case: Mapping[str, object]) -> None:
    wanted = wish(*case.get("wanted", ("db-2",)))  # type: ignore[misc]
    there = facts(wanted, *case.get("hosts", ()), homes=case.get("homes"))  # type: ignore[misc, arg-type]
    seen = one(wanted, there)
    assert (seen.how, seen.known, seen.change) == (how, known, change)
    planned = plan(wanted, there)
    if change is Change.REFUSE:
        (text,) = refusals(planned)
        assert text.startswith("db-2: ")
        assert not text.endswith(": ")
        assert "{" not in text
        return
    assert not planned.errors
    world = World(there)
    world.run(planned)
    again = plan(wanted, world.facts)
    assert again.empty, [step.id for step in every_step(again)]
    assert not again.errors
    lineages = [
        volume.mark.lineage
        for host in world.facts.hosts.values()
        for volume in host.volumes.values()
        if volume.mark and volume.mark.state is State.LIVE
    ]
    assert len(lineages) == len(set(lineages)), "two of one lineage are live"


REFUSED = [
    ({"homes": {"db-2": LIVE}},
     "db-2: volume data is not here, and its data was: inv volumes restore data --snapshot ID, if there is "
     "one; restore it otherwise, then --adopt data; "
     "--volume-from data=HOST says where from; --allow-empty data begins anew"),
    ({"homes": {"db-0": LIVE}},
     "db-2: volume data is not here, and its data is on db-0, which is not in the inventory any more: "
     "--volume-from data=HOST says where from; --allow-empty data begins anew"),
    ({"homes": {"db-1": LIVE}},
     "db-2: volume data is not here, and db-1, where its data was, does not have it any more: "
     "--volume-from data=HOST says where from; --allow-empty data begins anew"),
    ({"homes": {"db-1": LIVE}, "run": ("db-2",)},
     "db-2: volume data is not here, and its data is on db-1, which is not a host of this run: "
     "--volume-from data=HOST says where from; --allow-empty data begins anew"),
    ({"hosts": [serving("db-1"), lying("db-3", ELSE)]},
     "db-2: volume data is not here, and there is data on db-1, db-3, which have no use for it any more: "
     "--volume-from data=HOST says where from; --allow-empty data begins anew"),
    ({"hosts": [lying("db-2", None), serving("db-1")]},
     "db-2: volume data is here without a mark, and there is data on db-1, which has no use for it any more: "
     "--adopt data takes what is here; docker volume rm shop-test-db_data, if it may go, and "
     "--volume-from data=HOST says where from"),
    ({"hosts": [lying("db-2", None, project="")]},
     "db-2: volume data is here, and Fleet did not make it: --adopt data takes it, with what is in it; "
     "docker volume rm shop-test-db_data, if it may go"),
    ({"hosts": [lying("db-2", BEFORE)], "homes": {"db-2": LIVE}},
     "db-2: volume data is older here than what is known of it: --adopt data takes what is here; "
     "--volume-from data=HOST says where from"),
    ({"hosts": [lying("db-2", ELSE), serving("db-1")]},
     "db-2: volume data holds other data here than what is expected: --adopt data takes what is here; "
     "docker volume rm shop-test-db_data, and the data is moved here"),
    ({"hosts": [lying("db-2", replace(INCOMING, peer="db-0"))], "homes": {"db-0": LIVE}},
     "db-2: an incomplete copy of volume data is here, and its data is on db-0, which is not in the "
     "inventory any more: --volume-from data=HOST says where from"),
    ({"hosts": [lying("db-2", FENCED)]},
     "db-2: volume data went from here to db-1, and nothing may start on what was left, and db-1 does not "
     "say what became of it: --volume-from data=HOST says where from; --adopt data takes what is here"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "text"), REFUSED)
def test_what_a_refusal_says(case: Mapping[str, object], text: str) -> None:
    wanted = wish("db-2", run=case.get("run", HOSTS))  # type: ignore[arg-type]
    there = facts(wanted, *case.get("hosts", ()), homes=case.get("homes"))  # type: ignore[misc, arg-type]
    assert refusals(plan(wanted, there)) == [text]


def test_two_hosts_come_and_one_leaves() -> None:
    wanted = wish("db-2", "db-3")
    there = facts(wanted, serving("db-1"))
    said = refusals(plan(wanted, there))
    assert [text.partition(": ")[0] for text in said] == ["db-2", "db-3"]
    assert "its data is on db-1, and more than one host has come that wants it" in said[0]
    # The operator says which: the other one then has a host that leaves no more, and begins anew.
    wanted = wish("db-2", "db-3", empty=("data",))
    assert [case.change for case in cases(wanted, there)] == [Change.CREATE, Change.CREATE]


def test_a_host_that_comes_while_none_leaves_begins_anew() -> None:
    wanted = wish("db-1", "db-2")
    there = facts(wanted, serving("db-1"), homes={"db-1": LIVE})
    assert [case.change for case in cases(wanted, there)] == [Change.KEEP, Change.CREATE]


def test_a_host_that_leaves_while_none_comes_keeps_its_data() -> None:
    wanted = wish("db-1")
    there = facts(wanted, serving("db-1"), serving("db-2", ELSE), homes={"db-1": LIVE, "db-2": ELSE})
    assert [case.change for case in cases(wanted, there)] == [Change.KEEP]


def test_what_is_outside_of_the_run_stays_where_it_is() -> None:
    """``--limit db-2`` brings up the second host of a role; the first keeps its own data."""
    wanted = wish("db-1", "db-2", run=("db-2",))
    assert one(wanted, facts(wanted, homes={"db-1": LIVE})).change is Change.CREATE


def test_another_roles_volume_on_a_host_is_left_alone() -> None:
    other = replace(database(), role="other")
    used = found(users=(other.container.name,))
    there = host_facts("db-1", [container(other)], volumes={NAME: used})
    wanted = replace(wish("db-2"), selected=("db",))
    assert one(wanted, facts(wanted, there)).change is Change.CREATE


def test_a_volume_of_two_roles_does_not_begin_anew_where_only_one_of_them_goes() -> None:
    """Both had it on db-1; ``db`` goes to db-2, and ``backup`` stays."""
    wanted = wish("db-1", "db-2")
    first, second, third = wanted.hosts
    theirs = replace(first, services=(), volumes=(replace(VOLUME, role="backup"),))
    roles = (Role("db", ("db-2",), services=("db",)), Role("backup", ("db-1",)))
    wanted = replace(wanted, hosts=(theirs, second, third), roles=roles)
    there = facts(wanted, lying("db-1"), homes={"db-1": LIVE})
    (text,) = refusals(plan(wanted, there))
    assert text.startswith("db-2: volume ")
    assert "is not here, and role backup has a volume of this name on db-1: give it another name" in text
    told = replace(wanted, moving=replace(wanted.moving, empty=(NAME,)))
    assert one(told, there).change is Change.CREATE
    # On a host that has both, or in an environment that begins, there is nothing to miss.
    assert one(wanted, facts(wanted)).change is Change.CREATE
    shared = replace(wanted, roles=(Role("db", ("db-1", "db-2"), services=("db",)), roles[1]))
    both = replace(first, volumes=(VOLUME, replace(VOLUME, role="backup")))
    shared = replace(shared, hosts=(both, second, third))
    assert one(shared, facts(shared, lying("db-1"))).change is Change.CREATE


def test_external_and_shared_volumes_are_as_they_were() -> None:
    for volume in (
        replace(VOLUME, external=True), replace(VOLUME, driver="rexray"),
        replace(VOLUME, options=(("device", ":/srv"), ("type", "nfs"))),
    ):  # fmt: skip
        wanted = wish("db-2")
        states = (replace(state, volumes=(volume,) if state.volumes else ()) for state in wanted.hosts)
        wanted = replace(wanted, hosts=tuple(states))
        there = facts(wanted, serving("db-1"), lying("db-2", None, project=""))
        planned = plan(wanted, there)
        assert not planned.errors
        assert [type(step.op).__name__ for step in planned.steps] == ["Pull", "Create"]


# --- the operator's word


def test_adopt_takes_what_is_there() -> None:
    for there in (
        [lying("db-2", None, project="")], [lying("db-2", None), serving("db-1", ELSE)],
        [lying("db-2", replace(ELSE, generation=3), env="prod")],
        [lying("db-2", ELSE)], [lying("db-2", BEFORE), serving("db-1")],
        [lying("db-2", INCOMING), serving("db-1")], [lying("db-2", FENCED), serving("db-1", AWAY)],
    ):  # fmt: skip
        for name in ("data", NAME):
            wanted = wish("db-2", adopt=(name,))
            before = facts(wanted, *there, homes={"db-2": LIVE})
            world = World(before)
            planned = plan(wanted, before)
            assert not planned.errors
            world.run(planned)
            live = [
                host for host, found in world.facts.hosts.items()
                for mark in [found.volumes[NAME].mark if NAME in found.volumes else None]
                if mark and mark.state is State.LIVE and mark.lineage == LIVE.lineage
            ]  # fmt: skip
            assert live in (["db-2"], []), live
            assert plan(wanted, world.facts).empty


def test_adopting_a_copy_while_the_data_stays_elsewhere_makes_two_of_it() -> None:
    wanted = wish("db-1", "db-2", adopt=("data",))
    before = facts(wanted, serving("db-1", AWAY), lying("db-2", FENCED))
    (step,) = (step for step in plan(wanted, before).steps if isinstance(step.op, AdoptVolume))
    assert step.op.mark.lineage != LIVE.lineage
    world = World(before)
    world.run(plan(wanted, before))
    assert plan(wish("db-1", "db-2"), world.facts).empty


def test_adopt_can_be_about_one_host() -> None:
    there = lying("db-1", None, project=""), lying("db-2", replace(INCOMING, peer="db-3"))
    wanted = wish("db-1", "db-2", adopt=("data=db-1",))
    assert [case.change for case in cases(wanted, facts(wanted, *there))] == [Change.ADOPT, Change.REFUSE]
    wanted = wish("db-1", "db-2", adopt=("data",))
    assert [case.change for case in cases(wanted, facts(wanted, *there))] == [Change.ADOPT, Change.ADOPT]


def test_empty_begins_anew() -> None:
    for there, homes in (([], {"db-2": LIVE}), ([serving("db-1")], {"db-1": LIVE}), ([], {"db-0": LIVE})):
        wanted = wish("db-2", empty=("data",))
        before = facts(wanted, *there, homes=homes)
        planned = plan(wanted, before)
        assert not planned.errors
        world = World(before)
        world.run(planned)
        assert plan(wanted, world.facts).empty


def test_volume_from_names_the_source() -> None:
    two = (serving("db-1"), lying("db-3", ELSE))
    for sources in ((("", "db-3"),), (("data", "db-3"),), ((NAME, "db-3"),)):
        wanted = wish("db-2", sources=sources)
        planned = plan(wanted, facts(wanted, *two))
        assert not planned.errors
        (move,) = (node for node in every_step(planned) if isinstance(node, MoveVolume))
        assert (move.move.source, move.move.mark) == ("db-3", ELSE)


UNUSABLE = [
    (("db-1", "db-2"), [serving("db-1")], {},
     "volume data cannot be taken from db-1, which keeps it: take db-1 out of role db, if it is to move"),
    (("db-2",), [], {"db-0": LIVE},
     "volume data cannot be taken from db-1, which has none: inv volumes tells which hosts have it"),
    (("db-2", "db-3"), [serving("db-1")], {},
     "volume data cannot be taken from db-1, because more than one host wants it: "
     "let one of them come at a time"),
    # It went to a host that is gone for good.
    (("db-2",), [lying("db-1", replace(FENCED, peer="db-0"))], {"db-0": AWAY},
     "volume data cannot be taken from db-1: what is there is not the newest of its data, or not complete, "
     "or in use: put db-1 into role db in place of db-2, deploy with --adopt data, and move it then"),
    (("db-2",), [serving("db-1"), lying("db-2", replace(FENCED, lineage="second", peer="db-3"))], {},
     "volume data cannot be taken from db-1, because other data is here: "
     "docker volume rm shop-test-db_data on db-2, if it may go"),
]  # fmt: skip


@pytest.mark.parametrize(("hosts", "found", "homes", "text"), UNUSABLE)
def test_a_volume_from_that_cannot_be_is_refused(
    hosts: tuple[str, ...], found: list[HostFacts], homes: Mapping[str, Mark], text: str
) -> None:
    wanted = wish(*hosts, sources=(("data", "db-1"),))
    assert f"db-2: {text}" in refusals(plan(wanted, facts(wanted, *found, homes=homes)))


def test_a_volume_from_without_a_name_is_about_hosts_that_leave() -> None:
    wanted = wish("db-1", "db-2", sources=(("", "db-1"),))
    assert one(wanted, facts(wanted, serving("db-1"))).change is Change.CREATE


def test_before_there_were_marks_an_earlier_release_tells_where_data_is() -> None:
    had = {NAME: ("db-1",)}
    gone = wish("db-2", run=("db-2",), addresses={"db-2": "192.0.2.2"})
    assert refusals(plan(gone, replace(facts(gone), had=had))) == [
        "db-2: volume data is not here, and its data is on db-1, which is not in the inventory any more: "
        "--volume-from data=HOST says where from; --allow-empty data begins anew"
    ]
    limited = wish("db-2", run=("db-2",))
    assert one(limited, replace(facts(limited), had=had)).change is Change.REFUSE
    more = wish("db-1", "db-2", run=("db-2",))
    assert one(more, replace(facts(more), had=had)).change is Change.CREATE
    there = replace(facts(limited, serving("db-2", None)), had=had)
    assert one(limited, there).change is Change.ADOPT
    moved = wish("db-2")
    assert one(moved, replace(facts(moved, serving("db-1", None)), had=had)).change is Change.MOVE


def test_the_unmarked_rest_of_what_went_elsewhere_does_not_go_anywhere_else() -> None:
    wanted = wish("db-2", "db-3")
    there = facts(wanted, lying("db-1", None), serving("db-3"), homes={"db-1": LIVE})
    assert [case.change for case in cases(wanted, there)] == [Change.CREATE, Change.KEEP]


TWICE = [
    # A clone of what went away from db-1 came back; it serves beside what is wanted.
    (("db-2",), [serving("db-1"), serving("db-2", AWAY)]),
    (("db-2",), [serving("db-1"), lying("db-2", replace(AWAY, peer="db-1"))]),
    (("db-1", "db-2"), [serving("db-1"), serving("db-2")]),
    (("db-1", "db-2"), [serving("db-1"), lying("db-2")]),
]


def test_nor_is_data_moved_that_is_in_use_on_a_third_host() -> None:
    wanted = wish("db-2")
    assert "the data of volume data is on db-3, too" in str(
        refusals(plan(wanted, facts(wanted, lying("db-1"), serving("db-3", BEFORE))))
    )


@pytest.mark.parametrize(("hosts", "there"), TWICE)
def test_the_same_data_in_use_on_two_hosts_is_refused(hosts: tuple[str, ...], there: list[HostFacts]) -> None:
    wanted = wish(*hosts)
    assert (
        "db-2: the data of volume data is on db-1, too, where a service runs on it, or is to: "
        "--adopt data=db-2 lets what is here count; or stop what runs on db-1, if that is not to count"
    ) in refusals(plan(wanted, facts(wanted, *there)))
    told = wish(*hosts, adopt=("data=db-2",))
    before = facts(told, *there)
    world = World(before)
    assert not plan(told, before).errors
    world.run(plan(told, before))
    assert plan(wanted, world.facts).empty
    lineages = [
        volume.mark.lineage
        for host in world.facts.hosts.values()
        for volume in host.volumes.values()  # type: ignore[union-attr]
        if volume.mark and volume.mark.state is State.LIVE
    ]
    assert len(set(lineages)) == len(lineages)


CUT = replace(FENCED, peer="db-2")
"""At its source, a move to db-2 was cut off."""


@pytest.mark.parametrize("homes", [{"db-1": LIVE}, {}])
def test_after_a_cut_a_third_host_does_not_begin_anew(homes: Mapping[str, Mark]) -> None:
    wanted = wish("db-3")
    there = facts(wanted, lying("db-1", CUT), lying("db-2", INCOMING), homes=homes)
    assert refusals(plan(wanted, there)) == [
        "db-3: volume data is not here, and its move from db-1 to db-2 was cut off: "
        "--volume-from data=HOST says where from; --allow-empty data begins anew"
    ]
    # Nor when the half copy has left the inventory.
    assert one(wanted, facts(wanted, lying("db-1", CUT), homes=homes), "db-3").change is Change.REFUSE
    said = wish("db-3", sources=(("data", "db-1"),))
    planned = plan(said, there)
    assert not planned.errors
    (move,) = (node for node in every_step(planned) if isinstance(node, MoveVolume))
    assert (move.move.source, move.move.target) == ("db-1", "db-3")
    world = World(there)
    world.run(planned)
    assert plan(wanted, world.facts).empty


def test_two_half_copies_of_one_source() -> None:
    wanted = wish("db-2", "db-3")
    there = facts(wanted, serving("db-1"), lying("db-2", INCOMING), lying("db-3", INCOMING))
    assert [case.known for case in cases(wanted, there)] == [Known.SEVERAL] * 2


def test_a_half_copy_of_data_that_another_host_keeps_is_not_completed() -> None:
    wanted = wish("db-1", "db-2")
    there = facts(wanted, serving("db-1"), lying("db-2", replace(INCOMING, peer="db-3")), lying("db-3"))
    assert one(wanted, there).change is Change.REFUSE


def test_a_half_copy_that_lost_its_mark_is_not_adopted() -> None:
    wanted = wish("db-2")
    there = facts(wanted, lying("db-1", CUT), lying("db-2", None), homes={"db-1": LIVE})
    assert one(wanted, there).change is Change.REFUSE


@pytest.mark.parametrize(
    ("left", "home", "why"),
    [
        (serving("db-1"), LIVE, "db-1 has no use for its data, and a host that keeps its own has the same"),
        (lying("db-1", replace(INCOMING, peer="")), ELSE, "db-1, where its data was, has an incomplete copy"),
        (lying("db-1", None, project=""), ELSE, "db-1, where its data was, has one that is not ours"),
    ],
)
def test_a_host_that_had_data_and_cannot_give_it(left: HostFacts, home: Mark, why: str) -> None:
    wanted = wish("db-2", "db-3")
    there = facts(wanted, left, serving("db-2"), homes={"db-1": home, "db-2": LIVE})
    assert refusals(plan(wanted, there))[-1].startswith(f"db-3: volume data is not here, and {why}: ")


def test_names_that_mean_nothing_are_mistakes() -> None:
    wanted = wish("db-2", adopt=("dat", "data=db-7"), empty=("x",), sources=(("y", "db-9"),))
    assert refusals(plan(wanted, facts(wanted))) == [
        ": --adopt dat: no host of this run wants such a volume, did you mean 'data'?: "
        "volumes of this run: data",
        ": --allow-empty x: no host of this run wants such a volume: volumes of this run: data",
        ": --volume-from y: no host of this run wants such a volume: volumes of this run: data",
        ": --adopt data=db-7: there is no such host, did you mean 'db-3'?: name a host that wants the volume",
        ": --volume-from db-9: it is not a host of this run, did you mean 'db-3'?: "
        "it has to be in the inventory, and --limit must not leave it out",
    ]


def test_what_no_host_adopts_stays_a_rival() -> None:
    """Somebody has copied it, and a service runs on the copy; ``--adopt`` is about hosts that want it."""
    wanted = wish("db-1", adopt=("data",), sources=(("", "db-2"),))
    there = facts(wanted, lying("db-2", ELSE), serving("db-3", ELSE))
    (refused,) = refusals(plan(wanted, there))
    assert "the data of volume data is on db-3, too, where a service runs on it" in refused


def test_what_is_adopted_on_a_host_that_the_run_leaves_out_is_a_mistake() -> None:
    wanted = wish("db-1", "db-2", run=("db-1",), adopt=("data=db-2",))
    assert refusals(plan(wanted, facts(wanted, serving("db-1")))) == [
        ": --adopt data=db-2: db-2 does not want it in this run: "
        "hosts of this run that want it: db-1 (--limit leaves out others)"
    ]


@pytest.mark.parametrize("moving", [{}, {"adopt": ("data",)}, {"empty": ("data",)}])
def test_a_damaged_mark_is_told_with_its_place(moving: Mapping[str, object]) -> None:
    wanted = wish("db-1", **moving)
    there = facts(wanted, lying("db-1", None, damaged=True))
    assert refusals(plan(wanted, there)) == [
        f"db-1: the mark of volume data is damaged: {wanted.state_dir}/volumes/{NAME}: "
        "mend it; move it away, and then --adopt data, if the volume holds the data"
    ]


@pytest.mark.parametrize("homes", [{}, {"db-1": LIVE}])
def test_data_whose_mark_is_damaged_is_not_begun_anew_elsewhere(homes: Mapping[str, Mark]) -> None:
    wanted = wish("db-2")
    there = facts(wanted, lying("db-1", None, damaged=True), homes=homes)
    (refused,) = refusals(plan(wanted, there))
    assert "its mark on db-1, where its data was, is damaged" in refused
    wanted = wish("db-2", sources=(("data", "db-1"),))
    (refused,) = refusals(plan(wanted, facts(wanted, lying("db-1", None, damaged=True), homes=homes)))
    assert "cannot be taken from db-1" in refused


def remade(host: str) -> HostFacts:
    """The engine has made what somebody has removed, for the container that runs on it."""
    there = serving(host)
    volume = FoundVolume(NAME, users=there.volumes[NAME].users, left=replace(LIVE, made="of our labels"))
    return replace(there, volumes={NAME: volume})


def test_a_volume_that_was_made_anew_is_not_the_data() -> None:
    wanted = wish("db-1")
    assert refusals(plan(wanted, facts(wanted, remade("db-1"), homes={"db-1": LIVE}))) == [
        "db-1: volume data was removed and made anew by somebody, and its data is gone: restore it, then "
        "--adopt data; --volume-from data=HOST says where from; --allow-empty data begins anew"
    ]
    wanted = wish("db-2")
    there = facts(wanted, remade("db-1"), homes={"db-1": LIVE})
    (refused,) = refusals(plan(wanted, there))
    assert "db-1, where its data was, has one that somebody has made anew" in refused


@pytest.mark.parametrize(
    ("moving", "lineage"), [({"adopt": ("data",)}, "first"), ({"empty": ("data",)}, "another")]
)
def test_what_was_made_anew_counts_when_the_operator_says_so(
    moving: Mapping[str, object], lineage: str
) -> None:
    wanted = wish("db-1", **moving)
    there = facts(wanted, remade("db-1"), homes={"db-1": LIVE})
    (step,) = [step for step in plan(wanted, there).steps if isinstance(step.op, AdoptVolume)]
    assert step.op.found == replace(LIVE, made="of our labels")
    assert step.op.mark.made == ""
    assert (step.op.mark.lineage == "first") == (lineage == "first")


def test_what_was_made_anew_is_filled_from_where_the_operator_says() -> None:
    wanted = wish("db-2", sources=(("data", "db-1"),))
    there = facts(wanted, serving("db-1"), replace(remade("db-2"), containers=()), homes={"db-2": LIVE})
    planned = plan(wanted, there)
    assert not planned.errors
    assert one(wanted, there).change is Change.MOVE


# --- a move in the plan


def moving() -> tuple[Desired, Facts]:
    wanted = wish("db-2", rate=7, downtime=3)
    return wanted, facts(wanted, serving("db-1"), homes={"db-1": LIVE})


def test_a_move_comes_right_before_the_service() -> None:
    wanted, there = moving()
    planned = plan(wanted, there)
    assert [step.id for step in every_step(planned)] == [
        f"db-1/image:{HELPER}",
        f"db-2/image:{database().container.image}",
        f"db-2/image:{HELPER}",
        f"db-2/copy:{NAME}",
        f"db-2/move:{NAME}",
        "db-2/container:db.db",
        "db-2/gate:db.db",
    ]
    (copy, move) = (node for node in every_step(planned) if isinstance(node, CopyVolume | MoveVolume))
    assert copy.move == move.move
    assert move.move.address == "192.0.2.2"
    assert [(one.id, one.grace) for one in move.move.writers] == [("on-db-1", 10)]
    assert (move.move.rate, move.move.downtime, move.move.mark) == (7, 3, LIVE)
    assert copy.make.mark == replace(INCOMING, generation=2)


def test_what_is_stopped_at_the_source_is_not_started_again() -> None:
    wanted, there = moving()
    world = World(there)
    world.run(plan(wanted, there))
    (left,) = world.facts.hosts["db-1"].containers
    assert left.state == "exited"
    assert plan(wanted, world.facts).empty
    world.run(plan(replace(wanted, remove_orphans=True), world.facts))
    assert not world.facts.hosts["db-1"].containers


def test_a_move_needs_its_helper() -> None:
    wanted = wish("db-2", image="")
    assert refusals(plan(wanted, facts(wanted, serving("db-1")))) == [
        ": to move a volume, Fleet needs its helper image, and no variable names it: "
        "set fleet_volume_image in group_vars/all.yml"
    ]
    wanted, there = moving()
    assert refusals(
        plan(wanted, replace(there, digests={database().container.image: digest_of("x:v1")}))
    ) == [
        f": the helper image {HELPER} is on no host, and no registry was asked for it: "
        "build and push it, or set fleet_volume_image"
    ]
    # What has nothing to move asks for none.
    wanted = wish("db-1", image="")
    assert not plan(wanted, facts(wanted, serving("db-1"))).errors


def test_what_runs_at_the_target_is_not_overwritten() -> None:
    wanted = wish("db-2")
    there = facts(wanted, serving("db-2", INCOMING), serving("db-1"))
    assert refusals(plan(wanted, there)) == [
        "db-2: volume data is to come here, and shop-test-db-db-1 runs on what is here: "
        "stop it first, or keep what is here: --adopt data"
    ]


def test_what_is_adopted_where_its_data_lives_elsewhere_is_other_data() -> None:
    wanted = wish("db-2")
    newer = replace(LIVE, generation=LIVE.generation + 1)
    there = facts(wanted, serving("db-1"), serving("db-2", None), homes={"db-2": newer})
    (adopted,) = (step.op for step in every_step(plan(wanted, there)) if isinstance(step.op, AdoptVolume))
    assert adopted.mark.lineage != LIVE.lineage
    after = facts(wanted, serving("db-1"), serving("db-2", adopted.mark), homes={"db-2": adopted.mark})
    assert not plan(wanted, after).errors


def test_data_from_before_there_were_marks_is_adopted_and_then_moved() -> None:
    wanted = wish("db-2")
    there = facts(wanted, serving("db-1", None))
    planned = plan(wanted, there)
    assert not planned.errors
    first = every_step(planned)[0]
    assert first.id == f"db-1/mark:{NAME}"
    world = World(there)
    world.run(planned)
    assert plan(wanted, world.facts).empty
    assert plan(wanted, there) == planned, "the adopted lineage is the same each time"


# --- back again


def test_after_a_failure_the_source_counts_again() -> None:
    wanted, there = moving()
    world = World(there)
    steps = every_step(plan(wanted, there))
    for step in steps[:-1]:  # its gate never passes
        world.perform(step)
    back = replace(wish("db-1", back=True), remove_orphans=True)
    planned = plan(back, world.facts, reverse=True)
    assert [stage.title for stage in planned.stages if hasattr(stage, "title")][:2] == [
        "give volumes up", "take volumes back",
    ]  # fmt: skip
    world.run(planned)
    first, second = (world.facts.hosts[host] for host in ("db-1", "db-2"))
    assert first.volumes[NAME].mark == replace(LIVE, generation=4)
    assert second.volumes[NAME].mark == replace(
        LIVE, generation=3, state=State.INCOMING, peer="db-1", proven=False
    )
    assert [one.state for one in first.containers] == ["running"]
    assert not second.containers
    assert plan(back, world.facts).empty
    # And there again: what is left of the copy is the beginning of the next one.
    world.run(plan(wanted, world.facts))
    assert plan(wanted, world.facts).empty


def test_what_was_written_after_a_cut_off_gate_is_not_discarded_silently() -> None:
    wanted, there = moving()
    world = World(there)
    for step in every_step(plan(wanted, there))[:-1]:  # its gate never ends
        world.perform(step)
    assert refusals(plan(wish("db-1"), world.facts)) == [
        "db-1: volume data went from here to db-2, and what runs on it there was never found healthy: "
        "--volume-from data=db-2 brings back what was written there; --adopt data does without that"
    ]
    for flag, said, changed in (
        ("sources", ("data", "db-2"), Change.MOVE), ("adopt", "data", Change.ADOPT),
    ):  # fmt: skip
        wanted = wish("db-1", **{flag: (said,)})
        assert one(wanted, world.facts, "db-1").change is changed
        after = World(world.facts)
        after.run(plan(wanted, after.facts))
        assert plan(wish("db-1"), after.facts).empty


def test_what_was_healthy_is_moved_back_with_what_it_wrote() -> None:
    wanted, there = moving()
    world = World(there)
    world.run(plan(wanted, there))
    back = replace(wish("db-1"), remove_orphans=True)
    planned = plan(back, world.facts, reverse=True)
    (move,) = (node for node in every_step(planned) if isinstance(node, MoveVolume))
    assert (move.move.source, move.host) == ("db-2", "db-1")
    world.run(planned)
    assert plan(back, world.facts).empty


@pytest.mark.parametrize(
    ("there", "said", "how"),
    [
        (found(options=()), Volume(NAME, "db"), ""),
        (found(), Volume(NAME, "db", options=(("device", "/srv/b"),)), ""),
        (
            found(options=(("device", "/srv/a"),)), Volume(NAME, "db", options=(("device", "/srv/b"),)),
            "db-1: volume data was made with driver local, device=/srv/a, and its role says driver local, "
            "device=/srv/b: give it another name in the role, with x-fleet.volumes.NEW.from: data, and its "
            "data is brought to one that is made so, or write what it was made with",
        ),
        (
            found(options=()), Volume(NAME, "db", driver="rexray"),
            "db-1: volume data was made with driver local, no options, and its role says driver rexray, no "
            "options: give it another name in the role, and bring its data there by hand, or write what it "
            "was made with",
        ),
        (
            found(options=(("type", "cifs"), ("o", "password=x"))), Volume(NAME, "db"),
            "db-1: volume data was made with driver local, o=… type=cifs, and its role says driver local, no "
            f"options: docker volume rm {NAME}, and it is made anew: its data is not on this host, or write "
            "what it was made with",
        ),
    ],
    ids=["the same", "nobody has asked", "other options", "another driver", "a file server"],
)  # fmt: skip
def test_one_that_was_made_otherwise_is_refused(there: FoundVolume, said: Volume, how: str) -> None:
    wanted = wish("db-1")
    wanted = replace(wanted, hosts=tuple(
        replace(state, volumes=(said,)) if state.host == "db-1" else state for state in wanted.hosts
    ))  # fmt: skip
    host = replace(serving("db-1"), volumes={NAME: replace(there, users=("shop-test-db-db",))})
    assert refusals(plan(wanted, facts(wanted, host))) == ([how] if how else [])
