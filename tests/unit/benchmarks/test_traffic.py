"""The load as a whole, the steps of a scenario, and the row that is told in the end."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks import traffic
from benchmarks.aim import own
from benchmarks.hands import Broken, Hands
from benchmarks.row import Row
from benchmarks.scenarios import SCENARIOS, Inv, Kill, Scenario, Start, Step, Swap, Variable, Wait
from fleet.rehearsal import Host
from fleet.rehearsal.traffic.clients import KINDS
from fleet.rehearsal.traffic.crowd import mixture
from fleet.rehearsal.traffic.orders import Orders, compare
from fleet.rehearsal.traffic.tally import Tally, span
from tests.support import load
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
TRAFFIC = ROOT / "benchmarks" / "traffic.py"


class Shop(BaseHTTPRequestHandler):
    """Answers everything, but breaks off while ``broken`` is set."""

    protocol_version = "HTTP/1.1"
    broken = threading.Event()
    numbers = itertools.count(1)
    served = 0

    def do_GET(self) -> None:
        self._answer(200, b"page" * 100)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(201, json.dumps({"id": next(self.numbers)}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        if self.broken.is_set():
            self.close_connection = True
            return
        Shop.served += 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Shop-Version", "v41")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100


@pytest.fixture
def shop() -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    Shop.broken.clear()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_test_sees_what_was_lost_and_what_was_not(shop: str) -> None:
    with load.Load(shop) as whole:
        until(lambda: whole.tally.requests > 40)
    assert not whole.tally.failures
    broken = load.start(shop)
    until(lambda: broken.tally.requests > 20)
    Shop.broken.set()
    until(lambda: broken.tally.failures)
    Shop.broken.clear()
    asked = broken.tally.requests
    until(lambda: broken.tally.requests > asked + 20)
    tally = broken.stop()
    assert {failure.kind for failure in tally.failures} == {"closed without an answer"}
    assert tally.requests > len(tally.failures)


def test_load_goes_nowhere_else() -> None:
    with pytest.raises(Exception, match="not a host of a rehearsal"):
        load.Load("http://192.0.2.1/")


def program(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, TRAFFIC, *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_every_kind_of_client_is_in_the_row(shop: str) -> None:
    done = program(shop, "--seconds", "5", "--rate", "60", "--json", "-")
    row = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert row["failed"] == 0
    assert row["clients"].keys() == {client.kind for client in KINDS} | {"all"}
    assert row["versions"]["v41"]["answers"] == row["requests"] > 200
    assert row["clients"]["all"]["during"] is None


def test_lost_requests_are_told_by_the_exit_code_and_by_kind_client_and_second(shop: str) -> None:
    with subprocess.Popen(
        [sys.executable, TRAFFIC, shop, "--seconds", "3", "--rate", "40"], stdout=subprocess.PIPE, text=True
    ) as running:
        served = Shop.served
        until(lambda: Shop.served > served + 30)
        Shop.broken.set()
        out, _ = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "× closed without an answer (kept connection" in out
    assert "in second" in out


def test_a_project_is_needed_for_a_scenario(shop: str) -> None:
    done = program(shop, "--scenario", "deploy")
    assert done.returncode == 2
    assert "--project" in done.stderr


def test_the_mixture_has_every_kind_and_the_rate() -> None:
    groups = mixture(200)
    assert {group.client for group in groups} == set(KINDS)
    rates = {group.client.kind: group.clients / group.interval for group in groups}
    assert rates["kept connection"] + rates["new connection"] == pytest.approx(200)


def test_spans_are_before_and_during() -> None:
    tally = Tally()
    for _ in range(98):
        tally.answered("order", "v41", 0.010)
    tally.answered("order", "v41", 0.050)
    tally.answered("order", "v41", 0.200)
    tally.begin()
    tally.answered("order", "v42", 1.0)
    tally.failed("order", 2, "reset", tally.started)
    before = span(tally.before["order"])
    assert before
    assert (before.requests, before.p50, before.p99, before.most) == (100, 10.0, 200.0, 200.0)
    row = Row("deploy", 1, 10.0, 0.1, tally, Orders(2, 0, 0, 0))
    assert row.json()["clients"]["order"]["during"]["most"] == 1000.0
    assert row.json()["requests"] == 102
    assert "deploy: 102 requests, 1 failed" in row.text()
    assert "1 × reset (order 2) in second 0" in row.text()
    assert not row.good


def test_a_time_without_any_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    tally, clock = Tally(started=0), iter([1.0, 1.5, 4.75, 5.0])
    monkeypatch.setattr("fleet.rehearsal.traffic.tally.time.monotonic", lambda: next(clock))
    for _ in range(4):
        tally.answered("idle", "v41", 0.1)
    row = Row("kill-master", 1, 9, 0.1, tally)
    assert "  nobody got an answer for 3.25 s, until second 5\n" in row.text()
    assert row.json()["gaps"] == [{"second": 4.8, "seconds": 3.25}]


@pytest.mark.parametrize(
    ("acknowledged", "there", "orders", "good"),
    [
        ([5, 6, 7], [5, 6, 7], Orders(3, 0, 0, 0), True),
        ([5, 6, 7], [5, 7], Orders(3, 1, 0, 0), False),
        ([5, 6, 6], [5, 6], Orders(3, 0, 1, 0), False),
        ([5], [5, 6], Orders(1, 0, 0, 1), True),
    ],
)
def test_orders_are_there_exactly_once(
    acknowledged: list[int], there: list[int], orders: Orders, good: bool
) -> None:
    assert compare(acknowledged, there) == orders
    assert orders.good == good


INVENTORY = "inventories/rehearsal/group_vars/all.yml"
INV = """#!/bin/sh
echo "$FLEET_ENV $* $(grep shop_title inventories/rehearsal/group_vars/all.yml)"
test "$1" != fails
"""


class Power:
    """A host's switch."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def run(self, command: str) -> str:
        if "max(id)" in command:
            return "41\n"
        if "id > 41" in command:
            return "42\n43\n"
        return "2: eth0    inet 172.30.7.10/24 scope global eth0\n"

    def kill(self) -> None:
        self.done.append("kill")

    def start(self) -> None:
        self.done.append("start")


