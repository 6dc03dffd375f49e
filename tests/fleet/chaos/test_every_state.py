"""The controller is killed anywhere in a rolling deploy of the rehearsal application; then somebody goes on.

Anywhere: in each state that the fleet, in memory, goes through from v41 to v42.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from fleet.app.connections import Connections
from fleet.app.deploy import deploy
from fleet.app.options import Options
from fleet.app.resume import UNFINISHED, resume
from fleet.app.rollback import rollback
from fleet.app.session import Session
from fleet.errors import Exit
from fleet.ledger.embedded import EmbeddedStore
from fleet.model import labels
from fleet.model.releases import Outcome, Release
from fleet.run import owner
from fleet.run.gate import watch
from fleet.secret import Keyring
from fleet.transport.fake_engine import FakeContainer
from tests.support.snapshots import LastingFleet, Moment, tree
from tests.unit.app.conftest import Told

ROOT = Path(__file__).parents[3]
REGISTRY = "172.30.7.51:5000"
IMAGES = ("shop:v41", "shop:v42", "postgres:15", "redis:7.0", "haproxy:2.6", "ucarp:1.5")
MINIMA = {"web": 2, "worker": 1}
WAYS = ("deploy", "resume", "rollback")
LEASE = Path("var/lib/fleet/releases/shop/rehearsal/lease")
LEASE_SECONDS = 60
# With a file that changes with the version.
VARIABLES = f"""
fleet_lease_seconds: {LEASE_SECONDS}
shop_title: "The little shop, {{{{ version }}}}"
"""
OTHER_MACHINE = "another-boot pid:[1] 1 1"

LEDGER = re.compile(
    r"""releases(/shop(/rehearsal(/(lease|lock|uses|fence(/\d+)?
        |(ledger|copy)(/\d{6}\.(head|record|e\d\d)|/content(/[0-9a-f]{64})?)?))?)?)?""",
    re.VERBOSE,
)
CONFIG = re.compile(r"/\.fleet-[0-9a-f]{16}(/|$)")
"""Configuration as it is and as it was before."""

State = dict[str, Moment]


class Hurried(threading.Event):
    """Nobody waits between two batches."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


@dataclass
class Rehearsal:
    root: Path
    fleet: LastingFleet
    told: Told = field(default_factory=Told)

    def session(self, version: str = "unknown", *, check: bool = False) -> Session:
        """One host at a time, so that a run always goes through the same states."""
        self.told = Told()
        options = Options(self.root, "rehearsal", version=version, yes=True, parallel=1, check=check)
        session = Session.open(options, self.told, Keyring())
        session.interrupt.asked = Hurried()
        return session

    def deploy(self, version: str, *, check: bool = False) -> None:
        assert deploy(self.session(version, check=check), never) is Exit.OK, self.told.text

    def history(self) -> tuple[Release, ...]:
        with Connections(session := self.session()) as connections:
            connections.open([session.ledger])
            transport = connections.transports[session.ledger.name]
            return EmbeddedStore(transport, session.place).history().releases

    @property
    def lease(self) -> Path:
        return self.fleet.host("lb-1").root / LEASE

    def laid_out(self) -> dict[str, list[str]]:
        """Containers and files of every host, but for what may differ: ids, the ledger's growth."""
        found = {}
        for name, host in self.fleet.hosts.items():
            ones = host.engine.containers.values()
            ours = [f"{one.name} {one.state} {one.body['Image']} {_marks(one)}" for one in ones]
            paths = (path.removeprefix("var/lib/fleet/") for path in tree(host.root))
            files = [path for path in paths if not (LEDGER.fullmatch(path) or CONFIG.search(path))]
            proven = {f"proven/{one.id}" for one in ones}
            found[name] = sorted([*ours, *("proven" if path in proven else path for path in files)])
        return found


