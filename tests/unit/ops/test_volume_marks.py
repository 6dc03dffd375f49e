"""The first mark of a volume, and its last, written in every shell."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.facts.volumes import DIRECTORY, made_with, mark_text, read_mark
from fleet.model.desired import Volume
from fleet.model.volumes import Mark, State, Writer
from fleet.ops.adopt import AdoptVolume
from fleet.ops.drop_volume import DropVolume
from fleet.ops.effects import Api, CreateVolume, Shell, StopContainer
from fleet.ops.op import Op
from fleet.ops.places import MakeVolume
from fleet.ops.taking_back import GiveUp, TakeBack
from tests.support.shells import SHELLS, Bench

NAME = "shop-test-db_data"
VOLUME = Volume(NAME, "db")
LIVE = Mark("first", 2, State.LIVE, "db-1", 1700000000, proven=True)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Host:
    def __init__(self, bench: Bench, shell: str) -> None:
        self._bench, self._shell = bench, shell
        self.state = str(bench.root / "sta te")
        self.path = Path(self.state) / DIRECTORY / NAME
        bench.stand_in("docker", '[ "$2" = rm ] || [ "$1" = update ]')

    def carry_out(self, op: Op) -> subprocess.CompletedProcess[bytes]:
        """Its scripts, as far as they go well."""
        done = subprocess.CompletedProcess[bytes]([], 0, b"", b"")
        for effect in op.effects():
            if isinstance(effect, Shell) and done.returncode == 0:
                done = self._bench.run(str(effect.script), shell=self._shell)
        return done

    @property
    def mark(self) -> Mark:
        return read_mark(self.path.read_text())

    def write(self, mark: Mark) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(mark_text(mark))


@pytest.fixture
def host(bench: Bench, shell: str) -> Host:
    return Host(bench, shell)


def test_a_new_volume_gets_a_lineage_of_its_host(host: Host) -> None:
    op = MakeVolume("shop", "test", VOLUME, Mark("", 0, State.LIVE), host.state)
    mark, create = op.effects()
    assert isinstance(mark, Shell), "cut off between the two there is no volume without a mark"
    assert isinstance(create, Api)
    assert isinstance(create.call, CreateVolume)
    assert host.carry_out(op).returncode == 0
    first = host.mark
    assert len(first.lineage) == 32
    assert first.since > 1700000000
    assert first.made == made_with(op.labels)
    assert replace(first, lineage="", since=0, made="") == Mark("", 0, State.LIVE)
    assert host.carry_out(op).returncode == 0
    assert host.mark.lineage != first.lineage


def test_an_incoming_one_bears_what_it_was_given(host: Host) -> None:
    incoming = Mark("first", 2, State.INCOMING, "db-1")
    assert host.carry_out(MakeVolume("shop", "test", VOLUME, incoming, host.state)).returncode == 0
    assert replace(host.mark, since=0, made="") == incoming


def test_one_that_is_there_by_now_is_not_taken_for_a_new_one(host: Host, bench: Bench) -> None:
    bench.stand_in("docker", "exit 0")
    done = host.carry_out(MakeVolume("shop", "test", VOLUME, Mark("", 0, State.LIVE), host.state))
    assert (done.returncode, done.stderr) == (75, b"volume shop-test-db_data is there by now\n")
    assert not host.path.exists()


def test_a_shared_volume_gets_none() -> None:
    (effect,) = MakeVolume("shop", "test", VOLUME).effects()
    assert isinstance(effect, Api)


def test_adopting(host: Host) -> None:
    op = AdoptVolume(NAME, host.state, Mark("x", 0, State.LIVE))
    assert host.carry_out(op).returncode == 0
    assert host.mark == Mark("x", 0, State.LIVE), "since when, nobody knows"
    done = host.carry_out(op)
    assert done.returncode == 75
    assert b"is not the one that was planned for" in done.stderr
    assert host.carry_out(AdoptVolume(NAME, host.state, LIVE, host.mark)).returncode == 0
    assert host.mark == LIVE


def test_giving_up_and_taking_back(host: Host, bench: Bench) -> None:
    host.write(LIVE)
    incoming = replace(LIVE, state=State.INCOMING, proven=False)
    op = GiveUp(NAME, host.state, LIVE, incoming, (Writer("abc", "db", 30),))
    assert op.describe() == "give volume shop-test-db_data up to db-1, and stop db"
    assert op.timeout == 90
    assert [one.call for one in op.effects() if isinstance(one, Api)] == [StopContainer("abc", 30)]
    bench.stand_in("docker", "[ $1 = update ]")
    assert host.carry_out(op).returncode == 1, "an engine that does not tell who uses it"
    assert host.mark == LIVE
    bench.stand_in("docker", "case $1 in ps) echo abc; echo stopped ;; update) ;; *) exit 1 ;; esac")
    assert host.carry_out(op).returncode == 0
    updated = [f"docker\tupdate\t--restart\tno\t{one}" for one in ("abc", "stopped")]
    assert [call for call in bench.calls if "update" in call] == updated
    assert replace(host.mark, since=0) == replace(incoming, since=0)
    assert host.carry_out(op).returncode == 75
    fenced = replace(LIVE, state=State.FENCED)
    host.write(fenced)
    back = replace(LIVE, generation=4, peer="")
    assert host.carry_out(TakeBack(NAME, host.state, fenced, back)).returncode == 0
    assert replace(host.mark, since=0) == replace(back, since=0)
    assert host.carry_out(TakeBack(NAME, host.state, fenced, back)).returncode == 75


def test_dropping_what_is_in_use_keeps_its_mark(host: Host, bench: Bench) -> None:
    fenced = replace(LIVE, state=State.FENCED)
    host.write(fenced)
    op = DropVolume(NAME, host.state, fenced, "its data is on db-2")
    bench.stand_in("docker", "echo 'volume is in use' >&2; exit 1")
    done = host.carry_out(op)
    assert done.returncode == 1
    assert done.stderr == b"volume is in use\n"
    assert host.mark == fenced
    bench.stand_in("docker", '[ "$2" = rm ]')
    assert host.carry_out(op).returncode == 0
    assert bench.calls[-1] == f"docker\tvolume\trm\t{NAME}"
    assert not host.path.exists()
