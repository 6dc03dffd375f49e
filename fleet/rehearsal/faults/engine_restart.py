"""The Docker Engine of the host whose turn it is starts anew, as with an upgrade of its package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fleet.rehearsal.faults.fault import Fault, Moment, Promise, Scene


@contextmanager
def _broken(scene: Scene) -> Iterator[str]:
    scene.first.restart_engine()
    yield f"the Docker Engine of {scene.first.name} was restarted"
    scene.first.wait_engine()


FAULT = Fault(
    "the engine of a host restarts while it is replaced",
    Moment.TURN,
    _broken,
    Promise("no request is lost; the deploy goes on, goes back, or ends and says so", frozenset({0, 1, 3})),
    "the same deploy again; keep upgrades of the engine out of deploys",
    lasts=0.0,
)
