"""Whatever fails in a move: the writers go on where they were, or the error says that nobody can tell."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from fleet.errors import Drift, Fenced, FleetError, Interrupted, RemoteFailed
from fleet.model.volumes import Mark, State, Writer
from fleet.run.volumes.moving import NotEqual
from fleet.run.volumes.passes import TooLong
from fleet.transport.base import ConnectionLost
from tests.support.cutting import losing
from tests.unit.run.volumes.conftest import SEEN, VOLUME, Stage

AS_BEFORE = {"postgres": (True, "always:0")}
STOPPED = {"postgres": (False, "no:0")}


@pytest.fixture(autouse=True)
def _copied(stage: Stage) -> None:
    stage.after_copy()


def as_before(stage: Stage) -> None:
    """The source serves, and the target is not taken for the data."""
    assert stage.source.containers() == AS_BEFORE
    mark = stage.source.mark(VOLUME)
    assert mark
    assert replace(mark, since=0) == replace(SEEN, since=0)
    assert stage.marks[1] is State.INCOMING
    assert stage.source.moving() == []
    assert f"{VOLUME}.copy" not in stage.target.containers()


def test_its_order(stage: Stage) -> None:
    order: list[str] = []
    for host in (stage.source, stage.target):
        host.before = lambda word, name=host.name: order.append(f"{name} {word}")  # type: ignore[misc]
    stage.run()
    begun = order.index("db-1 stop")
    assert order[begun : begun + 5] == [
        "db-1 stop", "db-1 sync --final", "db-1 compare", "db-1 release", "db-2 mark",
    ]  # fmt: skip
    assert set(order[begun + 5 :]) == {"db-1 remove", "db-2 remove", "db-1 forget"}
    assert {"db-1 manifest", "db-2 manifest", "db-1 sync"} < set(order[:begun])


def test_it_lives_at_the_target_afterwards(stage: Stage) -> None:
    stage.run()
    here, there = stage.source.mark(VOLUME), stage.target.mark(VOLUME)
    assert here
    assert there
    now = int(time.time())
    assert replace(here, since=0) == replace(SEEN, state=State.FENCED, peer="db-2", since=0)
    assert replace(there, since=0) == Mark(SEEN.lineage, 2, State.LIVE, "db-1")
    assert now - 60 < here.since <= there.since <= now
    assert stage.source.containers() == STOPPED
    assert stage.target.containers() == {}
    assert stage.source.moving() == []
    (note,) = stage.notes
    assert note.startswith(
        f"volume {VOLUME} lives on db-2: 1.0 kB in 3 entries, byte for byte the same. It was stopped for "
    )
    assert note.endswith("in which 50 B were copied")


def test_the_writers_get_their_grace(stage: Stage) -> None:
    stage.source.container("bbbb", "exporter", VOLUME, "on-failure:3")
    stage.change(writers=(*stage.move.writers, Writer("bbbb", "exporter", 0.5)))
    stage.run()
    assert {"stop -t 10 aaaa", "stop -t 1 bbbb"} <= set(stage.source.docker_calls)
    assert stage.source.containers() == STOPPED | {"exporter": (False, "no:0")}


def test_what_was_stopped_already_stays_as_it_is(stage: Stage) -> None:
    stage.source.container("bbbb", "old", VOLUME, running=False)
    stage.change(writers=(*stage.move.writers, Writer("bbbb", "old", 1)))
    stage.source.fails("sync", 2)
    with pytest.raises(RemoteFailed):
        stage.run()
    assert stage.source.containers() == AS_BEFORE | {"old": (False, "always:0")}


def test_the_helpers_of_the_copy_are_used_if_they_are_there(stage: Stage) -> None:
    for host in (stage.source, stage.target):
        one = f"helper-{VOLUME}.copy"
        host.container(one, f"{VOLUME}.copy", VOLUME)
        (host.root / "engine" / one / "helper").write_text(VOLUME)
    stage.run()
    assert "start" not in (*stage.source.done, *stage.target.done)


def _writer(stage: Stage) -> None:
    stage.source.container("bbbb", "somebody", VOLUME)


def _target_user(stage: Stage) -> None:
    stage.target.container("bbbb", "somebody", VOLUME)


@pytest.mark.parametrize("arrange", [_writer, _target_user])
def test_somebody_else_uses_it(stage: Stage, arrange: Callable[[Stage], None]) -> None:
    arrange(stage)
    with pytest.raises(RemoteFailed, match="is used by somebody") as caught:
        stage.run()
    assert caught.value.hint == "stop it (docker stop somebody), then run again"
    assert stage.source.containers()["postgres"] == AS_BEFORE["postgres"]
    assert stage.marks == (State.LIVE, State.INCOMING)


@pytest.mark.parametrize("mark", [None, SEEN, Mark("ffff", 1, State.INCOMING)])
def test_the_target_is_not_the_copy(stage: Stage, mark: Mark | None) -> None:
    (stage.target.state / "volumes" / VOLUME).unlink()
    if mark:
        stage.target.set_mark(VOLUME, mark)
    with pytest.raises(Drift, match="is not the copy that was made"):
        stage.run()
    assert stage.source.containers() == AS_BEFORE


def test_the_source_was_changed(stage: Stage) -> None:
    stage.source.set_mark(VOLUME, replace(SEEN, generation=5))
    with pytest.raises(Drift, match="is not as planned any more"):
        stage.run()
    assert stage.source.containers() == AS_BEFORE


def test_too_long(stage: Stage) -> None:
    stage.change(downtime=0.1)
    with pytest.raises(TooLong):
        stage.run()
    as_before(stage)


def test_a_writer_that_comes_in_the_last_moment_is_seen_by_the_host(stage: Stage) -> None:
    def come(word: str) -> None:
        if word == "stop":
            stage.source.container("bbbb", "somebody", VOLUME)

    stage.source.before = come
    with pytest.raises(Drift, match=f"container somebody uses volume {VOLUME}, too"):
        stage.run()
    assert stage.source.containers()["postgres"] == AS_BEFORE["postgres"]
    assert stage.marks == (State.LIVE, State.INCOMING)


def test_a_mark_that_changes_in_the_last_moment(stage: Stage) -> None:
    other = replace(SEEN, generation=5)
    stage.source.before = lambda word: stage.source.set_mark(VOLUME, other) if word == "stop" else None
    with pytest.raises(Drift, match="not the one that was planned for"):
        stage.run()
    assert stage.source.containers() == AS_BEFORE
    assert stage.source.mark(VOLUME) == other


def test_a_writer_that_does_not_stop(stage: Stage) -> None:
    stage.source.flaw("aaaa", "stubborn")
    with pytest.raises(FleetError) as caught:
        stage.run()
    assert f"volume {VOLUME} is used on db-1 as before" in caught.value.hint
    as_before(stage)


@pytest.mark.parametrize(
    ("word", "number"), [("sync", 2), ("compare", 0)], ids=["the last pass", "the comparison"]
)
def test_what_the_helper_cannot_do_after_the_stop(stage: Stage, word: str, number: int) -> None:
    stage.source.fails(word, number, what="it broke", why="for a reason")
    with pytest.raises(RemoteFailed, match="it broke") as caught:
        stage.run()
    assert caught.value.why == "for a reason"
    assert caught.value.hint == f"volume {VOLUME} is used on db-1 as before"
    as_before(stage)


def test_once_unequal_is_copied_again(stage: Stage) -> None:
    stage.source.answers("compare", 1, equal=False, differences=["a: content differs"])
    stage.run()
    assert stage.marks == (State.FENCED, State.LIVE)
    assert stage.notes[-1].endswith("in which 100 B were copied")


def test_twice_unequal_is_an_error(stage: Stage) -> None:
    stage.source.answers("compare", equal=False, differences=["a: content differs", "b: missing"])
    with pytest.raises(NotEqual, match="differ, though nobody uses it") as caught:
        stage.run()
    assert caught.value.why == "a: content differs\nb: missing"
    assert f"volume {VOLUME} is used on db-1 as before" in caught.value.hint
    as_before(stage)


@pytest.mark.parametrize("word", ["sync --final", "compare"])
def test_the_second_interrupt(stage: Stage, word: str) -> None:
    stage.source.before = lambda kind: stage.cancel.set() if kind == word else None
    with pytest.raises(Interrupted):
        stage.run()
    as_before(stage)


def test_a_mistake_of_ours(stage: Stage) -> None:
    def fail(word: str) -> None:
        if word == "compare":
            raise ZeroDivisionError

    stage.source.before = fail
    with pytest.raises(ZeroDivisionError):
        stage.run()
    as_before(stage)
    assert stage.notes == [f"volume {VOLUME} is used on db-1 as before"]


def test_the_target_refuses_in_the_end(stage: Stage) -> None:
    def change(word: str) -> None:
        if word == "mark":
            stage.target.set_mark(VOLUME, Mark("ffff", 1, State.INCOMING))

    stage.target.before = change
    with pytest.raises(Drift):
        stage.run()
    as_before(stage)


def test_the_target_cannot_write_its_mark(stage: Stage) -> None:
    stage.target.before = lambda word: stage.target.disk(full=True) if word == "mark" else None
    with pytest.raises(RemoteFailed, match=r"\(take it\): the disk is full") as caught:
        stage.run()
    assert f"volume {VOLUME} is used on db-1 as before" in caught.value.hint
    as_before(stage)


def test_the_source_cannot_write_its_mark(stage: Stage) -> None:
    stage.source.before = lambda word: stage.source.disk(full=True) if word == "stop" else None
    stage.source.after = lambda word: stage.source.disk(full=False) if word == "stop" else None
    with pytest.raises(RemoteFailed, match=r"\(stop its writers\): the disk is full"):
        stage.run()
    assert stage.source.containers() == AS_BEFORE
    assert stage.marks == (State.LIVE, State.INCOMING)


def test_the_answer_of_the_target_is_lost(stage: Stage) -> None:
    """It has taken the volume, and that can be seen."""

    def lose(word: str) -> None:
        if word == "mark":
            stage.target.after = lambda word: None
            raise ConnectionLost("the connection was lost", host="db-2")

    stage.target.after = lose
    stage.run()
    assert stage.marks == (State.FENCED, State.LIVE)


def test_nobody_knows_whether_the_target_has_it(stage: Stage) -> None:
    def lose(word: str) -> None:
        if word == "mark":
            stage.target.before = losing("look", "remove")
            raise ConnectionLost("the connection was lost", host="db-2")

    stage.target.after = lose
    with pytest.raises(RemoteFailed, match="nobody knows whether db-2 has taken") as caught:
        stage.run()
    assert "nothing uses it now" in caught.value.what
    assert "the two marks tell" in caught.value.hint
    assert stage.marks == (State.FENCED, State.LIVE)
    assert stage.source.containers() == STOPPED, "never two at once"


@pytest.mark.parametrize("word", ["stop", "sync --final", "compare", "release"])
def test_the_source_is_lost_and_says_what_it_will_do(stage: Stage, word: str) -> None:
    stage.source.before = losing(word)
    with pytest.raises(ConnectionLost) as caught:
        stage.run()
    assert "db-1 could not be told to go on" in caught.value.hint
    assert "it does so by itself 60 s after it last heard of this run" in caught.value.hint
    assert stage.marks[1] is State.INCOMING
    assert stage.source.moving() == ([] if word == "stop" else [VOLUME])


def test_the_source_goes_on_by_itself(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 1)
    monkeypatch.setattr("fleet.ops.fence.TICK", 0.1)
    stage.source.before = losing("sync --final")
    with pytest.raises(ConnectionLost):
        stage.run()
    deadline = time.monotonic() + 20
    while stage.source.containers().get("postgres") != AS_BEFORE["postgres"] or stage.source.moving():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert stage.marks == (State.LIVE, State.INCOMING)


def test_who_comes_back_too_late_does_not_take_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source has gone on by itself: its data is newer now than what was compared."""
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 1)
    monkeypatch.setattr("fleet.ops.fence.TICK", 0.1)
    deadline = time.monotonic() + 20

    def dawdle(word: str) -> None:
        while word == "release" and stage.marks[0] is not State.LIVE:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    stage.source.before = dawdle
    with pytest.raises(Drift, match="is used here again: nothing was heard of this run"):
        stage.run()
    as_before(stage)


