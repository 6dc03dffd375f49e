"""Break deploys at moments that a random generator chooses, and see whether whoever comes next puts it right.

The suite does it to a small fleet of its own, ``benchmarks/chaos.py`` to the rehearsal.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleet.rehearsal import Host
from tests.support import warm
from tests.support.availability import Availability
from tests.support.operators import told

FLEET = Path(sys.executable).with_name("fleet")
KINDS = {"controller": 13, "network": 4, "engine": 3}
"""How often of twenty."""
WAYS = ("resume", "deploy", "rollback")
STRETCH = 0.3
"""A moment is up to so many seconds after the line of the journal that it is counted by: within steps too."""
LONGEST_CUT = 12.0
"""Seconds; a connection counts as lost after 10.5 s without an answer."""
OUTLIVE = 150
"""Seconds that what a killed run began on a host may go on, until its own time limit."""

LEFT = r"""
docker ps -a --format '{{.Names}}' | grep -E '\.(next|old)$'
find /var/lib/fleet /run/fleet /srv \( -name '*.new' -o -name 'new.*' -o -name new -o -name copy.old \
  -o -name .new -o -name .fleet-stage -o -name .fleet-switch -o -name .fleet-link -o -name .fleet-pending \
  -o -name 'key.*' \) 2>/dev/null
:"""
HELPERS = r"""
for one in /proc/[0-9]*; do
  words=$(tr '\0' ' ' 2>/dev/null <$one/cmdline)
  case $words in 'timeout -k 5 '* | 'sh -s '* | 'docker system dial-stdio '*) echo "$words" ;; esac
done"""


@dataclass(frozen=True, slots=True)
class Site:
    """A project and the hosts that it is deployed to.

    ``fragile`` hosts may be broken. ``urls``, by host, have to answer on ``minimum`` hosts. ``ledger`` is
    its directory on ``keeper``. ``lines``: about how many a run writes into its journal.
    """

    root: Path
    env: str
    versions: tuple[str, str]
    fragile: Mapping[str, Host]
    urls: Mapping[str, str]
    minimum: int
    keeper: Host
    ledger: str
    lines: int

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [FLEET, *words, "--env", self.env, "--yes"], cwd=self.root, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def say(self, *words: str) -> tuple[int, str]:
        """Exit code, and what the operator reads."""
        words = (*words, "--env", self.env, "--yes")
        code, out, err = warm.run(words, self.root, os.environ, timeout=600)
        return code, out + err

    def deploy(self, version: str) -> None:
        code, text = self.say("deploy", "--version", version)
        assert code == 0, text

    def history(self) -> list[tuple[str, str]]:
        """Version and outcome of each release, as the ledger's own files tell it."""
        releases = told(self.keeper.run(f"cd {self.ledger} && head -n 1 -v *.head *.e*"))
        return [(version, [one for one in outcomes if one][-1]) for _, version, outcomes in releases]

    def left(self, script: str) -> list[str]:
        """Lines of what is still there, by host."""
        return [f"{name}: {line}" for name, host in self.fragile.items()
                for line in host.run(script).splitlines()]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """``line`` of the run's journal and ``after`` seconds more: then ``kind`` breaks, on ``host`` (for
    ``seconds``, if it is the network). ``way``: what the operator does about it."""

    kind: str
    line: int
    after: float
    host: str
    seconds: float
    way: str

    def __str__(self) -> str:
        of = "" if self.kind == "controller" else f" of {self.host}"
        return f"{self.kind}{of} {self.after:.2f} s after line {self.line}, then {self.way}"


def points(site: Site, count: int, seed: int) -> Iterator[Point]:
    """Kinds in the proportion of ``KINDS``, in any order; the ways in turn."""
    chance = random.Random(seed)
    kinds = [kind for kind, times in KINDS.items() for _ in range(times)]
    for number in range(count):
        if number % len(kinds) == 0:
            chance.shuffle(kinds)
        yield Point(
            kinds[number % len(kinds)],
            chance.randint(0, site.lines),
            chance.uniform(0, STRETCH),
            chance.choice(list(site.fragile)),
            chance.uniform(1, LONGEST_CUT),
            WAYS[number % len(WAYS)],
        )