class Project:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.vars = path / INVENTORY
        self.vars.parent.mkdir(parents=True)
        self.vars.write_text("shop_title: Old\nother: 1")
        inv = path / ".venv" / "bin" / "inv"
        inv.parent.mkdir(parents=True)
        inv.write_text(INV)
        inv.chmod(0o755)
        self.log = path / "log"
        self.power = Power()
        self.hands = Hands(path, "rehearsal", self.log, "172.30.7.10", self.host)

    def host(self, _: str) -> Host:
        return self.power  # type: ignore[return-value]

    def do(self, *steps: Step, number: int = 1) -> None:
        asyncio.run(self.hands.do(steps, number))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_steps_are_done_in_the_project_and_files_are_restored(project: Project) -> None:
    before = project.vars.read_bytes()
    project.do(Variable("shop_title", "Round {round}"), Inv("deploy --yes"), number=7)
    project.do(Variable("another", "x"), Swap(INVENTORY, "other: 1", "other: 2"))
    assert project.vars.read_text() == "shop_title: Round 7\nother: 2\nanother: x\n"
    assert "rehearsal deploy --yes shop_title: Round 7" in project.log.read_text()
    project.hands.restore()
    assert project.vars.read_bytes() == before


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "WARM", 0.5)
    monkeypatch.setattr(traffic, "TAIL", 0.5)


