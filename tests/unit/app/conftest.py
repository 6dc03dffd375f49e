"""A small project and a fleet in memory that it is deployed to."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fleet.app.options import Options
from fleet.app.session import Session
from fleet.report import events as ev
from fleet.report.plan_text import Line
from fleet.secret import Keyring
from tests.support.behind import Behind
from tests.support.memory import MemoryFleet

HOSTS = """\
all:
  vars: {fleet_project: shop, mode: plain}
  children:
    web: {hosts: {web-1: , web-2: , web-3: }}
"""
COMPOSE = """\
services:
  app:
    image: "registry.example:5000/app:{{ version }}"
    environment: {MODE: "{{ mode }}", PASSWORD: !secret env:APP_PASSWORD}
    deploy: {update_config: {parallelism: 1, failure_action: rollback}}
    x-fleet: {gate: {deadline: 200ms, interval: 10ms, rise: 1, healthy_for: 0s}}
"""


@dataclass
class Told:
    """A report that keeps what it is told."""

    events: list[ev.Event] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, event: ev.Event) -> None:
        self.events.append(event)

    def line(self, line: Line) -> None:
        self.lines.append(line.text)

    def error(self, text: str) -> None:
        self.errors.append(text)

    def table(self, columns: tuple[str, ...], rows: Any) -> None:
        self.rows += rows

    def record(self, record: dict[str, Any]) -> None:
        self.records.append(record)

    def close(self) -> None:
        """Nothing is held back."""

    @property
    def finished(self) -> ev.RunFinished:
        (event,) = (event for event in self.events if isinstance(event, ev.RunFinished))
        return event

    @property
    def text(self) -> str:
        return "\n".join([*self.lines, *self.errors, *map(repr, self.events)])


@dataclass
class Shop:
    """The project in ``root`` and its fleet. ``told`` is what the last command said."""

    root: Path
    fleet: MemoryFleet
    told: Told = field(default_factory=Told)

    def session(self, version: str = "v1", **options: Any) -> Session:
        self.told = Told()
        given = replace(Options(self.root, "test", version=version), **options)
        return Session.open(given, self.told, Keyring())

    def running(self) -> dict[str, list[str]]:
        """Tags that run, by host."""
        return {name: list(host.running().values()) for name, host in sorted(self.fleet.hosts.items())}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    (tmp_path / "inventories" / "test").mkdir(parents=True)
    (tmp_path / "roles" / "web").mkdir(parents=True)
    (tmp_path / "inventories" / "test" / "hosts.yml").write_text(HOSTS)
    (tmp_path / "roles" / "web" / "compose.yml").write_text(COMPOSE)
    fleet = MemoryFleet(tmp_path / "hosts")
    for version in ("v1", "v2", "v3"):
        fleet.registry.push(f"registry.example:5000/app:{version}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_PASSWORD", "hunter2-in-clear")
    monkeypatch.setattr("fleet.app.connections.Connector", fleet.connector)
    # Several runs in one second of one process, which a real controller never has.
    numbers = itertools.count(1)
    monkeypatch.setattr("fleet.app.custody.new_run_id", lambda now: f"run-{next(numbers)}")
    return Shop(tmp_path, fleet)


@pytest.fixture
def behind(shop: Shop) -> Behind:
    """The shop behind two balancers, with a server for each host."""
    made = Behind(shop)
    made.configure()
    return made