def chaos(site: Site, count: int, seed: int, say: Callable[[str], None]) -> str:
    """Everything at ``count`` points, and its summary. Raises AssertionError at the first that is not as it
    has to be."""
    before, after = site.versions
    site.deploy(before)
    done: Counter[str] = Counter()
    lowest = len(site.urls)
    for number, point in enumerate(points(site, count, seed), 1):
        began = time.monotonic()
        with Availability(site.urls) as availability:
            at = _break(site, point, after, availability)
            reached = _go_on(site, point, before, after)
            assert availability.settled(), f"{point}: the application does not answer"
        _check(site, point, reached)
        lowest = min(lowest, availability.lowest)
        assert lowest >= site.minimum, f"{point}: only {lowest} answered"
        say(f"{number:3} {time.monotonic() - began:5.1f} s  {point} ({at}): at {reached}, "
            f"never fewer than {availability.lowest} answering")  # fmt: skip
        done[point.kind] += 1
        before, after = reached, next(version for version in site.versions if version != reached)
    _await_helpers(site)
    kinds = ", ".join(f"{done[kind]} {kind}" for kind in KINDS)
    return (f"chaos: seed {seed}, {count} points ({kinds}), all converged, "
            f"never fewer than {lowest} of {len(site.urls)} answering")  # fmt: skip


def _break(site: Site, point: Point, version: str, availability: Availability) -> str:
    """Begin a deploy and break something meanwhile; answers what the journal said last by then."""
    runs = site.root / ".fleet" / "runs"
    known = set(runs.glob("*"))
    process = site.begin("deploy", "--version", version)
    journal = _moment(process, runs, known, point)
    if point.kind == "controller":
        process.kill()
    else:
        availability.excused = {point.host}
        with _broken(site.fragile[point.host], point):
            process.communicate(timeout=600)
    process.communicate(timeout=600)
    return journal


def _moment(process: subprocess.Popen[str], runs: Path, known: set[Path], point: Point) -> str:
    """Wait for it, or for the end of the run."""
    lines: list[str] = []
    while process.poll() is None:
        for run in set(runs.glob("*")) - known:
            events = run / "events.jsonl"
            lines = events.read_text().splitlines() if events.exists() else []
        if len(lines) >= point.line:
            break
        time.sleep(0.005)
    time.sleep(point.after)
    return f"{len(lines)} lines"


@contextmanager
def _broken(host: Host, point: Point) -> Iterator[None]:
    if point.kind == "engine":
        host.restart_engine()
        yield
        return
    host.cut_off()
    try:
        time.sleep(point.seconds)
    finally:
        host.reconnect()
    yield


def _go_on(site: Site, point: Point, before: str, after: str) -> str:
    """What an operator does about it; answers the version that the fleet is at then."""
    if point.way == "rollback":
        code, text = site.say("rollback", "--to", before)
        assert code == 0, f"{point}\n{text}"
        return before
    if point.way == "resume":
        version, outcome = site.history()[-1]
        code, text = site.say("deploy", "--resume")
        if outcome in {"running", "failed"}:
            assert (version, code) == (after, 0), f"{point}\n{text}"
            return after
        assert "nothing to go on with" in text, f"{point}\n{text}"
    code, text = site.say("deploy", "--version", after)
    assert code == 0, f"{point}\n{text}"
    return after


def _check(site: Site, point: Point, version: str) -> None:
    code, text = site.say("deploy", "--version", version)
    assert code == 0, f"{point}\n{text}"
    assert "Nothing to do" in text, f"{point}\n{text}"
    left = site.left(LEFT)
    assert not left, f"{point}: left behind: {left}"
    releases = site.history()
    # After a deploy that took itself back, a rollback finds nothing left to do, and writes nothing.
    took_back = point.way == "rollback" and releases[-1][1] == "rolled-back"
    assert releases[-2 if took_back else -1] == (version, "good"), f"{point}: {releases}"
    assert "running" not in {outcome for _, outcome in releases}, f"{point}: {releases}"


def _await_helpers(site: Site) -> None:
    deadline = time.monotonic() + OUTLIVE
    while left := site.left(HELPERS):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.5)