def measured(shop: str, project: Project, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Row:
    monkeypatch.setitem(SCENARIOS, "deploy", scenario)
    options = argparse.Namespace(url=own(shop), project=project.path, requests=150, rate=100, seconds=1)
    return traffic.measure("deploy", options, project.host)


@pytest.mark.usefixtures("brisk")
def test_rounds_go_on_until_there_were_requests_enough(
    shop: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = project.vars.read_bytes()
    scenario = Scenario(
        (Variable("shop_title", "{round}"), Inv("deploy"), Wait(0.1)),
        first=(Inv("first"),),
        last=(Inv("last"),),
    )
    row = measured(shop, project, scenario, monkeypatch)
    assert not row.broken
    assert row.tally.requests >= 150
    assert row.rounds > 1
    assert row.tally.before
    assert row.tally.during
    assert row.orders
    assert row.orders.acknowledged == len(row.tally.orders)
    told = [
        line
        for line in (project.path / ".fleet/traffic/deploy.log").read_text().splitlines()
        if line[0] != "-"
    ]
    assert told[0] == "rehearsal first shop_title: Old"
    assert told[1:-1] == [f"rehearsal deploy shop_title: {n}" for n in range(1, row.rounds + 1)]
    assert told[-1] == "rehearsal last shop_title: Old"
    assert project.vars.read_bytes() == before


@pytest.mark.usefixtures("brisk")
def test_a_scenario_that_breaks_off_says_so_in_its_row(
    shop: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = measured(shop, project, Scenario((Kill("web-1"), Inv("fails"))), monkeypatch)
    assert "inv fails: exit 1" in row.text()
    assert not row.good
    assert project.power.done == ["kill", "start"]
    row = measured(shop, project, Scenario((), first=(Inv("fails"),)), monkeypatch)
    assert "inv fails: exit 1" in row.text()
    assert row.tally.requests == 0


def test_a_command_that_fails_ends_the_scenario(project: Project) -> None:
    with pytest.raises(Broken, match=r"inv fails now: exit 1; see .*log"):
        project.do(Inv("fails now"))
    project.do(Inv("fails now", exits=(0, 1)))


def test_what_is_done_beside_a_command_is_waited_for_and_ends_the_scenario_too(project: Project) -> None:
    project.do(Inv("deploy", meanwhile=(Wait(0.1), Kill("web-1"))))
    assert project.power.done == ["kill"]
    with pytest.raises(Broken, match="adjust the scenario"):
        project.do(Inv("deploy", meanwhile=(Swap(INVENTORY, "no such text", ""),)))


def test_text_that_is_not_there_ends_the_scenario(project: Project) -> None:
    with pytest.raises(Broken, match="adjust the scenario"):
        project.do(Swap(INVENTORY, "no such text", ""))


def test_a_killed_host_is_switched_on_whatever_happens(project: Project) -> None:
    project.do(Kill("master"), Start("master"))
    project.hands.restore()
    assert project.power.done == ["kill", "start"]
    project.do(Kill("web-1"))
    project.hands.restore()
    assert project.power.done == ["kill", "start", "kill", "start"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_a_scenario_kills_it_starts(name: str) -> None:
    steps = [
        one
        for step in SCENARIOS[name].steps
        for one in ((*step.meanwhile, step) if isinstance(step, Inv) else (step,))
    ]
    assert [step.host for step in steps if isinstance(step, Kill)] == [
        step.host for step in steps if isinstance(step, Start)
    ]


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_a_scenario_changes_in_the_files_of_the_shop_is_there(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "roles", tmp_path / "roles")
    shutil.copytree(ROOT / "inventories" / "rehearsal", tmp_path / "inventories" / "rehearsal")
    hands = Hands(tmp_path, "rehearsal", tmp_path / "log", "", lambda _: Power())  # type: ignore[arg-type, return-value]
    whole = (*SCENARIOS[name].first, *SCENARIOS[name].steps)
    asyncio.run(hands.do([step for step in whole if isinstance(step, Swap | Variable)]))
    for variable in (step for step in whole if isinstance(step, Variable)):
        assert f"\n{variable.name}: " in (tmp_path / INVENTORY).read_text()
