#!/usr/bin/env python3
"""Is a request lost? Every kind of client at once, while the fleet is changed under it.

    python benchmarks/traffic.py http://172.30.7.11/ --seconds 60
    python benchmarks/traffic.py http://172.30.7.11/ --project . --scenario deploy --requests 50000

The clients ask as people and programs do (fleet/rehearsal/traffic/clients.py) and try nothing again: every
reset, refusal, early end, timeout and status that was not wanted is a lost request. The path of the URL is
what the cheap requests ask for. After ten seconds the commands of the scenario (benchmarks/scenarios.py) are
carried out again and again until there were requests enough. Aimed at this machine's own hosts only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.aim import bounded, own
from benchmarks.hands import Broken, Hands
from benchmarks.row import Row
from benchmarks.scenarios import SCENARIOS, Scenario
from fleet.errors import FleetError
from fleet.rehearsal import Host, Rehearsal
from fleet.rehearsal.traffic import orders
from fleet.rehearsal.traffic.clients import SlowReader
from fleet.rehearsal.traffic.connection import Connection, Failed, named
from fleet.rehearsal.traffic.crowd import Crowd, Group, mixture
from fleet.rehearsal.traffic.tally import Tally

ENV = "rehearsal"
DATABASE = "db-1"
WARM, TAIL = 10.0, 5.0
"""Seconds of load before and after a scenario."""
LONGEST = 1800.0
"""Seconds after which no further round is begun."""


async def play(scenario: Scenario, hands: Hands, tally: Tally, wanted: float) -> tuple[int, str]:
    """How many rounds it took to get so many requests, and what went wrong."""
    await asyncio.sleep(WARM)
    tally.begin()
    rounds = 0
    try:
        while rounds < scenario.rounds or tally.requests < wanted:
            if tally.now > LONGEST:
                return rounds, f"too few requests after {LONGEST:.0f} s"
            await hands.do(scenario.steps, rounds + 1)
            rounds += 1
    except Broken as broken:
        return rounds, str(broken)
    await asyncio.sleep(TAIL)
    return rounds, ""


async def plain(seconds: float) -> tuple[int, str]:
    """No scenario."""
    await asyncio.sleep(seconds)
    return 0, ""


async def under_load(
    url: urllib.parse.SplitResult, groups: Sequence[Group], tally: Tally, doing: Awaitable[tuple[int, str]]
) -> tuple[int, str]:
    """The result of what is done while the clients ask."""
    crowd = Crowd(url, groups, tally)
    asking = asyncio.ensure_future(crowd.run())
    try:
        return await doing
    finally:
        crowd.stop()
        await asking


async def offered(url: urllib.parse.SplitResult, rate: float) -> Sequence[Group]:
    """The mixture, without the clients for which this application has nothing."""
    connection = Connection((url.hostname or "", url.port or 80))
    try:
        with named():
            async with asyncio.timeout(10):
                await connection.write(
                    f"GET /slow?seconds=0&bytes=1 HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode()
                )
                known = (await connection.head()).status != 404
    except Failed as failed:
        sys.exit(f"traffic: {url.geturl()}: {failed}; nothing was measured")
    finally:
        connection.close()
    if not known:
        print("no slow readers: this version of the shop has no /slow", file=sys.stderr)
    return [group for group in mixture(rate) if known or group.client is not SlowReader]


def measure(name: str, options: argparse.Namespace, host: Callable[[str], Host] | None) -> Row:
    """One row. ``host`` is there when there is a project; without it no orders are looked up."""
    scenario = SCENARIOS.get(name)
    hands = None
    tally = Tally()
    broken = ""
    try:
        if scenario and host:
            log = options.project / ".fleet" / "traffic" / f"{name}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.unlink(missing_ok=True)
            hands = Hands(options.project, ENV, log, options.url.hostname, host)
            asyncio.run(hands.do(scenario.first))
        groups = asyncio.run(offered(options.url, options.rate))
        before = orders.latest(host(DATABASE)) if host else 0
        tally = Tally()
        worked = time.process_time()
        doing = (
            play(scenario, hands, tally, options.requests) if scenario and hands else plain(options.seconds)
        )
        rounds, broken = asyncio.run(under_load(options.url, groups, tally, doing))
        seconds = tally.now
        cpu = (time.process_time() - worked) / seconds
    except Broken as error:
        return Row(name, 0, 0, 0, tally, None, str(error))
    finally:
        if hands:
            hands.restore()
    found = orders.compare(tally.orders, orders.stored(host(DATABASE), before)) if host else None
    if scenario and hands:
        try:
            asyncio.run(hands.do(scenario.last))
        except Broken as error:
            broken = broken or str(error)
    return Row(name, rounds, seconds, cpu, tally, found, broken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url", type=own)
    parser.add_argument("--scenario", choices=[*SCENARIOS, "all"], help="what is done meanwhile")
    parser.add_argument("--project", type=Path, help="the project whose rehearsal is up")
    parser.add_argument(
        "--requests", type=bounded(500_000), default=50_000, help="at least so many (default 50000)"
    )
    parser.add_argument("--seconds", type=bounded(600), default=60.0, help="without a scenario (default 60)")
    parser.add_argument(
        "--rate", type=bounded(2000), default=200.0, help="cheap requests a second (default 200)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="add a line for each row; - prints it")
    options = parser.parse_args()
    if options.scenario and not options.project:
        parser.error("--scenario needs --project: there its commands are run")
    host = Rehearsal(options.project, partial(print, file=sys.stderr), ENV).host if options.project else None
    good = True
    names = list(SCENARIOS) if options.scenario == "all" else [options.scenario or "no scenario"]
    for name in names:
        row = measure(name, options, host)
        good &= row.good
        line = json.dumps(row.json(), ensure_ascii=False)
        if options.json == Path("-"):
            print(line, flush=True)
            continue
        print(row.text(), flush=True)
        if options.json:
            with options.json.open("a") as file:
                file.write(line + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FleetError as error:
        sys.exit(f"traffic: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
