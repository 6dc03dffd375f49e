"""The new version answers its health check late, because its database answers it late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fleet.rehearsal.faults.fault import Event, Fault, Moment, Promise, Scene

DATABASE_PORT = 5432
DELAY_MS = 4000
"""Longer than the health check of the shop waits, once for each packet."""


@contextmanager
def _broken(scene: Scene) -> Iterator[str]:
    scene.first.slow_down(DELAY_MS, port=DATABASE_PORT)
    try:
        yield f"what {scene.first.name} asks the database takes {DELAY_MS / 1000:g} s longer"
    finally:
        scene.first.slow_down(0)


def _failed(scene: Scene, event: Event) -> bool:
    return bool(event["event"] == "StepFailed" and event["host"] == scene.webs[0])


FAULT = Fault(
    "a new version gets healthy too late",
    Moment.TURN,
    _broken,
    Promise("no request is lost; the host goes back to what it ran before", frozenset({3})),
    "see why in the file that the deploy names; a longer gate.deadline, if it is only slow",
    over=_failed,
)
