"""The scripts of a move's source and of marks, in every shell of this machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.facts.volumes import mark_text, read_mark
from fleet.model.place import Place
from fleet.model.volumes import Mark, Relocation, State, Writer
from fleet.ops import marks
from fleet.ops.effects import Shell
from fleet.ops.fence import Halt, fence
from fleet.ops.volume_helper import Helper
from fleet.ops.volume_look import Look, look, read
from fleet.secret import SealedText
from fleet.transport import script as scripts
from tests.support.shells import SHELLS, Bench
from tests.support.volume_hosts import VolumeHost, install
from tests.support.waiting import until

VOLUME = "it's a volume"
SEEN = Mark("abcd", 3, State.LIVE, "db-0", since=1000, proven=True)


class Host:
    def __init__(self, root: Path, shell: str) -> None:
        self.shell = shell
        self.host = VolumeHost("db-1", root / "db-1")
        self.bench = Bench(self.host.root)
        programs = install(root / "programs")
        self.environ = {"HERE": str(self.host.root), "PATH": f"{programs}:{os.environ['PATH']}"}
        self.host.volume(VOLUME)
        self.host.set_mark(VOLUME, SEEN)
        self.host.container("aaaa", "postgres", VOLUME, "on-failure:5")
        self.host.container("bbbb", "exporter", VOLUME, ":0")
        place = Place(str(self.host.state), "shop", "test")
        writers = (Writer("aaaa", "postgres", 10), Writer("bbbb", "exporter", 1))
        self.move = Relocation(VOLUME, "db-1", "db-2", SEEN, "10.0.0.2", "img", place, writers)

    @property
    def fence(self) -> Halt:
        return fence(self.move)

    def run(self, script: Shell) -> tuple[int, str]:
        assert not isinstance(script.script, SealedText)
        done = self.bench.run(script.script, shell=self.shell, environ=self.environ)
        return done.returncode, (done.stdout + done.stderr).decode()


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path, request.param)
    yield made
    for one in (made.host.state / "moving").glob("*"):
        one.unlink()


def test_a_mark_is_written_over_the_one_that_was_seen(host: Host) -> None:
    new = replace(SEEN, state=State.FENCED, peer='a "quoted" peer\'s name')
    rc, out = host.run(marks.write(str(host.host.state), VOLUME, SEEN, new))
    assert rc == 0
    written = read_mark(out)
    assert written == host.host.mark(VOLUME)
    assert replace(written, since=0) == replace(new, since=0)
    assert abs(written.since - time.time()) < 60
    assert [one.name for one in (host.host.state / "volumes").iterdir()] == [VOLUME]


def test_another_mark_is_left_alone(host: Host) -> None:
    other = replace(SEEN, generation=4)
    rc, out = host.run(marks.write(str(host.host.state), VOLUME, other, other))
    assert rc == marks.DRIFT
    assert f"the mark of volume {VOLUME} is not the one that was planned for: " in out
    assert host.host.mark(VOLUME) == SEEN
    rc, out = host.run(marks.write(str(host.host.state), VOLUME, None, other))
    assert rc == marks.DRIFT
    rc, out = host.run(marks.write(str(host.host.state), "none", SEEN, other))
    assert (rc, out.strip().endswith("there is none")) == (marks.DRIFT, True)


def test_a_mark_that_cannot_be_read_is_not_taken_for_none(host: Host) -> None:
    path = host.host.state / "volumes" / VOLUME
    path.unlink()
    path.mkdir()
    rc, _ = host.run(marks.write(str(host.host.state), VOLUME, None, SEEN))
    assert rc
    assert path.is_dir()
    path.rmdir()


def test_how_a_person_has_written_it_does_not_count(host: Host) -> None:
    path = host.host.state / "volumes" / VOLUME
    path.write_text(mark_text(SEEN).replace(",", ",\n  "))
    rc, _ = host.run(marks.write(str(host.host.state), VOLUME, SEEN, SEEN))
    assert rc == 0


def test_a_first_mark(host: Host) -> None:
    path = host.host.state / "volumes" / VOLUME
    path.unlink()
    path.parent.rmdir()
    rc, _ = host.run(marks.write(str(host.host.state), VOLUME, None, SEEN))
    assert rc == 0
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_full_disk_leaves_the_mark_as_it_was(host: Host) -> None:
    host.host.disk(full=True)
    rc, out = host.run(marks.write(str(host.host.state), VOLUME, SEEN, replace(SEEN, generation=9)))
    assert rc
    assert "No space left" in out
    assert host.host.mark(VOLUME) == SEEN


def test_stopped_and_back_again(host: Host) -> None:
    assert host.run(host.fence.stop()) == (0, "")
    assert host.host.containers() == {"postgres": (False, "no:0"), "exporter": (False, "no:0")}
    mark = host.host.mark(VOLUME)
    assert mark
    assert replace(mark, since=0) == replace(SEEN, state=State.FENCED, peer="db-2", since=0)
    assert host.host.moving() == [VOLUME]
    assert host.run(host.fence.alive()) == (0, "")
    assert host.run(host.fence.back()) == (0, "")
    assert host.host.containers() == {"postgres": (True, "on-failure:5"), "exporter": (True, "no:0")}
    mark = host.host.mark(VOLUME)
    assert mark
    assert replace(mark, since=0) == replace(SEEN, since=0)
    assert host.host.moving() == []
    assert host.run(host.fence.back()) == (0, ""), "that it is so already is fine"
    assert host.run(host.fence.alive())[0] == 1


def test_who_has_released_it_may_still_give_it_back(host: Host) -> None:
    host.run(host.fence.stop())
    assert host.run(host.fence.release()) == (0, "")
    assert host.host.moving() == [f"{VOLUME}.kept"]
    rc, out = host.run(host.fence.release())
    assert (rc, "is used here again" in out) == (marks.DRIFT, True)
    host.run(host.fence.back())
    assert host.host.containers()["postgres"] == (True, "on-failure:5")
    host.run(host.fence.stop())
    host.run(host.fence.release())
    assert host.run(host.fence.forget()) == (0, "")
    assert host.host.moving() == []


def test_who_was_not_started_after_all_goes_on_when_it_stops_again(host: Host) -> None:
    """As after a restore whose last step was lost: the volume is live, and nothing runs on it."""
    host.host.container("cccc", "reader", VOLUME, "no:0")
    host.move = replace(host.move, writers=(*host.move.writers, Writer("cccc", "reader", 1)))
    assert host.run(host.fence.stop()) == (0, "")
    assert host.run(host.fence.release()) == (0, "")
    host.host.set_mark(VOLUME, SEEN)
    host.run(Shell("docker update --restart always bbbb; docker start bbbb"))  # by somebody, since
    assert host.run(host.fence.stop()) == (0, "")
    assert host.run(host.fence.back()) == (0, "")
    assert host.host.containers() == {
        "postgres": (True, "on-failure:5"), "exporter": (True, "always:0"), "reader": (True, "no:0"),
    }  # fmt: skip
    assert host.host.moving() == []


def test_one_of_its_containers_is_gone(host: Host) -> None:
    host.run(host.fence.stop())
    for path in (host.host.root / "engine/bbbb").iterdir():
        path.unlink()
    (host.host.root / "engine/bbbb").rmdir()
    rc, out = host.run(host.fence.back())
    assert (rc, out) == (0, "container bbbb is gone\n")
    assert host.host.containers() == {"postgres": (True, "on-failure:5")}


def test_one_of_its_containers_does_not_start(host: Host) -> None:
    host.run(host.fence.stop())
    host.host.flaw("aaaa", "broken")
    rc, out = host.run(host.fence.back())
    assert rc
    assert "port is already allocated" in out
    assert host.host.containers()["exporter"] == (True, "no:0"), "the others go on"
    assert host.host.moving() == [f"{VOLUME}.back"], "to be tried again"
    mark = host.host.mark(VOLUME)
    assert mark
    assert mark.state is State.LIVE


def test_an_engine_that_does_not_tell_who_uses_it_stops_nothing(host: Host) -> None:
    host.host.silent("ps")
    rc, out = host.run(host.fence.stop())
    assert rc == 1
    assert "Cannot connect to the Docker daemon" in out
    assert host.host.containers() == {"postgres": (True, "on-failure:5"), "exporter": (True, ":0")}
    assert host.host.mark(VOLUME) == SEEN


def test_an_engine_that_falls_silent_while_they_stop_is_not_taken_for_their_end(host: Host) -> None:
    host.host.flaw("aaaa", "silencing")
    rc, out = host.run(host.fence.stop())
    assert rc == 1
    assert "Cannot connect to the Docker daemon" in out
    assert host.host.mark(VOLUME) == SEEN, "not fenced: somebody may still write"
    assert host.host.moving() == [VOLUME]


def test_an_engine_that_is_away_has_not_lost_its_containers(host: Host) -> None:
    host.run(host.fence.stop())
    host.host.silent()
    rc, out = host.run(host.fence.back())
    assert (rc, out) == (1, "Cannot connect to the Docker daemon\n")
    assert host.host.moving() == [f"{VOLUME}.back"], "to be tried again"
    host.host.silent(over=True)
    assert host.run(host.fence.back()) == (0, "")
    assert host.host.containers() == {"postgres": (True, "on-failure:5"), "exporter": (True, "no:0")}
    assert host.host.moving() == []


def test_going_on_by_itself_is_tried_until_it_succeeds(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 1)
    monkeypatch.setattr("fleet.ops.fence.TICK", 0.1)
    host.host.silent("start")
    host.run(host.fence.stop())
    until(lambda: sum(call.startswith("start ") for call in host.host.docker_calls) >= 2)
    host.host.silent("start", over=True)
    until(lambda: host.host.moving() == [])
    assert host.host.containers() == {"postgres": (True, "on-failure:5"), "exporter": (True, "no:0")}
    mark = host.host.mark(VOLUME)
    assert mark
    assert mark.state is State.LIVE


def test_the_watch_outlives_a_script_that_is_ended(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 2)
    monkeypatch.setattr("fleet.ops.fence.TICK", 0.1)
    host.host.flaw("bbbb", "hanging")
    words = ["timeout", "-k", "5", "60", *host.shell.split(), "-s"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, env={**os.environ, **host.environ}) as stopping:
        assert stopping.stdin
        stopping.stdin.write(scripts.framed(str(host.fence.stop().script)))
        stopping.stdin.close()
        until(lambda: "stop -t 1 bbbb" in host.host.docker_calls)
        # As when its time is over: timeout ends all that has begun in its group.
        stopping.terminate()
    until(lambda: host.host.moving() == [])
    assert host.host.containers() == {"postgres": (True, "on-failure:5"), "exporter": (True, "no:0")}


def test_who_has_stopped_already_is_not_brought_back_by_its_engine(host: Host) -> None:
    host.host.container("cccc", "old", VOLUME, "always:0", running=False)
    assert host.run(host.fence.stop()) == (0, "")
    assert host.host.containers()["old"] == (False, "no:0")
    host.run(host.fence.release())
    fenced = host.host.mark(VOLUME)
    assert fenced
    host.move = replace(host.move, mark=fenced, writers=())
    assert host.run(host.fence.stop()) == (0, ""), "a later run goes on with the move"
    assert host.run(host.fence.back()) == (0, "")
    assert host.host.containers() == {
        "postgres": (True, "on-failure:5"), "exporter": (True, "no:0"), "old": (False, "always:0"),
    }  # fmt: skip


def test_fenced_off_by_another_move_it_stays_so(host: Host) -> None:
    """The operator takes the data from where it was left behind."""
    elsewhere = replace(SEEN, state=State.FENCED, peer="db-9")
    host.host.set_mark(VOLUME, elsewhere)
    host.move = replace(host.move, mark=elsewhere, writers=())
    for one in ("aaaa", "bbbb"):
        (host.host.root / "engine" / one / "running").write_text("false\n")
    assert host.run(host.fence.stop()) == (0, "")
    mark = host.host.mark(VOLUME)
    assert mark
    assert mark.peer == "db-2"
    host.run(host.fence.back())
    mark = host.host.mark(VOLUME)
    assert mark
    assert replace(mark, since=1000) == elsewhere


def test_how_a_side_is(host: Host) -> None:
    helper = Helper.of_move(host.move, reads=True)
    host.host.container("cccc", helper.name, VOLUME)
    host.host.container("dddd", "stopped", VOLUME, running=False)
    rc, out = host.run(look(helper))
    assert rc == 0
    users = (("aaaa", "postgres"), ("bbbb", "exporter"))
    assert read(out, helper) == Look("local", True, SEEN, users)
    other = Helper.of_move(replace(host.move, volume="none"), reads=False)
    host.host.image(False)
    rc, out = host.run(look(other))
    assert (rc, read(out, other)) == (0, Look())
