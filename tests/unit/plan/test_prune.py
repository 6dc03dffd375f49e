"""What may go from a host, and above all what may not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.model.found import Unknown
from fleet.model.leavings import Leavings, Occupant, StoredImage, Use, Uses
from fleet.model.place import Place
from fleet.model.releases import Entry, Head, Outcome, Record, Release
from fleet.model.services import ConfigDir, ConfigFile
from fleet.ops.containers import Remove
from fleet.ops.prune import ForgetUses, RemoveDirectory, RemoveImage
from fleet.plan.prune import prune
from fleet.plan.retention import Retention, kept, retention
from fleet.plan.tree import Plan
from fleet.report.prune_text import prune_lines
from tests.support.build import desired, service

PLACE = Place("/var/lib/fleet", "shop", "test")


def release(number: int, outcome: Outcome = Outcome.GOOD, version: str = "") -> Release:
    head = Head(number, "test", version or f"v{number}", "2026-01-01T00:00:00+00:00", "ann", "desk", "run")
    return Release(head, (Entry("2026-01-01T00:00:00+00:00", "run", "ann", outcome),))


def keeping(oldest: int = 3, newest: int = 4, keep: int = 2, **fields: object) -> Retention:
    services = frozenset({("web-1", "web", "app")})
    made = Retention("shop", "test", keep, tuple(map(release, range(oldest, newest + 1))), services)
    return replace(made, **fields)  # type: ignore[arg-type]


def uses(*lines: str, project: str = "shop", env: str = "test") -> Uses:
    """``1 image a@1`` for each line."""
    split = (line.split(" ", 2) for line in lines)
    return Uses(project, env, tuple(Use(int(number), kind, name) for number, kind, name in split))


def image(id: str, *names: str) -> StoredImage:
    return StoredImage(id, names, 100_000_000)


def ours(name: str = "shop-test-web-app-1", image: str = "other", **fields: object) -> Occupant:
    made = Occupant(name, name, "running", image, project="shop", env="test", role="web", service="app")
    return replace(made, **fields)  # type: ignore[arg-type]


def plan(found: Leavings, stays: Retention | None = None) -> Plan:
    return prune(stays or keeping(), PLACE, {found.host: found})


def done(found: Leavings, stays: Retention | None = None) -> list[str]:
    return [step.op.describe() for step in plan(found, stays).steps]


OVER = uses("1 image r/app@sha256:1", "1 tag r/app:v1", "3 image r/app@sha256:3", "3 tag r/app:v3")
V1 = image("id1", "r/app@sha256:1", "r/app:v1")
V3 = image("id3", "r/app@sha256:3", "r/app:v3")


def test_an_image_that_no_kept_release_names_goes_with_its_lines() -> None:
    found = Leavings("web-1", (OVER,), (ours(image="id3"),), (V1, V3))
    removal, forget = (step.op for step in plan(found).steps)
    assert removal == RemoveImage("id1", ("r/app@sha256:1", "r/app:v1"), 100_000_000)
    lines = ("000001 image r/app@sha256:1", "000001 tag r/app:v1")
    assert forget == ForgetUses("/var/lib/fleet/releases/shop/test/uses", lines, (1,))


OTHER = {"project": "other", "env": "live"}


@pytest.mark.parametrize(("why", "found"), [
    ("a container of anybody uses it, running or not", Leavings(
        "web-1", (OVER,), (Occupant("c", "theirs", "exited", "id1"),), (V1,))),
    ("a container was made from its name", Leavings(
        "web-1", (OVER,), (Occupant("c", "theirs", "running", "?", "r/app:v1"),), (V1,))),
    ("another environment's release names it", Leavings(
        "web-1", (OVER, uses("9 image r/app@sha256:1", **OTHER)), (), (V1,))),
    ("another environment's release names its tag", Leavings(
        "web-1", (OVER, uses("9 tag r/app:v1", **OTHER)), (), (V1,))),
    ("a kept release names it by another name", Leavings(
        "web-1", (OVER, uses("9 image r/copy@sha256:1", **OTHER)), (),
        (image("id1", "r/app@sha256:1", "r/copy@sha256:1"),))),
    ("uses of another environment cannot be read", Leavings(
        "web-1", (OVER, Uses("other", "live", Unknown("no right to read it"))), (), (V1,))),
    ("no uses name it", Leavings("web-1", (uses(),), (), (V1,))),
    ("only another environment's old release names it", Leavings(
        "web-1", (uses("1 image r/app@sha256:1", "7 tag x:1", "8 tag x:1", **OTHER),), (), (V1,))),
    ("it has no digest, so that nobody could pull it again", Leavings(
        "web-1", (uses("1 tag r/app:v1"),), (), (image("id1", "r/app:v1"),))),
])  # fmt: skip
def test_an_image_stays_when(why: str, found: Leavings) -> None:
    assert not [text for text in done(found) if "image" in text], why


def test_an_image_stays_when_the_record_of_a_kept_release_names_it() -> None:
    """Whatever the uses on the host say."""
    stays = keeping(images=frozenset({("web-1", "r/app@sha256:1")}))
    found = Leavings("web-1", (OVER,), (), (V1,))
    assert not any(isinstance(step.op, RemoveImage) for step in plan(found, stays).steps)


def test_of_another_environment_the_newest_numbers_stay() -> None:
    lines = ["1 image r/app@sha256:1", "5 image r/app@sha256:5", "9 image r/app@sha256:9"]
    mine = uses("1 image r/app@sha256:1", "1 image r/app@sha256:5", "1 image r/app@sha256:9")
    images = tuple(image(f"id{n}", f"r/app@sha256:{n}") for n in (1, 5, 9))
    found = Leavings("web-1", (mine, uses(*lines, **OTHER)), (), images)
    assert [step.op.id for step in plan(found).steps if isinstance(step.op, RemoveImage)] == ["id1"]


def test_a_tag_that_is_another_image_by_now_is_not_removed() -> None:
    found = Leavings("web-1", (OVER,), (), (image("id1", "r/app@sha256:1"), image("new", "r/app:v1")))
    (removal,) = (step.op for step in plan(found).steps if isinstance(step.op, RemoveImage))
    assert removal.names == ("r/app@sha256:1",)


def test_a_line_stays_as_long_as_what_it_names() -> None:
    """Or nobody would know later that it is ours."""
    found = Leavings("web-1", (OVER,), (Occupant("c", "theirs", "running", "id1"),), (V1,))
    assert done(found) == []


def test_a_line_goes_when_a_kept_one_says_the_same() -> None:
    found = Leavings("web-1", (uses("1 image a@sha256:1", "2 image a@sha256:1", "3 image a@sha256:1"),), (),
                     (image("id1", "a@sha256:1"),))  # fmt: skip
    assert done(found) == ["forget what releases 1-2 used"]


def test_lines_of_a_later_version_of_fleet_stay() -> None:
    assert done(Leavings("web-1", (uses("1 volume data"),))) == []


LEFT = {"name": "shop-test-web-app-1.old", "id": "left", "state": "exited"}


@pytest.mark.parametrize(("why", "one", "beside"), [
    ("no kept release has it", ours(role="old"), ()),
    ("no kept release has it; it still runs", ours(service="side"), ()),
    ("shop-test-web-app-1.old, left by an interrupted run", ours(**LEFT), (ours(),)),
    ("job migrate, ended", ours("job", state="exited", job="migrate", release="v4"), ()),
])  # fmt: skip
def test_containers_of_ours_that_go(why: str, one: Occupant, beside: tuple[Occupant, ...]) -> None:
    one = one if one.idle or "runs" in why else replace(one, state="exited")
    (removal,) = (step.op for step in plan(Leavings("web-1", (), (one, *beside))).steps)
    assert isinstance(removal, Remove)
    assert (removal.id, removal.why) == (one.id, why)


@pytest.mark.parametrize("one", [
    ours(),
    ours(state="exited"),
    ours(**LEFT),
    ours(**{**LEFT, "state": "running"}),
    ours("job", job="migrate"),
    ours("job", state="exited", job="migrate", release="v5"),
    ours(project="", role="old"),
    ours(env="other", role="old"),
    ours(project="other", role="old"),
], ids=lambda one: f"{one.project}-{one.env}-{one.name}-{one.state}-{one.release}")  # fmt: skip
def test_containers_that_stay(one: Occupant) -> None:
    stays = keeping(unfinished=frozenset({"v5"}))
    assert done(Leavings("web-1", (), (one,)), stays) == []


def test_an_image_goes_with_the_last_container_that_has_it() -> None:
    found = Leavings("web-1", (OVER,), (ours(role="old", image="id1"),), (V1,))
    assert done(found)[:2] == [
        "remove old.app (no kept release has it; it still runs)", "remove image r/app:v1 (100 MB)"
    ]  # fmt: skip


@pytest.mark.parametrize(("mounts", "goes"), [
    ((), True), (("/",), True), (("/srv/ab",), True), (("/srv/a",), False), (("/srv/a/x",), False),
    (("/srv",), False),
])  # fmt: skip
def test_configuration_goes_unless_somebody_sees_it(mounts: tuple[str, ...], goes: bool) -> None:
    found = Leavings(
        "web-1", (uses("1 dir /srv/a"),), (Occupant("c", "x", "exited", "i", mounts=mounts),),
        directories=("/srv/a",),
    )  # fmt: skip
    ops = [type(step.op) for step in plan(found).steps]
    assert ops == ([RemoveDirectory, ForgetUses] if goes else [])


def test_configuration_of_a_kept_release_stays() -> None:
    for stays, lines in (
        (keeping(), ("1 dir /srv/a", "3 dir /srv/a")),
        (keeping(directories=frozenset({("web-1", "/srv/a")})), ("1 dir /srv/a",)),
    ):
        found = Leavings("web-1", (uses(*lines),), directories=("/srv/a",))
        assert not any(isinstance(step.op, RemoveDirectory) for step in plan(found, stays).steps)


@pytest.mark.parametrize("field", ["uses", "occupants", "images", "directories", "clock"])
def test_what_could_not_be_read_on_a_host_is_an_error(field: str) -> None:
    found = replace(Leavings("web-1", (OVER,), (), (V1,)), **{field: Unknown(f"{field}: broken")})
    made = plan(found)
    assert [one.what for one in made.errors] == [f"cannot read {field}: broken"]
    assert made.empty


def test_what_others_use_and_cannot_be_read_is_a_warning_and_containers_still_go() -> None:
    closed = Uses("other", "*", Unknown("no right to read it"))
    made = plan(Leavings("web-1", (OVER, closed), (ours(role="old"),), (V1,), ("/srv/a",)))
    assert [type(step.op) for step in made.steps] == [Remove]
    (finding,) = made.findings
    assert not finding.error
    assert finding.what == (
        "what other/* uses cannot be read (no right to read it): images and configuration stay here"
    )


def test_a_ledger_that_is_behind_the_hosts_is_refused() -> None:
    made = plan(Leavings("web-1", (uses("1 image a@sha256:1", "9 image a@sha256:9"),)))
    assert [one.what for one in made.errors] == ["release 9 was here, and this ledger ends with 4"]
    assert made.empty


GOOD, FAILED, BACK, RUNNING = Outcome.GOOD, Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.RUNNING


@pytest.mark.parametrize(("outcomes", "keep", "numbers"), [
    ([], 5, []),
    ([FAILED, RUNNING], 5, []),
    ([GOOD, GOOD, GOOD], 2, [2, 3]),
    ([GOOD, GOOD, GOOD], 5, [1, 2, 3]),
    ([FAILED, GOOD, GOOD], 5, [2, 3]),
    ([GOOD, FAILED, GOOD, BACK, FAILED], 2, [1, 2, 3, 4, 5]),
    ([GOOD, GOOD, BACK], 1, [2, 3]),
    ([GOOD, GOOD, RUNNING], 1, [2, 3]),
])  # fmt: skip
def test_which_releases_are_kept(outcomes: list[Outcome], keep: int, numbers: list[int]) -> None:
    releases = [release(number, outcome) for number, outcome in enumerate(outcomes, 1)]
    assert [one.number for one in kept(releases, keep)] == numbers


def test_retention_is_what_the_records_say() -> None:
    app = service(configs=(ConfigDir("/srv/app", "/etc/app", (ConfigFile("app.ini", "x"),)),))
    app = replace(app, container=replace(app.container, image="r:5000/app:v3@sha256:3"))
    releases = (release(3), release(4, FAILED, "v4"))
    records = [Record(releases[0].head, desired({"web-1": [app], "web-2": [service("side")]}))]
    stays = retention("shop", "test", 2, releases, records)
    assert stays.services == {("web-1", "web", "app"), ("web-2", "web", "side")}
    assert stays.images == {("web-1", "r:5000/app@sha256:3")}
    assert stays.directories == {("web-1", "/srv/app")}
    assert stays.unfinished == {"v4"}
    assert (stays.oldest, stays.newest) == (3, 4)


def test_the_plan_reads_well() -> None:
    hosts = {name: Leavings(name, (OVER,), (ours(),), (V1, V3)) for name in ("web-1", "web-2", "web-3")}
    stays = keeping(5, 7, 3, services=frozenset((name, "web", "app") for name in hosts))
    text = [line.text for line in prune_lines(prune(stays, PLACE, hosts), stays)]
    assert text == [
        "prune",
        "  web-[1-3]",
        "    - remove image r/app:v1 (100 MB)",
        "    - remove image r/app:v3 (100 MB)",
        "    forget what releases 1-3 used",
        "",
        "Plan for test: keeps v5 v6 v7 (releases 5-7); 6 images to remove, up to 600 MB",
    ]
    assert [line.text for line in prune_lines(prune(stays, PLACE, {}), stays)] == [
        "Nothing to prune: 3 releases kept"
    ]


NAMES = [f"r/app@sha256:{n}" for n in range(4)]
TAGS = [f"r/app:v{n}" for n in range(3)]
LINES = st.builds(Use, st.integers(1, 6), st.just("image"), st.sampled_from(NAMES)) | st.builds(
    Use, st.integers(1, 6), st.just("tag"), st.sampled_from(TAGS)
)
USES = st.lists(
    st.builds(
        Uses, st.sampled_from(["shop", "other"]), st.sampled_from(["test", "live"]),
        st.lists(LINES, max_size=8).map(tuple) | st.just(Unknown("closed")),
    ),
    unique_by=lambda one: (one.project, one.env),
)  # fmt: skip
IDS = ["id0", "id1", "id2"]
OCCUPANTS = st.lists(
    st.builds(
        Occupant, st.uuids().map(str), st.sampled_from(["a", "a.next", "b.old"]),
        st.sampled_from(["running", "exited", "paused"]), st.sampled_from(IDS), st.sampled_from(NAMES + TAGS),
        st.sampled_from(["", "shop", "other"]), st.sampled_from(["", "test", "live"]),
        st.sampled_from(["", "web"]), st.sampled_from(["", "app", "side"]), st.sampled_from(["", "migrate"]),
        st.sampled_from(["v4", "v5"]),
    ),
    max_size=4,
)  # fmt: skip


@st.composite
def stored(draw: st.DrawFn) -> tuple[StoredImage, ...]:
    """Each name is of one image at most, as an engine has it."""
    of = {name: draw(st.sampled_from([*IDS, ""])) for name in NAMES + TAGS}
    return tuple(image(id, *(name for name in of if of[name] == id)) for id in IDS)


@given(USES, OCCUPANTS, stored(), st.integers(1, 6), st.integers(1, 3))
def test_nothing_that_anybody_needs_is_ever_in_the_plan(
    everybody: list[Uses], occupants: list[Occupant], images: tuple[StoredImage, ...], oldest: int, keep: int
) -> None:
    stays = keeping(oldest, 6, keep, unfinished=frozenset({"v5"}))
    made = plan(Leavings("web-1", tuple(everybody), tuple(occupants), images), stays)
    by_id = {one.id: one for one in occupants}
    gone = {step.op.id for step in made.steps if isinstance(step.op, Remove)}
    for id in gone:
        assert (by_id[id].project, by_id[id].env) == ("shop", "test")
        assert by_id[id].idle or (by_id[id].role, by_id[id].service) != ("web", "app")
    needed = {name for one in everybody for name in needed_by(one, oldest, keep)}
    in_use = {one.image for one in occupants if one.id not in gone}
    named = {use.name for one in everybody if (one.project, one.env) == ("shop", "test")
             and isinstance(one.lines, tuple) for use in one.lines}  # fmt: skip
    readable = all(isinstance(one.lines, tuple) for one in everybody)
    names = {one.id: set(one.names) for one in images}
    for op in (step.op for step in made.steps):
        if isinstance(op, RemoveImage):
            assert readable
            assert op.id not in in_use
            assert not names[op.id] & needed
            assert set(op.names) <= names[op.id] & named
        assert isinstance(op, (Remove, RemoveImage, ForgetUses))


def needed_by(one: Uses, oldest: int, keep: int) -> set[str]:
    if isinstance(one.lines, Unknown):
        return set()
    numbers = sorted({use.release for use in one.lines})
    mine = (one.project, one.env) == ("shop", "test")
    stay = [n for n in numbers if n >= oldest] if mine else numbers[-keep:]
    return {use.name for use in one.lines if use.release in stay}


@given(USES, OCCUPANTS, stored(), st.integers(1, 6))
def test_a_second_plan_is_empty(
    everybody: list[Uses], occupants: list[Occupant], images: tuple[StoredImage, ...], oldest: int
) -> None:
    stays = keeping(oldest, 6)
    found = Leavings("web-1", tuple(everybody), tuple(occupants), images)
    for step in plan(found, stays).steps:
        found = after(found, step.op)
    assert done(found, stays) == []


def after(found: Leavings, op: object) -> Leavings:
    """The host when ``op`` has been carried out."""
    match op:
        case Remove(id=id):
            return replace(found, occupants=tuple(one for one in found.occupants if one.id != id))
        case RemoveImage(id=id, names=names):
            left = [replace(one, names=tuple(name for name in one.names if name not in names))
                    for one in found.images]  # fmt: skip
            return replace(found, images=tuple(left))
        case ForgetUses(lines=lines):
            shorter = [one if (one.project, one.env) != ("shop", "test") else
                       replace(one, lines=tuple(use for use in one.lines if str(use) not in lines))
                       for one in found.uses]  # fmt: skip
            return replace(found, uses=tuple(shorter))
    return found


def test_what_was_begun_of_a_snapshot_and_cut_off_goes() -> None:
    one = "shop-test-db_data.snapshot-20260102-030405-00ff"
    found = Leavings("web-1", begun=(one,))
    assert done(found) == [f"remove {one}, a snapshot that was cut off"]
    (*_, last) = prune_lines(plan(found), keeping())
    assert "1 snapshot that was cut off to remove" in last.text
    (error,) = plan(Leavings("web-1", begun=Unknown("snapshots that were cut off: down"))).errors
    assert error.what == "cannot read snapshots that were cut off: down"