def test_signs_of_life_keep_it_from_going_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.run.volumes.moving.BEAT_SECONDS", 0.05)
    beats: list[str] = []
    deadline = time.monotonic() + 20

    def slowly(word: str) -> None:
        if word == "alive":
            beats.append(word)
        while word == "compare" and len(beats) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    stage.source.before = slowly
    stage.run()
    assert len(beats) >= 3


def test_the_lease_is_lost(stage: Stage) -> None:
    """Nothing that we send is carried out any more; who holds the lease now, or the host itself, goes on."""
    taken: list[str] = []

    def refuse(word: str) -> None:
        if word == "compare" or taken:
            taken.append(word)
            raise Fenced("the lease is not ours any more", host="db-1")

    stage.source.before = stage.target.before = refuse
    with pytest.raises(Fenced) as caught:
        stage.run()
    assert "it does so by itself" in caught.value.hint
    assert stage.marks == (State.FENCED, State.INCOMING)


def test_the_lease_is_lost_when_the_source_would_not_go_on_any_more(stage: Stage) -> None:
    def refuse(word: str) -> None:
        if word == "mark":
            stage.source.before = losing("back")
            raise Fenced("the lease is not ours any more", host="db-2")

    stage.target.before = refuse
    with pytest.raises(Fenced) as caught:
        stage.run()
    assert "nothing uses it now. Run again" in caught.value.hint
    assert stage.marks == (State.FENCED, State.INCOMING)
    assert stage.source.moving() == [f"{VOLUME}.kept"]


