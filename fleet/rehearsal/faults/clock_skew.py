"""The clocks of two hosts jump in the middle of a deploy, one of them that of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from fleet.rehearsal.faults.fault import Fault, Moment, Promise, Scene
from fleet.rehearsal.host import Host

# A container has no clock of its own. What Fleet asks is this program, and it is found first.
DATE = "/usr/local/bin/date"
SCRIPT = "#!/bin/sh\nexec /bin/date -d '{} hours' \"$@\"\n"
AHEAD, BEHIND = 1, -2


@contextmanager
def wrong_clock(host: Host, hours: int) -> Iterator[None]:
    """What ``date`` says there is wrong by so many hours."""
    host.write(DATE, SCRIPT.format(hours).encode(), 0o755)
    try:
        yield
    finally:
        host.run(f"rm -f {DATE}")


@contextmanager
def _broken(scene: Scene) -> Iterator[str]:
    with ExitStack() as clocks:
        clocks.enter_context(wrong_clock(scene.host(scene.keeper), AHEAD))
        clocks.enter_context(wrong_clock(scene.last, BEHIND))
        yield f"the clock of {scene.keeper} jumps {AHEAD} h ahead, that of {scene.last.name} {-BEHIND} h back"


FAULT = Fault(
    "clocks jump, one of them that of the ledger's host",
    Moment.TURN,
    _broken,
    Promise(
        "no request is lost; the deploy goes on, or ends where it cannot know its lease any more",
        frozenset({0, 73}),
    ),
    "repair the clocks (inv doctor compares them), then the same deploy again",
)
