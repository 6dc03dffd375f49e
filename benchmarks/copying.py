#!/usr/bin/env python3
"""How fast does a volume's data go to another host, beside ``tar | ssh | tar``; and how long is it away?

    python benchmarks/copying.py --size 2
    python benchmarks/copying.py --size 0 --files 200000
    python benchmarks/copying.py --size 0 --sparse 20

Two hosts of their own, a volume on the first, and a writer that changes a bit of it all the time. The volume
is copied by ``tar | ssh | tar``, the disk's own time told apart, and then moved as a deploy moves it. Prints
what each took, megabytes a second, and the ratios: of the seed alone, and of the copy with its passes and
checksums. On a machine that others use, the processors' time tells more: of both hosts, for the plain copy
and for the whole move. Needs a Docker Engine, and room for three times the data.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import by_hand
from fleet.errors import FleetError
from fleet.rehearsal import host_fleet
from fleet.rehearsal.engine import engine
from fleet.rehearsal.images import Images
from fleet.report import events as ev
from tests.fleet.volumes.moves import VOLUME, Moves

PART = 64
"""Megabytes of a large file."""
ISLANDS = 2000
"""In the sparse file: a page each."""
FILL = f"""
import os, random, sys
size, files, sparse = (int(word) for word in sys.argv[1:])
for n in range(size // {PART}):
    with open(f'/data/part-{{n}}', 'wb') as file:
        for _ in range({PART}):
            file.write(os.urandom(1 << 20))
for n in range(files):
    if n % 500 == 0:
        os.makedirs(f'/data/small/{{n // 500}}')
    with open(f'/data/small/{{n // 500}}/{{n}}', 'wb') as file:
        file.write(os.urandom(random.randrange(4096)))
if sparse:
    with open('/data/sparse', 'wb') as file:
        for _ in range({ISLANDS}):
            file.seek(random.randrange(sparse))
            file.write(os.urandom(4096))
        file.truncate(sparse)
"""


class Bench:
    def __init__(self, moves: Moves) -> None:
        self._moves = moves

    def fill(self, size: float, files: int, sparse: float) -> int:
        """Bytes on the source's disk then."""
        words = f"{int(size * 1000)} {files} {int(sparse * 1e9)}"
        source = self._moves.source
        source.write("/srv/fill.py", FILL.encode())
        self._moves.begin(f"-v /srv/fill.py:/fill.py:ro {self._moves.image} python3 /fill.py {words}")
        return int(source.run(f"du -s --block-size=1 {self._data()} | cut -f1"))

    def by_hand(self) -> tuple[float, float]:
        """Seconds of tar | ssh | tar, and with what the target's disk needs after it."""
        here, there = self._moves.source, self._moves.target
        for host in (here, there):
            host.run("sync")
        copied = by_hand.copy(here, there, self._data(), "--sparse", "--warning=no-file-changed")
        began = time.monotonic()
        there.run(f"sync -f {by_hand.COPY}")
        whole = copied + time.monotonic() - began
        there.run(f"rm -rf {by_hand.COPY}; sync")
        return copied, whole

    def fleet(self) -> list[tuple[str, float]]:
        """What each step took, as the source was asked for it."""
        asked: list[tuple[str, float]] = []
        self._moves.heard = lambda host, word: (
            asked.append((word, time.monotonic())) if host == self._moves.source.name else None
        )
        self._moves.run()
        asked.append(("", time.monotonic()))
        return [(word, after - before) for (word, before), (_, after) in pairwise(asked)]

    def busy(self) -> float:
        """Seconds that the processors have worked for both hosts, by either version of cgroups."""
        script = "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || "
        script += "awk '/^usage_usec/ {print $2 * 1000}' /sys/fs/cgroup/cpu.stat"
        return sum(float(host.run(script)) for host in (self._moves.source, self._moves.target)) / 1e9

    def told(self) -> Iterator[str]:
        yield from (event.text for event in self._moves.told if isinstance(event, ev.Note))

    def _data(self) -> str:
        volume = self._moves.docker(self._moves.source, f"volume inspect {VOLUME}")
        found = re.search(r'"Mountpoint": "([^"]+)"', volume)
        return found[1] if found else ""


@contextmanager
def hosts() -> Iterator[Moves]:
    say = partial(print, file=sys.stderr)
    with (
        tempfile.TemporaryDirectory() as keys,
        host_fleet("bench-copying", ["db-1", "db-2"], Path(keys), say=say) as fleet,
    ):
        found = engine(say)
        image = str(Images(found, say).ensure("volumes").id)
        packed = b"".join(found.client.images.get(image).save())
        for name in ("db-1", "db-2"):
            host = fleet.host(name)
            host.write("/var/lib/docker/helper.tar", packed)
            host.run("docker load -qi /var/lib/docker/helper.tar && rm /var/lib/docker/helper.tar")
        known = Path(keys) / "known_hosts"
        known.write_text(fleet.known_hosts())
        yield Moves(fleet, image, known)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", type=float, default=2, help="GB of random data in large files (default 2)")
    parser.add_argument("--files", type=int, default=0, help="small files besides")
    parser.add_argument("--sparse", type=float, default=0, help="GB of a file that is nearly empty, besides")
    options = parser.parse_args()
    with hosts() as moves:
        bench = Bench(moves)
        size = bench.fill(options.size, options.files, options.sparse)
        busy = [bench.busy()]
        raw, on_disk = bench.by_hand()
        busy.append(bench.busy())
        took = bench.fleet()
        busy.append(bench.busy())
        for word, seconds in took:
            print(f"  {word:14} {seconds:7.2f} s")
        for line in bench.told():
            print(f"  {line}")
        steps = [word for word, _ in took]
        first = steps.index("seed")
        seed = took[first][1]
        # Then the move itself looks at the source once more.
        whole = sum(seconds for _, seconds in took[first : steps.index("look", first)])
        print(f"{size / 1e6:.0f} MB on the disk")
        plain, moved = (after - before for before, after in pairwise(busy))
        print(f"processors: {plain:.1f} s raw, {moved:.1f} s copied and moved")
        rows = (("raw", raw), ("raw, on disk", on_disk), ("seed", seed), ("whole copy", whole))
        for name, seconds in rows:
            ratios = f"{raw / seconds:6.2f} of raw  {on_disk / seconds:6.2f} of raw on disk"
            print(f"  {name:12} {seconds:7.1f} s {size / seconds / 1e6:7.0f} MB/s {ratios}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FleetError as error:
        sys.exit(f"copying: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
