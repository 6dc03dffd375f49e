"""``python -m tests.support.engine up`` before several test sessions that share an engine, ``down`` after
them. ``up`` says last whether it had to start one: only then is it ours to end."""

from __future__ import annotations

import sys

from fleet.rehearsal import engine
from fleet.rehearsal.images import Images


def up() -> None:
    """The image of the hosts is made once, and not by each session."""
    before = engine.running()
    Images(engine.engine(print), print).ensure("host")
    print("found" if before else "started")


def down() -> None:
    if engine.running():
        engine.stop(print)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
