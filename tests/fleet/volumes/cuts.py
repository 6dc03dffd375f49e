"""A move that is disturbed at one moment, and what must be true then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from fleet.errors import FleetError
from fleet.model.volumes import State
from tests.fleet.volumes.moves import Moves
from tests.support.waiting import until

Act = Callable[[Moves], object]


SOURCE, MOVED = "the source went on", "it had moved"


def cut_off(moves: Moves, cut: tuple[Act, Act], point: str, delay: float) -> str:
    """``cut``: what is done ``delay`` seconds after the script for ``point`` began, and what mends it. Never
    are both sides live; the source goes on, or the move is over, and the next run has all that was noted.
    Answers which of the two it was."""
    threads: list[threading.Thread] = []
    over = threading.Event()

    def act() -> None:
        over.wait(delay)
        cut[0](moves)

    def heard(host: str, word: str) -> None:
        # The first mark is that of the copy.
        wanted = ("mark", 1) if point == "mark" else (point, 0)
        seen.append(word)
        if word == wanted[0] and seen.count(word) == wanted[1] + 1 and not threads:
            threads.append(threading.Thread(target=act))
            threads[0].start()

    seen: list[str] = []
    moves.heard = heard
    try:
        moves.run()
    except FleetError as error:
        print(error)
    assert threads, seen
    threads[0].join()
    cut[1](moves)
    moves.heard = lambda host, word: None
    return goes_on(moves)


def goes_on(moves: Moves) -> str:
    """The source does, and the next run moves it; unless it has moved."""
    assert moves.states.count(State.LIVE) <= 1
    end = MOVED if moves.states[1] is State.LIVE else SOURCE
    if moves.states[1] is not State.LIVE:
        until(lambda: moves.states[0] is State.LIVE and moves.writing(), "the source does not go on")
        before = moves.noted()
        until(lambda: moves.noted() > before, "it does not write")
        moves.run()
    for host in (moves.source, moves.target):
        host.run("docker ps -aq --filter name=.copy | xargs -r docker rm -f >/dev/null")
    if moves.source.run("ls /var/lib/fleet/moving").strip():
        # Moved, and then cut off: a later plan clears it away.
        moves.source.run("rm -f /var/lib/fleet/moving/*")
    moves.moved()
    return end


def summary(seed: int, ends: Sequence[str], failed: int) -> str:
    """Of a sample: one line."""
    told = ", ".join(f"in {ends.count(end)} {end}" for end in (SOURCE, MOVED))
    good = "nothing lost, all resumed" if not failed else f"{failed} FAILED"
    return f"cuts: seed {seed}, {len(ends) + failed} points: {told}; {good}"