def _marks(container: FakeContainer) -> list[str]:
    return [container.body["Labels"][label] for label in (labels.SPEC, labels.RELEASE)]


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """This repository's own application on a fleet in memory, whose gates take no time."""
    for name in ("roles", "inventories/rehearsal"):
        shutil.copytree(ROOT / name, tmp_path / name)
    with (tmp_path / "inventories/rehearsal/group_vars/all.yml").open("a") as variables:
        variables.write(VARIABLES)
    # No HAProxy answers in memory: how requests are led has laws of its own (unit/plan/test_traffic_laws.py).
    web = tmp_path / "roles/web/compose.yml"
    lines = web.read_text().splitlines(keepends=True)
    web.write_text("".join(line for line in lines if "load_balancer:" not in line))
    secrets = tmp_path / ".fleet" / "rehearsal"
    secrets.mkdir(parents=True)
    for name in ("registry-password", "db-password", "queue-password", "vip-password"):
        (secrets / name).touch(0o600)
        (secrets / name).write_text(f"{name} in clear\n")
    seconds, numbers = itertools.count(1), itertools.count(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fleet.run.hands.watch", partial(watch, clock=lambda: float(next(seconds))))
    monkeypatch.setattr("fleet.app.custody.new_run_id", lambda now: f"run-{next(numbers)}")
    # Secrets are written to nothing but a tmpfs.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        fleet = LastingFleet(Path(memory))
        for image in IMAGES:
            fleet.registry.push(f"{REGISTRY}/{image}")
        monkeypatch.setattr("fleet.app.connections.Connector", fleet.connector)
        yield Rehearsal(tmp_path, fleet)


def never(question: str) -> bool:
    raise AssertionError(question)


def dead_process() -> str:
    """A process of this machine that has ended."""
    with subprocess.Popen(["sleep", "60"]) as child:
        name = owner.process(child.pid)
        child.kill()
    return name


def states(rehearsal: Rehearsal, process: str, monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """All that the fleet goes through from v41 to v42, by a controller that is the process of that name."""
    fleet = rehearsal.fleet
    now = fleet.moment()
    seen = [now]

    def changed(host: str) -> None:
        nonlocal now
        now = {**now, host: fleet.host(host).moment()}
        if now != seen[-1]:
            seen.append(now)

    fleet.changed = changed
    with monkeypatch.context() as patch:
        patch.setattr(owner, "process", lambda pid=None: process)
        rehearsal.deploy("v42")
    return seen


def go_on(rehearsal: Rehearsal, way: str, known: Sequence[Release]) -> str:
    """What an operator does then; answers the version that the fleet is to be at."""
    if way == "resume" and known[-1].outcome in UNFINISHED:
        assert resume(rehearsal.session(), never) is Exit.OK, rehearsal.told.text
    elif way == "rollback" and len(known) > 1:
        assert rollback(rehearsal.session(), never, "") is Exit.OK, rehearsal.told.text
        return "v41"
    else:
        rehearsal.deploy("v42")
    return "v42"


def check_history(releases: Sequence[Release], known: Sequence[Release], version: str) -> None:
    """``known``: what it was when the controller was killed."""
    told = [(one.head.version, one.outcome) for one in releases]
    complete = known[-1].outcome is Outcome.GOOD
    cut = [("v42", Outcome.GOOD if complete else Outcome.SUPERSEDED)]
    assert told[0] == ("v41", Outcome.GOOD)
    assert told[-1] == (version, Outcome.GOOD)
    assert told[1:-1] in ([], cut)


def test_killed_anywhere_the_fleet_serves_and_whoever_goes_on_converges(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second time by an operator at the same machine, who need not wait until the lease expires."""
    fleet, clean = rehearsal.fleet, {}
    rehearsal.deploy("v41")
    clean["v41"] = rehearsal.laid_out()
    here = dead_process()
    killed = states(rehearsal, here, monkeypatch)
    clean["v42"] = rehearsal.laid_out()
    rehearsal.deploy("v42", check=True)
    lowest = dict.fromkeys(MINIMA, 99)

    def count(host: str = "") -> None:
        for role in MINIMA:
            lowest[role] = min(lowest[role], fleet.serving(role))

    fleet.changed = count
    for number, state in enumerate(killed):
        way, elsewhere = WAYS[number % 3], number % 2
        print(f"state {number} of {len(killed)}, then {way}{' from elsewhere' if elsewhere else ''}")
        fleet.return_to(state)
        if elsewhere:
            rehearsal.lease.write_text(rehearsal.lease.read_text().replace(here, OTHER_MACHINE))
        fleet.later = LEASE_SECONDS + 2 if elsewhere else 0
        count()
        known = rehearsal.history()
        version = go_on(rehearsal, way, known)
        assert rehearsal.laid_out() == clean[version]
        assert rehearsal.lease.read_text().splitlines()[0].endswith(" 0 free")
        check_history(rehearsal.history(), known, version)
    assert lowest == MINIMA
