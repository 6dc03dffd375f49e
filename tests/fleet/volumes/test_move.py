"""A volume goes to another real host while it is written, and nothing is lost, whatever is cut off."""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from fleet.errors import FleetError, RemoteFailed
from fleet.model.volumes import State
from fleet.rehearsal import HostFleet, host_fleet
from fleet.report import events as ev
from tests.fleet.volumes.moves import Moves

SWEEP = """
iptables -w -F INPUT; docker ps -aq | xargs -r docker rm -f >/dev/null
docker volume ls -q | xargs -r docker volume rm >/dev/null; rm -rf /var/lib/fleet /srv/noted; true
"""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFleet]:
    with host_fleet("test-volumes", ["db-1", "db-2"], tmp_path_factory.mktemp("keys")) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def image(hosts: HostFleet, client: docker.DockerClient, helper_image: str) -> str:
    """The helper's, on both hosts."""
    packed = b"".join(client.images.get(helper_image).save())
    for host in (hosts.host("db-1"), hosts.host("db-2")):
        host.write("/var/lib/docker/helper.tar", packed)
        host.run("docker load -qi /var/lib/docker/helper.tar && rm /var/lib/docker/helper.tar")
    return helper_image


@pytest.fixture
def moves(hosts: HostFleet, image: str, tmp_path: Path) -> Iterator[Moves]:
    known = tmp_path / "known_hosts"
    known.write_text(hosts.known_hosts())
    made = Moves(hosts, image, known)
    made.begin()
    yield made
    for host in (made.source, made.target):
        host.run(SWEEP)


def test_under_writes(moves: Moves) -> None:
    moves.run()
    moves.moved()
    copied, moved = moves.notes
    assert re.search(r"MB copied to db-2 in [\d.]+ s; the move itself will take about", copied)
    assert "byte for byte the same. It was stopped for" in moved
    assert any(isinstance(event, ev.Progress) for event in moves.told) or "36" in copied


def test_through_the_controller(moves: Moves) -> None:
    moves.target.run(f"iptables -w -I INPUT -s {moves.source.address} -j DROP")
    moves.run()
    moves.moved()
    assert "goes through this machine" in moves.notes[0]


def test_there_and_back(moves: Moves) -> None:
    """What was left at the first host is brought up to date, and not copied once more."""
    moves.run()
    moves.moved()
    moves.serve_at_target()
    moves.told.clear()
    moves.run()
    moves.moved()
    mark = moves.mark(moves.target)
    assert mark
    assert (moves.target.name, mark.generation, mark.peer) == ("db-1", 3, "db-2")
    sent = re.search(r": ([\d.]+) MB copied to db-1", moves.notes[0])
    assert sent
    assert float(sent[1]) < 30, "of 50"


def test_somebody_else_writes(moves: Moves) -> None:
    name = moves.relocation().volume
    moves.docker(moves.source, f"run -d --name other -v {name}:/data {moves.image} sleep 600")
    with pytest.raises(RemoteFailed, match="is used by other"):
        moves.run()
    assert moves.writing()
    assert moves.states == (State.LIVE, State.INCOMING)
    assert moves.helpers() == []


Act = Callable[[Moves], object]


def _kill(which: str) -> tuple[Act, Act]:
    def kill(moves: Moves) -> None:
        host = moves.fleet.host(which)
        host.run("docker ps -q --filter name=.copy | xargs -r docker kill >/dev/null; true")

    return kill, lambda moves: None


def _off(which: str) -> tuple[Act, Act]:
    return lambda moves: moves.fleet.host(which).cut_off(), lambda moves: moves.fleet.host(which).reconnect()


def _die(moves: Moves) -> None:
    """As the controller: both connections end, and nobody says anything any more."""
    for each in moves.open:
        each.close()


# What is done, and what mends it.
CUTS: dict[str, tuple[Act, Act]] = {
    "source off the network": _off("db-1"),
    "target off the network": _off("db-2"),
    "source's helper killed": _kill("db-1"),
    "target's helper killed": _kill("db-2"),
    "controller dies": (_die, lambda moves: None),
}
POINTS = ("seed", "sync", "manifest", "stop", "sync --final", "compare", "release", "mark")
SAMPLE = random.Random(5).sample(
    [(cut, point) for cut in CUTS for point in POINTS], int(os.environ.get("FLEET_CUTS", "4"))
)
"""All of them: ``FLEET_CUTS=40``."""


@pytest.mark.parametrize(("cut", "point"), SAMPLE, ids=[f"{cut} at {point}" for cut, point in SAMPLE])
def test_a_cut(moves: Moves, cut: str, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 8)
    seeded = random.Random(f"{cut} {point}")
    threads: list[threading.Thread] = []
    over = threading.Event()

    def act(delay: float) -> None:
        over.wait(delay)
        CUTS[cut][0](moves)

    def heard(host: str, word: str) -> None:
        # The first mark is that of the copy.
        wanted = ("mark", 1) if point == "mark" else (point, 0)
        seen.append(word)
        if word == wanted[0] and seen.count(word) == wanted[1] + 1 and not threads:
            threads.append(threading.Thread(target=act, args=(seeded.uniform(0, 0.3),)))
            threads[0].start()

    seen: list[str] = []
    moves.heard = heard
    try:
        moves.run()
    except FleetError as error:
        print(error)
    assert threads, seen
    threads[0].join()
    CUTS[cut][1](moves)
    moves.heard = lambda host, word: None
    assert moves.states.count(State.LIVE) <= 1
    if moves.states[1] is not State.LIVE:
        moves.until(lambda: moves.states[0] is State.LIVE and moves.writing(), "the source does not go on")
        before = moves.noted()
        moves.until(lambda: moves.noted() > before, "it does not write")
        moves.run()
    for host in (moves.source, moves.target):
        host.run("docker ps -aq --filter name=.copy | xargs -r docker rm -f >/dev/null")
    if moves.source.run("ls /var/lib/fleet/moving").strip():
        # Moved, and then cut off: a later plan clears it away.
        moves.source.run("rm -f /var/lib/fleet/moving/*")
    moves.moved()
