#!/usr/bin/env python3
"""A database goes to another host while it is written: how long is it away, and is anything lost?

    python benchmarks/volumes.py --project . --sizes 0.5,2,8

For each size (GB) the database of the rehearsal is filled, writers begin (writer.py), and then

- its container is stopped, its volume copied to the other host by ``tar | ssh | tar``, and it starts: what
  one does by hand;
- ``hosts.yml`` moves the role, and ``inv deploy`` does it. Every row that was acknowledged must be there;
- ``hosts.yml`` moves it back, and so does ``inv deploy``, with what the first host still has.

Prints how long no transaction was acknowledged, how fast the data went, and the ratios. Needs a rehearsal
that is up, and room for three copies of the greatest size.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import by_hand
from benchmarks.hands import Broken, Hands
from benchmarks.scenarios import Inv, Step, Swap
from fleet.errors import FleetError
from fleet.rehearsal import Host, Rehearsal

FROM, TO, WRITES = "db-1", "worker-2", "worker-1"
DEPLOY = Inv("deploy --version v41 --roles database --yes")
ROW = 8000
"""Bytes of a row of the filler."""
SETTLE = 5.0
"""Seconds that are written before and after."""


@dataclass(frozen=True, slots=True)
class Run:
    """``away``: seconds without an acknowledged transaction; ``copied``: megabytes a second, 0: not told."""

    name: str
    away: float
    took: float
    copied: float
    acknowledged: int
    missing: int


class Bench:
    def __init__(self, project: Path, env: str, threads: int) -> None:
        rehearsal = Rehearsal(project, partial(print, file=sys.stderr), env)
        self._env = env
        self._host = rehearsal.host
        self._threads = threads
        log = project / ".fleet" / "traffic" / "volumes.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        self._log = log
        self._hands = Hands(project, env, log, "", rehearsal.host)

    def moves(self) -> tuple[tuple[Swap, ...], tuple[Swap, ...]]:
        """What takes the database to the other host in ``hosts.yml``, and back."""
        hosts = f"inventories/{self._env}/hosts.yml"
        head = "      hosts:\n        "
        lone, full = f"{FROM}:\n", f"{FROM}: {{ansible_host: {self._host(FROM).address}}}\n"
        there = Swap(hosts, head + full, f"{head}{TO}:\n"), Swap(hosts, head + lone, head + full)
        return there, tuple(Swap(one.path, one.new, one.old) for one in reversed(there))

    def do(self, *steps: Step) -> None:
        asyncio.run(self._hands.do(steps))

    def restore(self) -> None:
        self._hands.restore()

    def fill(self, gigabytes: float) -> int:
        """Bytes of the volume then."""
        rows = int(gigabytes * 1e9 / ROW)
        # Unlogged: what is to be moved is the data, and not the log of how it came there.
        self._sql(
            FROM,
            "DROP TABLE IF EXISTS filler, written; "
            "CREATE UNLOGGED TABLE filler (id int, touched int DEFAULT 0, pad text); "
            "ALTER TABLE filler ALTER COLUMN pad SET STORAGE EXTERNAL; "
            "CREATE TABLE written (id bigint PRIMARY KEY, pad text); "
            f"INSERT INTO filler SELECT n, 0, repeat(md5(n::text), {ROW // 32}) "
            f"FROM generate_series(1, {rows}) n; "
            "ALTER TABLE filler ADD PRIMARY KEY (id)",
        )
        # Pages of an unlogged table are written when the database ends, and by no checkpoint before that; and
        # what was filled is not what the writers have written.
        self._host(FROM).run(f"docker restart {_container(self._host(FROM))} >/dev/null")
        self._until_it_answers(FROM)
        return int(self._host(FROM).run(f"du -sb {self._data(FROM)} | cut -f1"))

    def by_hand(self) -> Run:
        """Stop, copy, start; the copy is thrown away, and the database goes on where it was."""
        here, there = self._host(FROM), self._host(TO)
        with self._writing() as written:
            began = time.monotonic()
            container = _container(here)
            here.run(f"docker stop {container} >/dev/null")
            copied = by_hand.copy(here, there, self._data(FROM))
            size = int(there.run(f"du -sb {by_hand.COPY} | cut -f1"))
            here.run(f"docker start {container} >/dev/null")
            self._until_it_answers(FROM)
            took = time.monotonic() - began
        there.run(f"rm -rf {by_hand.COPY}")
        return self._run("by hand", FROM, written, took, size / copied / 1e6)

    def fleet(self, name: str, swaps: tuple[Swap, ...], at: str, size: int) -> Run:
        with self._writing() as written:
            began = time.monotonic()
            self.do(*swaps, DEPLOY)
            took = time.monotonic() - began
        seconds = re.findall(r"copied to \S+ in ([\d.]+) s", self._log.read_text())
        return self._run(name, at, written, took, size / float(seconds[-1]) / 1e6 if seconds else 0)

    def _run(self, name: str, at: str, written: list[tuple[float, int]], took: float, speed: float) -> Run:
        away = max((after - before for (before, _), (after, _) in pairwise(sorted(written))), default=0)
        there = set(map(int, self._sql(at, "SELECT id FROM written").split()))
        missing = {number for _, number in written} - there
        return Run(name, round(away, 2), round(took, 1), round(speed, 1), len(written), len(missing))

    @contextmanager
    def _writing(self) -> Iterator[list[tuple[float, int]]]:
        """What was acknowledged is in the list in the end."""
        host = self._host(WRITES)
        worker = host.run("docker ps -q -f name=worker-worker").strip()
        host.write("/root/writer.py", (Path(__file__).parent / "writer.py").read_bytes())
        host.run(f"docker cp /root/writer.py {worker}:/tmp/writer.py")
        host.run(f"docker exec {worker} rm -f /tmp/written")
        places = f"{self._host(FROM).address} {self._host(TO).address}"
        host.run(f"docker exec -d {worker} python3 /tmp/writer.py /tmp/written {self._threads} {places}")
        written: list[tuple[float, int]] = []
        try:
            time.sleep(SETTLE)
            yield written
            time.sleep(SETTLE)
        finally:
            # The host sees the container's processes, too. Not the shell that asks for it.
            host.run("pkill -f '/tmp/[w]riter.py'; true")
            for line in host.run(f"docker exec {worker} cat /tmp/written").splitlines():
                second, number = line.split()
                written.append((float(second), int(number)))

    def _until_it_answers(self, name: str) -> None:
        host = self._host(name)
        ready = f"docker exec {_container(host)} pg_isready -q -h 127.0.0.1"
        host.run(f"until {ready}; do sleep 0.05; done")

    def _data(self, name: str) -> str:
        host = self._host(name)
        volume = host.run("docker volume ls -q -f name=database_data").strip()
        return host.run(f"docker volume inspect -f '{{{{.Mountpoint}}}}' {volume}").strip()

    def _sql(self, name: str, text: str) -> str:
        host = self._host(name)
        return host.run(f'docker exec {_container(host)} psql -U shop -d shop -qAtc "{text}"')


def _container(host: Host) -> str:
    return host.run("docker ps -aq -f name=database-postgres").split()[0]


def measured(bench: Bench, gigabytes: float) -> list[Run]:
    size = bench.fill(gigabytes)
    there, back = bench.moves()
    runs = [bench.by_hand(), bench.fleet("inv deploy", there, TO, size)]
    return [*runs, bench.fleet("and back", back, FROM, size)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--project", type=Path, required=True, help="the project whose rehearsal is up")
    parser.add_argument("--env", default="rehearsal", help="its environment (default rehearsal)")
    parser.add_argument("--sizes", default="0.5,2", help="GB, comma separated (default 0.5,2)")
    parser.add_argument("--threads", type=int, choices=range(1, 33), default=4, metavar="1…32")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add a line for each size")
    options = parser.parse_args()
    bench = Bench(options.project, options.env, options.threads)
    good = True
    try:
        bench.do(DEPLOY)
        for gigabytes in map(float, options.sizes.split(",")):
            runs = measured(bench, gigabytes)
            good &= not any(run.missing for run in runs)
            print(f"{gigabytes:g} GB, {options.threads} writers")
            for run in runs:
                ratio = f"  {run.away / runs[0].away:.2f} of by hand" if run is not runs[0] else ""
                speed = f"{run.copied:.0f} MB/s" if run.copied else "-"
                print(
                    f"  {run.name:12} away {run.away:7.2f} s, took {run.took:6.1f} s, copied at {speed:>9}, "
                    f"{run.acknowledged} rows acknowledged, {run.missing} missing{ratio}",
                    flush=True,
                )
            if options.json:
                with options.json.open("a") as file:
                    row = {"gigabytes": gigabytes, "runs": [dataclasses.asdict(run) for run in runs]}
                    file.write(json.dumps(row) + "\n")
    finally:
        bench.restore()
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (FleetError, Broken) as error:
        sys.exit(f"volumes: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
