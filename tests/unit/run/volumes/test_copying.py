"""A copy touches nothing that runs, and what is at the target is not overwritten unless it may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fleet.errors import Drift, FleetError, Interrupted, RemoteFailed
from fleet.facts.volumes import made_with
from fleet.model.volumes import Mark, State
from fleet.ops.effects import CreateVolume
from fleet.report import events as ev
from fleet.run.volumes.passes import TooLong
from fleet.transport.base import ConnectionLost
from tests.unit.run.volumes.conftest import LABELS, SEEN, VOLUME, Stage

INCOMING = replace(SEEN, state=State.INCOMING, peer="db-1", proven=False)


def test_seed_and_passes_until_little_is_left(stage: Stage) -> None:
    for number, seconds in enumerate((9.0, 4.0, 1.0), 1):
        stage.source.answers("sync", number, sent=50, changed=1, seconds=seconds)
    stage.copy()
    asked = [word for word in stage.source.done if word not in {"look", "start", "usage"}]
    assert asked == ["key", "reach", "seed", *["sync", "manifest"] * 3]
    assert stage.target.done[:4] == ["look", "mark", "start", "usage"]
    assert stage.marks == (State.LIVE, State.INCOMING)
    made = stage.target.mark(VOLUME)
    assert made
    assert replace(made, since=0) == replace(INCOMING, since=0, made=made_with(LABELS))
    assert stage.source.containers()["postgres"] == (True, "always:0")
    assert f"{VOLUME}.copy" in stage.source.containers(), "kept for the move"
    (note,) = stage.notes
    assert note.startswith(f"volume {VOLUME}: 1.1 kB copied to db-2 in ")
    told = "the move itself will take about 1.2 s (little is left), plus the stop of postgres (at most 10 s)"
    assert note.endswith(f"{told} and its start on db-2")


def test_the_volume_is_marked_before_it_is_made(stage: Stage) -> None:
    made: list[tuple[str, list[CreateVolume]]] = []

    def look(word: str) -> None:
        made.append((word, [call for call in stage.target.transport.seen if isinstance(call, CreateVolume)]))

    stage.target.before = look
    stage.copy()
    assert [word for word, calls in made if not calls] == ["look", "mark"]
    (call,) = made[-1][1]
    assert call.body["Name"] == VOLUME
    assert call.body["Labels"] == LABELS
    assert stage.marks[1] is State.INCOMING, "and no other one is written over it"


def test_the_helpers_read_only_at_the_source_and_never_fill_an_empty_volume(stage: Stage) -> None:
    stage.copy()
    (run,) = [call for call in stage.source.docker_calls if call.startswith("run ")]
    assert f"--mount type=volume,src={VOLUME},dst=/data,volume-nocopy,readonly " in run
    for word in (
        "--rm",
        "--pull never",
        "--log-driver none",
        "--network host",
        f"--label fleet.copy={VOLUME}",
    ):
        assert word in run
    assert run.endswith("volume hold --seconds 21600")
    (run,) = [call for call in stage.target.docker_calls if call.startswith("run ")]
    assert "readonly" not in run


def test_rate_and_progress(stage: Stage) -> None:
    stage.change(rate=5_000_000)
    stage.source.answers(
        "seed", progress={"bytes": 10, "total": 100, "rate": 7.5, "eta": 12.1}, bytes=100, seconds=1
    )
    stage.copy()
    (call,) = [call for call in stage.source.docker_calls if " seed " in call]
    assert call.endswith("--rate 5000000")
    (progress,) = [event for event in stage.told if isinstance(event, ev.Progress)]
    assert progress == ev.Progress("db-2", f"db-2/copy:{VOLUME}", 10, 100, 8, 12)


def test_a_copy_that_was_cut_off_is_gone_on_with(stage: Stage) -> None:
    stage.after_copy()
    one = f"helper-{VOLUME}.copy"
    stage.source.container(one, f"{VOLUME}.copy", VOLUME)
    (stage.source.root / "engine" / one / "helper").write_text(VOLUME)
    stage.source.answers("seed", skipped=True)
    stage.copy()
    assert stage.marks == (State.LIVE, State.INCOMING)
    assert "1.1 kB" not in stage.notes[0]


def test_what_went_from_here_before_may_be_overwritten(stage: Stage) -> None:
    """The way back of a volume that was moved."""
    stage.change(mark=replace(SEEN, generation=2))
    stage.source.set_mark(VOLUME, replace(SEEN, generation=2))
    stage.target.volume(VOLUME)
    stage.target.set_mark(VOLUME, replace(SEEN, state=State.FENCED, peer="db-1"))
    stage.copy()
    assert stage.marks == (State.LIVE, State.INCOMING)


def test_what_is_older_than_the_source_may_be_overwritten_whatever_it_calls_itself(stage: Stage) -> None:
    stage.change(mark=replace(SEEN, generation=2))
    stage.source.set_mark(VOLUME, replace(SEEN, generation=2))
    stage.target.volume(VOLUME)
    stage.target.set_mark(VOLUME, SEEN)
    stage.copy()
    assert stage.marks == (State.LIVE, State.INCOMING)


def test_an_empty_volume_that_nobody_has_marked_is_taken(stage: Stage) -> None:
    stage.target.volume(VOLUME)
    stage.copy()
    assert stage.marks == (State.LIVE, State.INCOMING)


def test_a_mark_that_has_outlived_its_volume_says_nothing(stage: Stage) -> None:
    stage.target.set_mark(VOLUME, Mark("ffff", 7, State.LIVE))
    stage.copy()
    mark = stage.target.mark(VOLUME)
    assert mark
    assert replace(mark, since=0) == replace(INCOMING, since=0, made=made_with(LABELS))


def test_what_was_made_anew_at_the_target_is_looked_into(stage: Stage) -> None:
    """Its mark says that older data of the same origin is there."""
    stage.target.volume(VOLUME)
    stage.target.set_mark(VOLUME, replace(SEEN, state=State.FENCED, generation=0, made="of our labels"))
    _files(stage)
    with pytest.raises(Drift, match="is there already, with 9 files of which Fleet knows nothing"):
        stage.copy()
    stage.target.answers("usage", bytes=0, apparent=0, entries=1, free=10**9, free_inodes=10**6)
    stage.copy()
    mark = stage.target.mark(VOLUME)
    assert mark
    assert (mark.state, mark.made) == (State.INCOMING, "")


def test_a_source_that_was_made_anew_is_not_copied(stage: Stage) -> None:
    stage.change(mark=replace(SEEN, made="of our labels"))
    stage.source.set_mark(VOLUME, stage.move.mark)
    with pytest.raises(Drift, match="is not as planned any more") as caught:
        stage.copy()
    assert "found: no mark" in caught.value.why
    stage.source.volume(VOLUME, **LABELS)
    stage.change(mark=replace(SEEN, made=made_with(LABELS)))
    stage.source.set_mark(VOLUME, stage.move.mark)
    stage.copy()


BOUND = (("type", "none"), ("o", "bind"), ("device", "/srv/data"))


@pytest.mark.parametrize("left", [None, replace(SEEN, state=State.FENCED, generation=0)])
def test_a_directory_that_is_there_before_its_volume_is_looked_into(stage: Stage, left: Mark | None) -> None:
    stage.options = BOUND
    _files(stage)
    (stage.target.root / "volumes" / VOLUME).unlink()
    if left:
        stage.target.set_mark(VOLUME, left)
    with pytest.raises(Drift, match="is there already, with 9 files of which Fleet knows nothing") as caught:
        stage.copy()
    assert "an empty /srv/data there that it is none" in caught.value.hint
    assert f"volume rm {VOLUME}" in stage.target.docker_calls
    assert stage.target.mark(VOLUME) == left
    assert "sync" not in stage.source.done
    _nothing_was_done(stage)


def test_a_directory_that_cannot_be_mounted_leaves_no_volume(stage: Stage) -> None:
    stage.options = BOUND
    stage.target.silent("run")
    with pytest.raises(RemoteFailed, match="start the helper"):
        stage.copy()
    assert f"volume rm {VOLUME}" in stage.target.docker_calls
    assert stage.target.mark(VOLUME) is None


def test_an_empty_directory_is_taken(stage: Stage) -> None:
    stage.options = BOUND
    stage.copy()
    assert stage.target.done[:4] == ["look", "start", "usage", "mark"]
    assert stage.marks == (State.LIVE, State.INCOMING)
    assert not any(call.startswith("volume rm") for call in stage.target.docker_calls)


def _other(state: State) -> Callable[[Stage], None]:
    def put(stage: Stage) -> None:
        stage.target.volume(VOLUME)
        stage.target.set_mark(VOLUME, Mark("ffff", 1, state))

    return put


def _live(stage: Stage) -> None:
    stage.target.volume(VOLUME)
    stage.target.set_mark(VOLUME, SEEN)


def _newer(stage: Stage) -> None:
    stage.target.volume(VOLUME)
    stage.target.set_mark(VOLUME, replace(SEEN, state=State.FENCED, generation=7))


def _files(stage: Stage) -> None:
    stage.target.volume(VOLUME)
    stage.target.answers("usage", bytes=9, apparent=9, entries=10, free=10**9, free_inodes=10**6)


def _changed(stage: Stage) -> None:
    stage.source.set_mark(VOLUME, replace(SEEN, generation=2))


def _unmarked(stage: Stage) -> None:
    (stage.source.state / "volumes" / VOLUME).unlink()


@pytest.mark.parametrize(
    ("arrange", "what", "why"),
    [
        (_changed, "is not as planned any more", "planned: live, generation 1 of 11112222\nfound: live, gen"),
        (_unmarked, "is not as planned any more", "found: no mark"),
        (_live, "is not a copy of the one on db-1", "found: live, generation 1 of 11112222"),
        (_other(State.INCOMING), "is not a copy of the one on db-1", "found: incoming, generation 1 of ffff"),
        (_other(State.FENCED), "is not a copy of the one on db-1", "fenced"),
        (_newer, "is not a copy of the one on db-1", "generation 7"),
        (_files, "with 9 files of which Fleet knows nothing", "planned: to be filled from db-1"),
    ],
)
def test_drift(stage: Stage, arrange: Callable[[Stage], None], what: str, why: str) -> None:
    arrange(stage)
    before = (stage.source.mark(VOLUME), stage.target.mark(VOLUME))
    with pytest.raises(Drift) as caught:
        stage.copy()
    assert what in caught.value.what
    assert why in caught.value.why
    assert "make a new plan" in caught.value.hint
    assert caught.value.host
    _nothing_was_done(stage)
    assert (stage.source.mark(VOLUME), stage.target.mark(VOLUME)) == before


def _driver(stage: Stage) -> None:
    stage.source.volume(VOLUME, "rexray")


def _gone(stage: Stage) -> None:
    (stage.source.root / "volumes" / VOLUME).unlink()


def _target_driver(stage: Stage) -> None:
    stage.target.volume(VOLUME, "rexray")


def _no_image(stage: Stage) -> None:
    stage.source.image(False)


def _no_target_image(stage: Stage) -> None:
    stage.target.image(False)


def _used(stage: Stage) -> None:
    stage.after_copy()
    stage.target.container("bbbb", "somebody", VOLUME)


def _dead(stage: Stage) -> None:
    (stage.source.root / "engine" / "refuse").write_text("Cannot connect to the Docker daemon")


@pytest.mark.parametrize(
    ("arrange", "what", "why"),
    [
        (_driver, "cannot be copied", "its driver is rexray"),
        (_gone, "cannot be copied", "there is no such volume"),
        (_target_driver, "cannot be copied", "its driver is rexray"),
        (_no_image, "the helper image registry/fleet-volumes@sha256:", ""),
        (_no_target_image, "the helper image registry/fleet-volumes@sha256:", ""),
        (_used, f"volume {VOLUME} is used by somebody", "would write"),
        (_dead, f"look at volume {VOLUME}: exit status 1", "Cannot connect"),
    ],
)
def test_refusals(stage: Stage, arrange: Callable[[Stage], None], what: str, why: str) -> None:
    arrange(stage)
    with pytest.raises(RemoteFailed) as caught:
        stage.copy()
    assert what in caught.value.what
    assert why in caught.value.why
    assert caught.value.host
    _nothing_was_done(stage)


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        ({"free": 900}, "it needs 1.1 kB more, and 900 B are free"),
        ({"free_inodes": 1}, "it has 2 more, and 1 inodes are free"),
    ],
)
def test_there_is_no_room(stage: Stage, usage: dict[str, int], why: str) -> None:
    empty = {"bytes": 0, "apparent": 0, "entries": 1, "free": 10**9, "free_inodes": 10**6}
    stage.target.answers("usage", **(empty | usage))
    with pytest.raises(RemoteFailed, match="there is no room for") as caught:
        stage.copy()
    assert caught.value.why == why
    assert caught.value.host == "db-2"
    _nothing_was_done(stage)


@pytest.mark.parametrize("usage", [{"free_inodes": None}, {"bytes": 900, "entries": 3, "free": 300}])
def test_there_is_room(stage: Stage, usage: dict[str, int | None]) -> None:
    stage.after_copy()
    empty = {"bytes": 0, "apparent": 0, "entries": 1, "free": 10**9, "free_inodes": 10**6}
    stage.target.answers("usage", **(empty | usage))
    stage.copy()


def test_a_move_that_would_take_too_long_is_not_begun(stage: Stage) -> None:
    stage.change(downtime=3.0)
    stage.source.answers("sync", sent=50, changed=1, seconds=30)
    with pytest.raises(TooLong, match=r"would be away for about 30\.2 s") as caught:
        stage.copy()
    assert caught.value.why == "3 s are allowed, and the stop and the start of what uses it come on top"
    assert "--max-downtime" in caught.value.hint
    assert "it is written as fast as it is copied" in stage.notes[0]
    _nothing_was_done(stage)


def test_through_this_machine_when_the_hosts_do_not_reach_each_other(stage: Stage) -> None:
    stage.source.fails("reach", 1, what="no route", why="10.0.0.2 port 2222: timed out")
    stage.copy()
    seeds = [call for call in stage.source.docker_calls if " seed " in call]
    assert "--to 127.0.0.1:40000 --host-key ssh-ed25519 BBBB host" in seeds[0]
    text = f"db-1 does not reach 10.0.0.2:2222: volume {VOLUME} goes through this machine"
    assert text in stage.notes


def test_no_way_at_all(stage: Stage) -> None:
    stage.source.fails("reach", what="no route", why="timed out")
    with pytest.raises(RemoteFailed, match="there is no way") as caught:
        stage.copy()
    assert caught.value.why == "to 10.0.0.2:2222: timed out\nthrough this machine: timed out"
    _nothing_was_done(stage)


def test_an_address_of_the_sixth_version(stage: Stage) -> None:
    stage.change(address="fd00::2")
    stage.copy()
    assert any("--to [fd00::2]:2222 " in call for call in stage.source.docker_calls)


@pytest.mark.parametrize("word", ["usage", "key", "seed", "sync", "manifest"])
def test_what_the_helper_says_is_told(stage: Stage, word: str) -> None:
    stage.source.fails(word, what="it broke", why="for a reason")
    with pytest.raises(RemoteFailed, match="it broke") as caught:
        stage.copy()
    assert caught.value.why == "for a reason"
    assert caught.value.host == "db-1"
    _nothing_was_done(stage)


def test_a_helper_that_dies_says_nothing(stage: Stage) -> None:
    stage.source.says("seed", "Killed\n")
    with pytest.raises(RemoteFailed, match="copy volume"):
        stage.copy()
    _nothing_was_done(stage)


@pytest.mark.parametrize("word", ["look", "start", "seed", "sync", "manifest"])
def test_a_lost_connection(stage: Stage, word: str) -> None:
    def lose(kind: str) -> None:
        if kind == word:
            raise ConnectionLost("the connection was lost", host="db-1")

    stage.source.before = lose
    with pytest.raises(ConnectionLost):
        stage.copy()
    _nothing_was_done(stage)


def test_an_interrupt_ends_it(stage: Stage) -> None:
    stage.source.before = lambda word: stage.cancel.set() if word == "seed" else None
    with pytest.raises(Interrupted):
        stage.copy()
    _nothing_was_done(stage)


def test_an_interrupt_between_two_passes(stage: Stage) -> None:
    stage.source.answers("sync", sent=50, changed=1, seconds=30)
    stage.source.after = lambda word: stage.cancel.set() if word == "manifest" else None
    with pytest.raises(FleetError):
        stage.copy()
    _nothing_was_done(stage)


def test_a_mark_that_cannot_be_read(stage: Stage) -> None:
    (stage.source.state / "volumes" / VOLUME).write_text("{}\n")
    with pytest.raises(RemoteFailed, match="its mark is damaged"):
        stage.copy()
    assert stage.target.done == []


def _nothing_was_done(stage: Stage) -> None:
    """Nothing that runs was touched, no helper is left."""
    assert stage.source.containers() == {"postgres": (True, "always:0")}
    assert f"{VOLUME}.copy" not in stage.target.containers()
    assert stage.marks[1] is not State.LIVE or stage.target.mark(VOLUME) == SEEN
    assert stage.source.moving() == []