def test_a_writer_that_does_not_start_again(stage: Stage) -> None:
    stage.source.fails("compare", what="it broke")

    def break_it(word: str) -> None:
        if word == "back":
            stage.source.flaw("aaaa", "broken")

    stage.source.before = break_it
    with pytest.raises(RemoteFailed, match="it broke") as caught:
        stage.run()
    assert "could not be given back to db-1" in caught.value.hint
    assert "port is already allocated" in caught.value.hint
    assert "or there: docker start postgres" in caught.value.hint
    assert stage.marks == (State.LIVE, State.INCOMING)


def test_an_engine_that_is_away_when_the_source_is_to_go_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told to, and does so once its engine is back."""
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 1)
    monkeypatch.setattr("fleet.ops.fence.TICK", 0.1)
    stage.source.fails("compare", what="it broke")
    stage.source.before = lambda word: stage.source.silent() if word == "back" else None
    with pytest.raises(RemoteFailed, match="it broke") as caught:
        stage.run()
    assert "it tries by itself 60 s after it last heard of this run. Run again" in caught.value.hint
    assert stage.source.moving() == [f"{VOLUME}.back"]
    stage.source.silent(over=True)
    deadline = time.monotonic() + 20
    while stage.source.containers().get("postgres") != AS_BEFORE["postgres"] or stage.source.moving():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert stage.marks == (State.LIVE, State.INCOMING)


def test_what_cannot_be_forgotten_is_told(stage: Stage) -> None:
    stage.source.before = losing("forget")
    stage.run()
    assert stage.marks == (State.FENCED, State.LIVE)
    assert "a later move from there clears it away" in stage.notes[0]


def _cut(stage: Stage, word: str) -> None:
    """A run that was killed before ``word``; the source was switched off before it went on by itself."""
    where = stage.target if word == "mark" else stage.source
    where.before = losing(word)
    before = stage.source.before

    def lose_all(kind: str) -> None:
        before(kind)
        if kind == "back":
            raise ConnectionLost("the connection was lost", host="db-1")

    stage.source.before = lose_all
    with pytest.raises(FleetError):
        stage.run()
    stage.source.before = stage.target.before = lambda word: None
    assert stage.source.containers()["postgres"] == STOPPED["postgres"]
    fenced = stage.source.mark(VOLUME)
    assert fenced
    assert fenced.state is State.FENCED
    stage.change(mark=fenced, writers=())


@pytest.mark.parametrize("word", ["sync --final", "release", "mark"])
def test_a_later_run_goes_on_where_one_was_cut_off(stage: Stage, word: str) -> None:
    _cut(stage, word)
    stage.copy()
    stage.run()
    assert stage.marks == (State.FENCED, State.LIVE)
    assert stage.source.moving() == []
    assert stage.source.containers() == STOPPED


@pytest.mark.parametrize("word", ["sync --final", "release", "mark"])
def test_a_later_run_that_fails_lets_go_on_what_the_first_had_stopped(stage: Stage, word: str) -> None:
    _cut(stage, word)
    stage.source.answers("compare", equal=False, differences=["a: content differs"])
    with pytest.raises(NotEqual):
        stage.run()
    as_before(stage)


def test_a_later_run_finishes_what_the_host_had_begun(stage: Stage) -> None:
    """It was about to go on by itself, and was switched off in that moment."""
    _cut(stage, "sync --final")
    place = stage.source.state / "moving"
    (place / VOLUME).rename(place / f"{VOLUME}.back")
    with pytest.raises(Drift, match="its containers have just gone on"):
        stage.run()
    as_before(stage)
