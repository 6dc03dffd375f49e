"""The scripts of snapshots in every shell of this machine: whatever dies, the writers go on."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.model.place import Place
from fleet.model.snapshots import Snapshot, Taking, Within
from fleet.model.volumes import Mark, State, Writer
from fleet.ops import snapshots
from fleet.ops.dumps import dump, dumped, load
from fleet.ops.effects import Shell
from fleet.ops.pause import Pause
from fleet.ops.volume_helper import Helper
from fleet.transport import script as scripts
from tests.support.shells import SHELLS, Bench
from tests.support.volume_hosts import VolumeHost, install
from tests.support.waiting import until

VOLUME = "pgdata"
SEEN = Mark("abcd", 3, State.LIVE)


class Host:
    def __init__(self, root: Path, shell: str) -> None:
        self.shell = shell
        self.host = VolumeHost("db-1", root / "db 1")
        self.bench = Bench(self.host.root)
        self.environ = {"HERE": str(self.host.root), "PATH": f"{install(root / 'bin')}:{os.environ['PATH']}"}
        self.host.volume(VOLUME)
        self.host.container("aaaa", "postgres", VOLUME)
        self.host.container("bbbb", "worker", VOLUME)
        self.place = Place(str(self.host.state), "shop", "test")
        self.helper = Helper.beside(VOLUME, "img", self.place, VOLUME, "copy")
        writers = (Writer("aaaa", "postgres", 10), Writer("bbbb", "worker", 1))
        self.taking = Taking(VOLUME, "db", "db-1", SEEN, "img", self.place, writers)

    @property
    def pause(self) -> Pause:
        return Pause(self.taking, self.helper)

    def run(self, script: Shell) -> tuple[int, str]:
        done = self.bench.run(str(script.script), shell=self.shell, environ=self.environ)
        return done.returncode, (done.stdout + done.stderr).decode()

    def begin(self, script: Shell) -> subprocess.Popen[bytes]:
        """As the transports do it, in a group of its own."""
        running = subprocess.Popen(
            [*self.shell.split(), "-s"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **self.environ}, start_new_session=True,
        )  # fmt: skip
        assert running.stdin
        running.stdin.write(scripts.framed(str(script.script)))
        running.stdin.close()
        running.stdin = None
        return running

    @property
    def waiting(self) -> list[str]:
        return sorted(one.name for one in (self.host.state / "snapshots").glob(".waiting*"))


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr("fleet.ops.pause.TICK", 0.05)
    made = Host(tmp_path, request.param)
    assert made.run(made.helper.start()) == (0, "")
    return made


def test_the_last_pass(host: Host) -> None:
    rc, out = host.run(host.pause.last(60))
    assert rc == 0, out
    clone, same, span = out.splitlines()
    assert '"how": "tar"' in clone
    assert '"equal": true' in same
    assert span.startswith('{"progress":{"from":')
    assert (host.host.paused(), host.waiting) == ([], [])
    calls = [call.split()[0] for call in host.host.docker_calls]
    assert calls.index("pause") < calls.index("exec") < calls.index("unpause")


def test_who_asked_is_killed(host: Host) -> None:
    """Whatever signal, and with nobody left to read what is said."""
    host.host.slow("clone", 1, 1)
    running = host.begin(host.pause.last(60))
    until(lambda: host.host.paused() == ["aaaa", "bbbb"])
    assert running.stdout
    running.stdout.close()
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    until(lambda: host.waiting == [])
    assert host.host.paused() == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM, signal.SIGINT])
def test_the_script_itself_is_sent_a_signal(host: Host, number: signal.Signals) -> None:
    host.host.slow("clone", 1, 1)
    running = host.begin(host.pause.last(60))
    until(lambda: host.host.paused() == ["aaaa", "bbbb"])
    for pid in _sessions_below(running.pid):
        os.kill(pid, number)
    out, err = running.communicate(timeout=30)
    assert host.host.paused() == [], (out, err)
    assert host.waiting == []
    if number in {signal.SIGHUP, signal.SIGPIPE}:
        assert running.returncode == 0, err


def test_the_script_itself_is_killed(host: Host) -> None:
    """Who asked for it lets them go on."""
    host.host.slow("clone", 1, 3)
    running = host.begin(host.pause.last(60))
    until(lambda: host.host.paused() == ["aaaa", "bbbb"])
    for pid in _sessions_below(running.pid):
        os.kill(pid, signal.SIGKILL)
    running.communicate(timeout=30)
    assert running.returncode == 1
    assert (host.host.paused(), host.waiting) == ([], [])


def test_all_of_it_is_killed_and_the_next_one_lets_them_go_on(host: Host) -> None:
    host.host.slow("clone", 1, 3)
    running = host.begin(host.pause.last(60))
    until(lambda: host.host.paused() == ["aaaa", "bbbb"])
    guards = _sessions_below(running.pid)
    os.killpg(running.pid, signal.SIGKILL)
    for pid in guards:
        os.kill(pid, signal.SIGKILL)
    running.communicate()
    assert host.host.paused() == ["aaaa", "bbbb"]
    assert host.run(host.pause.over()) == (0, "")
    assert (host.host.paused(), host.waiting) == ([], [])
    assert host.run(host.pause.over()) == (0, ""), "that there is nothing to do is fine"


def _sessions_below(pid: int) -> list[int]:
    """Processes that the script has begun in sessions of their own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parent, session, this = int(fields[1]), int(fields[3]), int(entry.parent.name)
        if parent == pid and session == this:
            found.append(this)
    assert found
    return found


