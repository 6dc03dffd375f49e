"""A volume goes to another real host while it is written, and nothing is lost, whatever is cut off."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable

import pytest

from fleet.errors import RemoteFailed
from fleet.model.volumes import State
from fleet.report import events as ev
from tests.fleet.volumes.cuts import Act, cut_off
from tests.fleet.volumes.moves import Moves


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
SEED = 5
SAMPLE = random.Random(SEED).sample(
    [(cut, point) for cut in CUTS for point in POINTS], int(os.environ.get("FLEET_CUTS", "4"))
)
"""All of them: ``FLEET_CUTS=40``."""


@pytest.mark.parametrize(("cut", "point"), SAMPLE, ids=[f"{cut} at {point}" for cut, point in SAMPLE])
def test_a_cut(
    moves: Moves,
    cut: str,
    point: str,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr("fleet.ops.fence.PATIENCE", 8)
    record_property("cut", SEED)
    end = cut_off(moves, CUTS[cut], point, random.Random(f"{cut} {point}").uniform(0, 0.3))
    record_property("end", end)
