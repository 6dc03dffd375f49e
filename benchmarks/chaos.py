#!/usr/bin/env python3
"""Break deploys of the shop on the rehearsal fleet, at any number of random moments.

    inv rehearse && python -m benchmarks.chaos --points 50 --seed 4711

What is done at each point, and what has to be true after it, is that of the suite: tests/support/chaos.py.
So it is run as a module, from the project's directory. It ends at the first point that is not as it has to
be; the same seed chooses the same points.
"""

from __future__ import annotations

import argparse
import random
import sys
from functools import partial
from pathlib import Path

from fleet.rehearsal import Rehearsal
from tests.support.chaos import Site, chaos

ROOT = Path(__file__).parents[1]
ENV = "rehearsal"
WEB = ("web-1", "web-2", "web-3")
FRAGILE = (*WEB, "worker-1", "worker-2")
"""Not the database: without it no web host is healthy, whatever a deploy does."""
LINES = 75


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, default=20, help="how many moments (default 20)")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="chooses the moments")
    given = parser.parse_args()
    say = partial(print, flush=True)
    rehearsal = Rehearsal(ROOT, say)
    site = Site(
        root=ROOT,
        env=ENV,
        versions=("v41", "v42"),
        fragile={name: rehearsal.host(name) for name in FRAGILE},
        urls={name: f"http://{rehearsal.host(name).address}:8000/health" for name in WEB},
        minimum=2,
        keeper=rehearsal.host("lb-1"),
        ledger=f"/var/lib/fleet/releases/shop/{ENV}/ledger",
        lines=LINES,
    )
    say(f"seed {given.seed}")
    try:
        say(chaos(site, given.points, given.seed, say))
    except AssertionError as error:
        say(f"chaos: seed {given.seed}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