def test_an_engine_that_is_away_is_asked_again(host: Host) -> None:
    host.host.slow("clone", 1, 0.5)
    running = host.begin(host.pause.last(60))
    until(lambda: host.host.paused() == ["aaaa", "bbbb"])
    host.host.silent()
    calls = len(host.host.docker_calls)
    until(lambda: sum("unpause" in call for call in host.host.docker_calls[calls:]) > 3)
    host.host.silent(over=True)
    running.communicate(timeout=30)
    assert (host.host.paused(), host.waiting) == ([], [])


def test_a_limit(host: Host) -> None:
    host.host.slow("clone", 1, 30)
    began = time.monotonic()
    rc, out = host.run(host.pause.last(1))
    assert rc == 124
    assert "it took longer than 1 s: the writers go on" in out
    assert time.monotonic() - began < 20
    assert host.host.paused() == []


def test_a_container_that_froze_with_its_host_needs_no_thaw(host: Host) -> None:
    host.host.program("lock", "rm -r aaaa")
    host.host.program("unlock", "echo never >../did")
    host.taking = replace(
        host.taking, freeze=Within("aaaa", "db", ("lock",)), thaw=Within("aaaa", "db", ("unlock",))
    )
    rc, _ = host.run(host.pause.last(60))
    assert rc == 0
    assert host.waiting == []
    assert not (host.host.root / "did").exists()


def test_a_snapshot_from_its_beginning_to_its_end(host: Host) -> None:
    rc, out = host.run(snapshots.begin(host.place, VOLUME, "db"))
    assert rc == 0, out
    id_, at = snapshots.begun(out)
    assert abs(at - time.time()) < 60
    made = Snapshot(id_, VOLUME, "abcd", 3, "it's v1", at, 1, 2, "d", why='before "v2"')
    assert made.name in host.host.volumes()
    # Another one finds no record of it.
    rc, out = host.run(snapshots.begin(host.place, VOLUME, "db"))
    id_, _ = snapshots.begun(out)
    made = replace(made, id=id_)
    assert host.host.volumes() == [VOLUME, made.name]
    assert host.run(snapshots.record(host.place, made)) == (0, "")
    assert host.host.snapshots() == {id_: made}
    path = host.host.state / "snapshots" / made.name
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    rc, out = host.run(snapshots.begin(host.place, VOLUME, "db"))
    assert len(host.host.volumes()) == 3, "what counts stays"
    assert host.run(snapshots.remove(host.place, VOLUME, id_)) == (0, "")
    assert host.host.snapshots() == {}
    assert host.run(snapshots.remove(host.place, VOLUME, id_)) == (0, ""), "that it is gone is fine"


def test_what_was_cut_off_is_cleared_away_unless_it_counts_by_now(host: Host) -> None:
    rc, out = host.run(snapshots.begin(host.place, VOLUME, "db"))
    id_, at = snapshots.begun(out)
    made = Snapshot(id_, VOLUME, "abcd", 3, at=at)
    host.run(snapshots.record(host.place, made))
    (clear,) = snapshots.ClearAway(made.name, host.place).effects()
    assert isinstance(clear, Shell)
    rc, out = host.run(clear)
    assert (rc, out) == (75, f"{made.name} counts by now\n")
    (host.host.state / "snapshots" / made.name).unlink()
    assert host.run(clear) == (0, "")
    assert host.host.volumes() == [VOLUME]


def test_an_engine_that_does_not_answer_removes_nothing(host: Host) -> None:
    host.host.silent("volume")
    rc, out = host.run(snapshots.begin(host.place, VOLUME, "db"))
    assert (rc, out) == (1, "Cannot connect to the Docker daemon\n")
    rc, _ = host.run(snapshots.remove(host.place, VOLUME, "x"))
    assert rc == 1


def test_a_dump_and_back(host: Host) -> None:
    host.host.program("out", 'printf "%s" "$1"')
    host.host.program("in", 'cat >../loaded; echo "loaded $1"')
    rc, out = host.run(dump(host.helper, Within("aaaa", "db", ("out", "it's all"))))
    assert rc == 0, out
    digest, size = dumped(out)
    assert (digest, size) == (hashlib.sha256(b"it's all").hexdigest(), 8)
    rc, out = host.run(load(host.helper, Within("aaaa", "db", ("in", "a b")), digest))
    assert (rc, out) == (0, "loaded a b\n")
    assert (host.host.root / "loaded").read_text() == "it's all"
    rc, out = host.run(load(host.helper, Within("aaaa", "db", ("in", "again")), "0" * 64))
    assert (rc, "the dump is not what was recorded" in out) == (1, True)
    host.host.program("in", "exit 7")
    rc, _ = host.run(load(host.helper, Within("aaaa", "db", ("in",)), digest))
    assert rc == 7
