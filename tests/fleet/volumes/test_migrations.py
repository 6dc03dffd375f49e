"""Data gets another name on its real host while it is written, and nothing is lost, whatever is cut off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fleet.errors import FleetError, RemoteFailed
from fleet.facts.volumes import file_name, read_mark
from fleet.model.desired import Volume
from fleet.model.place import Place
from fleet.model.volumes import Mark, Relocation, State, Writer
from fleet.ops import marks
from fleet.ops.places import MakeVolume
from fleet.plan.tree import CopyVolume, MoveVolume
from fleet.rehearsal import Host, HostFleet
from fleet.run.volumes.copying import copy
from fleet.run.volumes.moving import move
from fleet.run.volumes.side import Side
from fleet.transport.base import Transport
from tests.fleet.volumes.moves import BORN, FILL, STATE, SWEEP, WRITER, Moves
from tests.support.waiting import until

OLD, NEW, DIRECTORY = "olddata", "shop_test_pgdata", "/srv/da ta"


@dataclass
class Migrations(Moves):
    """Both sides are one host. ``data``: what the writer writes to; ``to``: where it is to go."""

    names: tuple[str, str] = ("db-1", "db-1")
    data: str = OLD
    to: str = NEW

    def lay(self, data: str, to: str) -> None:
        """``data`` with something in it, marked, and its writer; empty: what is anonymous."""
        self.data, self.to = data, to
        if data == DIRECTORY:
            self.source.run(f"mkdir -m 0750 '{data}' && chown 999:998 '{data}'")
        self.source.run("mkdir -p /srv/noted && echo 0 >/srv/noted/number")
        place = f"-v '{data}:/data'" if data else "-v /data"
        self.docker(
            self.source,
            f"run -d --name writer --restart always {place} -v /srv/noted:/noted {self.image} "
            f"python3 -u -c '{WRITER}'",
        )
        self.docker(self.source, f'exec writer python3 -c "{FILL}"')
        until(lambda: self.noted() > 5, "the writer does not write")
        if not data:
            names = "{{range .Mounts}}{{.Name}}{{end}}"
            self.data = self.docker(self.source, f"inspect -f '{names}' writer")
        with self.connected() as (source, _):
            assert source.run(marks.write(STATE, self.data, None, BORN).script, timeout=30).ok

    def marked(self, volume: str) -> Mark | None:
        text = self.source.run(f"cat '{STATE}/volumes/{file_name(volume)}' 2>/dev/null || true").strip()
        return read_mark(text) if text else None

    @property
    def states(self) -> tuple[State | None, State | None]:
        here, there = self.marked(self.data), self.marked(self.to)
        return here and here.state, there and there.state

    def relocation(self, **changes: object) -> Relocation:
        mark = self.marked(self.data)
        assert mark
        found = self.docker(self.source, "ps -q --no-trunc --filter name=^writer$").split()
        writers = tuple(Writer(one, "writer", 5) for one in found)
        place = Place(STATE, "shop", "test")
        made = Relocation(
            self.to, *self.names, mark, "127.0.0.1", self.image, place, writers, origin=self.data
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    def run(self, cancel: threading.Event | None = None, **changes: object) -> None:
        planned = self.relocation(**changes)
        make = MakeVolume("shop", "test", Volume(self.to, "db"))
        with self.connected() as (one, other):
            source, target = (
                Side.of(planned, reads, each, self.told.append, threading.Event())
                for reads, each in ((True, one), (False, other))
            )
            copy(CopyVolume("db-1", planned, make), source, target, self.told.append, source.cancel)
            move(MoveVolume("db-1", planned), source, target, self.told.append)

    @contextmanager
    def connected(self) -> Iterator[tuple[Transport, Transport]]:
        """One connection, as a run has it."""
        with super().connected() as (one, _):
            yield one, one

    def python(self, host: Host, program: str) -> str:
        return self.docker(host, f"run --rm -v '{self.to}:/data' {self.image} python3 -c \"{program}\"")


@pytest.fixture
def migrations(hosts: HostFleet, image: str, tmp_path: Path) -> Iterator[Migrations]:
    known = tmp_path / "known_hosts"
    known.write_text(hosts.known_hosts())
    made = Migrations(hosts, image, known)
    yield made
    made.source.run(SWEEP)


@pytest.mark.parametrize(
    ("data", "to"), [(OLD, NEW), (DIRECTORY, NEW), ("", NEW), (OLD, DIRECTORY)],
    ids=["a volume", "a directory", "an anonymous one", "into a directory"],
)  # fmt: skip
def test_under_writes(migrations: Migrations, data: str, to: str) -> None:
    migrations.lay(data, to)
    migrations.run()
    migrations.moved()
    old, new = migrations.marked(migrations.data), migrations.marked(to)
    assert old
    assert new
    assert (old.peer, old.called) == ("db-1", to)
    assert (new.peer, new.called, new.generation) == ("db-1", migrations.data, 2)
    if data == DIRECTORY:
        mode = migrations.python(
            migrations.source, "import os; s=os.stat('/data'); print(oct(s.st_mode), s.st_uid, s.st_gid)"
        )
        assert mode == "0o40750 999 998"
        assert migrations.source.run(f"ls '{data}' | wc -l").strip() == "603", "what was left is whole"


def _kill(migrations: Migrations) -> None:
    migrations.source.run("docker ps -q --filter name=.copy | xargs -r docker kill >/dev/null; true")


def _die(migrations: Migrations) -> None:
    for each in migrations.open:
        each.close()


@pytest.mark.parametrize("act", [_kill, _die], ids=["helpers killed", "controller dies"])
@pytest.mark.parametrize("point", ["seed", "sync --final", "compare", "release"])
def test_a_cut(
    migrations: Migrations, act: Callable[[Migrations], None], point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 8)
    migrations.lay(DIRECTORY if act is _kill else OLD, NEW)
    done: list[str] = []

    def heard(host: str, word: str) -> None:
        if word == point and not done:
            done.append(word)
            act(migrations)

    migrations.heard = heard
    try:
        migrations.run()
    except FleetError as error:
        print(error)
    assert done
    migrations.heard = lambda host, word: None
    assert migrations.states.count(State.LIVE) <= 1
    if migrations.states[1] is not State.LIVE:
        until(lambda: migrations.states[0] is State.LIVE and migrations.writing(), "it does not go on")
        before = migrations.noted()
        until(lambda: migrations.noted() > before, "it does not write")
        migrations.run()
    migrations.source.run("docker ps -aq --filter name=.copy | xargs -r docker rm -f >/dev/null")
    migrations.source.run("rm -f /var/lib/fleet/moving/*")
    migrations.moved()


def test_who_mounts_what_is_above_a_directory_writes_to_it_too(migrations: Migrations) -> None:
    migrations.lay(DIRECTORY, NEW)
    run = f"run -d -v /srv:/all{{}} --name {{}} {migrations.image} sleep 600"
    migrations.docker(migrations.source, run.format(":ro", "monitor"))
    migrations.docker(migrations.source, run.format("", "other"))
    with pytest.raises(RemoteFailed, match=r"is used by other\n"):
        migrations.run()
    assert migrations.writing()
    assert migrations.states == (State.LIVE, State.INCOMING)


def test_a_directory_that_holds_something_is_left_alone(migrations: Migrations) -> None:
    migrations.lay(OLD, DIRECTORY)
    migrations.source.run(f"mkdir '{DIRECTORY}' && echo mine >'{DIRECTORY}/file'")
    with pytest.raises(FleetError, match="of which Fleet knows nothing"):
        migrations.run()
    assert migrations.source.run(f"cat '{DIRECTORY}/file'").strip() == "mine"
    assert migrations.states == (State.LIVE, None)
    assert migrations.helpers() == []


def test_a_symbolic_link_is_refused(migrations: Migrations) -> None:
    migrations.lay(DIRECTORY, NEW)
    migrations.source.run(f"ln -s '{DIRECTORY}' /srv/link")
    mark = migrations.marked(DIRECTORY)
    with migrations.connected() as (source, _):
        assert source.run(marks.write(STATE, "/srv/link", None, BORN).script, timeout=30).ok
    with pytest.raises(RemoteFailed, match="/srv/link is reached over a symbolic link"):
        migrations.run(origin="/srv/link", mark=migrations.marked("/srv/link"))
    assert migrations.marked(DIRECTORY) == mark
