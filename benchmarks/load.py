#!/usr/bin/env python3
"""HTTP load on a fleet of one's own, and what became of every request.

    python benchmarks/load.py http://172.30.7.11/ --seconds 60 --rate 100

Half of the clients keep their connection, half make a new one for every request: a rolling update hurts them
in different ways. Nothing is retried. Bounded in time and rate, and aimed at this machine's own hosts only.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.aim import bounded, own
from fleet.rehearsal.traffic.clients import Kept, New
from fleet.rehearsal.traffic.crowd import Crowd, Group
from fleet.rehearsal.traffic.tally import Tally, span


async def load(crowd: Crowd, seconds: float) -> None:
    asyncio.get_running_loop().call_later(seconds, crowd.stop)
    await crowd.run()


def report(tally: Tally) -> None:
    failed = len(tally.failures)
    print(f"requests  {tally.requests}")
    print(f"failed    {failed}  ({failed / max(tally.requests, 1):.3%})")
    for (kind, client), count in Counter((one.kind, one.client) for one in tally.failures).most_common():
        print(f"  {count:6}  {kind} ({client})")
    if failed:
        print(f"  between {tally.failures[0].second:.1f} s and {tally.failures[-1].second:.1f} s")
    if seen := span([latency for kind in tally.before.values() for latency in kind]):
        for name, value in (("p50", seen.p50), ("p99", seen.p99), ("max", seen.most)):
            print(f"{name}       {value:.1f} ms")
    print("answered by")
    for version, answers in sorted(tally.versions.items()):
        print(f"  {version:10} {answers.answers:6}  from {answers.first:.1f} s to {answers.last:.1f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description="HTTP load on a fleet of one's own.")
    parser.add_argument("url", type=own)
    parser.add_argument("--seconds", type=bounded(600), default=30.0)
    parser.add_argument(
        "--rate", type=bounded(2000), default=100.0, help="requests a second, all clients together"
    )
    parser.add_argument("--clients", type=int, choices=range(2, 201), default=16, metavar="2…200")
    options = parser.parse_args()
    tally = Tally()
    half = options.clients // 2
    groups = [
        Group(client, clients, options.clients / options.rate)
        for client, clients in ((Kept, options.clients - half), (New, half))
    ]
    asyncio.run(load(Crowd(options.url, groups, tally), options.seconds))
    report(tally)
    return 0 if tally.versions else 1


if __name__ == "__main__":
    sys.exit(main())
