"""When something is broken and when it is healed, told by what a deploy says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from fleet.rehearsal.faults.deploys import Deploy
from fleet.rehearsal.faults.fault import Event, Fault, Moment, Promise, Scene
from fleet.rehearsal.faults.play import Playing
from fleet.rehearsal.faults.story import Ended
from fleet.rehearsal.traffic.tally import Tally

SCENE = Scene(
    lambda name: cast(Any, name), ("web-1", "web-2", "web-3"), (), "lb-1", "r-1", "10.0.0.1", "shop:v42"
)
BEGINS: Event = {"event": "RunStarted", "command": "deploy", "version": "v42", "release": 7}
TURN: Event = {"event": "StepStarted", "step": "web-1/container:web.app", "host": "web-1"}
FAILED: Event = {"event": "StepFailed", "host": "web-1", "text": "replace", "what": "it is broken"}
ENDS: Event = {"event": "RunFinished", "outcome": "failed"}


class Told:
    """A deploy that tells these events; ^C is pressed where one is missing."""

    def __init__(self, *events: Event | None) -> None:
        self._events = events
        self.over = False

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True

    def events(self) -> Iterator[tuple[float, Event | None]]:
        for event in self._events:
            if event is None:
                raise KeyboardInterrupt
            yield 1.0, event
            yield 1.1, None

    def ended(self) -> Ended:
        return Ended("deploy", 3, 1.0, "failed")


class Stage:
    """``done``: what was broken, healed and told, in order."""

    def __init__(self, **changed: Any) -> None:
        self.done: list[str] = []
        self.tally = Tally()

        @contextmanager
        def broken(scene: Scene) -> Iterator[str]:
            self.done.append("break")
            try:
                yield f"{scene.webs[0]} is broken"
            finally:
                self.done.append("heal")

        fault = Fault("a fault", Moment.TURN, broken, Promise("all is well", frozenset({3})), "mend it")
        self.playing = Playing(replace(fault, **changed), SCENE, self.tally, self.done.append)

    def with_fault(self, *events: Event | None) -> list[str]:
        self.told = Told(*events)
        self.playing.with_fault(lambda: cast(Deploy, self.told))
        return [line[10:] if " s  " in line else line for line in self.done]


def test_it_breaks_at_its_moment_and_is_healed_when_the_deploy_has_ended() -> None:
    stage = Stage()
    assert stage.with_fault(BEGINS, TURN, FAILED, ENDS) == [
        "fleet    deploy to v42 begins, release 7",
        "break",
        "fault    web-1 is broken",
        "fleet    web-1 ✗ replace: it is broken",
        "fleet    failed",
        "heal",
        "fault    healed",
    ]
    assert stage.playing.injected
    assert stage.playing.healed


def test_it_is_healed_when_the_deploy_says_what_is_waited_for() -> None:
    stage = Stage(over=lambda scene, event: event["event"] == "StepFailed")
    assert stage.with_fault(TURN, FAILED, ENDS)[-4:] == [
        "fleet    web-1 ✗ replace: it is broken",
        "heal",
        "fault    healed",
        "fleet    failed",
    ]


def test_it_lasts_no_longer_than_it_may() -> None:
    assert Stage(lasts=-1.0).with_fault(TURN, ENDS)[:4] == [
        "break",
        "fault    web-1 is broken",
        "heal",
        "fault    healed",
    ]


def test_it_breaks_before_the_deploy_begins() -> None:
    assert Stage(moment=Moment.BEFORE).with_fault(BEGINS)[:2] == ["break", "fault    web-1 is broken"]


def test_a_deploy_that_never_comes_to_it_breaks_nothing() -> None:
    stage = Stage()
    assert stage.with_fault(BEGINS, ENDS) == ["fleet    deploy to v42 begins, release 7", "fleet    failed"]
    assert stage.playing.injected is stage.playing.healed is None


def test_it_is_healed_after_an_interrupt_too() -> None:
    stage = Stage()
    with pytest.raises(KeyboardInterrupt):
        stage.with_fault(TURN, None)
    assert stage.done[-1] == "heal"
    assert stage.told.over


def test_the_first_lost_request_is_told_once() -> None:
    stage = Stage()
    stage.tally.failed("order", 1, "reset", stage.tally.started)
    stage.tally.failed("order", 2, "reset", stage.tally.started)
    lines = stage.with_fault(BEGINS, ENDS)
    assert [line for line in lines if "lost" in line] == [
        "traffic  the first request is lost: reset, asked at 0.0 s"
    ]
