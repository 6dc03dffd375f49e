"""A web host loses its power while another one is being replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fleet.rehearsal.faults.fault import Fault, Moment, Promise, Scene


@contextmanager
def _broken(scene: Scene) -> Iterator[str]:
    scene.last.kill()
    try:
        yield f"the power of {scene.last.name} is cut; it was serving"
    finally:
        scene.last.start()


FAULT = Fault(
    "a host dies while another one is replaced",
    Moment.TURN,
    _broken,
    Promise(
        "lost are at most the requests that were on their way to that host; the deploy ends and says so",
        frozenset({1, 3, 69}),
        grace=3.0,
    ),
    "repair the host, or leave it behind with --unreachable skip; then the same deploy again",
)
