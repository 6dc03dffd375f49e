"""From the executor's hands to the two hosts."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from fleet.errors import Drift, Unreachable
from fleet.model.desired import Volume
from fleet.model.volumes import State
from fleet.ops.places import MakeVolume
from fleet.plan.tree import CopyVolume, MoveVolume
from fleet.report import events as ev
from fleet.run.balancers import Balancers
from fleet.run.hands import RemoteHands
from fleet.transport.base import Transport
from tests.unit.run.volumes.conftest import LABELS, SEEN, VOLUME, Stage


def hands(stage: Stage, *, show: bool = False, **transports: Transport) -> RemoteHands:
    told = stage.told.append
    balancers = Balancers((), transports, told, threading.Event())
    return RemoteHands(
        transports, told, threading.Event(), lambda name, text: name, balancers, show_commands=show
    )


def nodes(stage: Stage) -> tuple[CopyVolume, MoveVolume]:
    make = MakeVolume("shop", "test", Volume(VOLUME, "db"))
    return CopyVolume("db-2", stage.move, make), MoveVolume("db-2", stage.move)


def both(stage: Stage, *, show: bool = False) -> RemoteHands:
    transports = {"db-1": stage.source.transport, "db-2": stage.target.transport}
    return hands(stage, show=show, **transports)


def test_copied_and_moved(stage: Stage) -> None:
    made, (copying, moving) = both(stage), nodes(stage)
    made.haul(copying)
    assert stage.marks == (State.LIVE, State.INCOMING)
    # What is really made is made in memory, by the engine.
    stage.target.volume(VOLUME, **LABELS)
    made.haul(moving)
    assert stage.marks == (State.FENCED, State.LIVE)
    assert "start" not in stage.source.done[stage.source.done.index("seed") :], "the copy's helper was used"


def test_an_error_names_the_step_and_the_host(stage: Stage) -> None:
    stage.source.set_mark(VOLUME, replace(SEEN, generation=9))
    copying, _ = nodes(stage)
    with pytest.raises(Drift) as caught:
        both(stage).haul(copying)
    assert (caught.value.host, caught.value.step) == ("db-1", f"db-2/copy:{VOLUME}")


def test_a_host_to_which_there_is_no_connection(stage: Stage) -> None:
    copying, _ = nodes(stage)
    with pytest.raises(Unreachable) as caught:
        hands(stage, **{"db-2": stage.target.transport}).haul(copying)
    assert (caught.value.host, caught.value.step) == ("db-1", f"db-2/copy:{VOLUME}")


def test_commands_are_shown_when_that_is_asked_for(stage: Stage) -> None:
    copying, _ = nodes(stage)
    both(stage, show=True).haul(copying)
    shown = [event.text for event in stage.told if isinstance(event, ev.Command)]
    assert any("docker exec" in text and "seed" in text for text in shown)
