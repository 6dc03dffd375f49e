"""The host whose turn it is falls silent for longer than a connection lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fleet.rehearsal.faults.fault import Fault, Moment, Promise, Scene

LASTS = 15.0
"""Seconds; a connection counts as lost after 10.5 s without an answer."""


@contextmanager
def _broken(scene: Scene) -> Iterator[str]:
    scene.first.cut_off()
    try:
        yield f"every packet from and to {scene.first.name} is dropped, for {LASTS:g} s"
    finally:
        scene.first.reconnect()


FAULT = Fault(
    "the network of a host is cut while it is replaced",
    Moment.TURN,
    _broken,
    Promise(
        "no request is lost; the deploy goes on, goes back, or ends and says so", frozenset({0, 1, 3, 69})
    ),
    "see that the host is reached again (inv doctor), then the same deploy again",
    lasts=LASTS,
)
