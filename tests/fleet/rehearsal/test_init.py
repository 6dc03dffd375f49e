"""The project that ``fleet init`` writes, on real hosts: the steps of its README, one after the other."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.app.init import init
from fleet.rehearsal import Rehearsal
from tests.unit.app.test_init import steps

ENV = "first"
HERE, THERE = "172.30.9.", "172.31.249."
BIN = Path(sys.executable).parent
CODES = {"fleet plan --version v42": 2, "fleet deploy --version v44 --yes": 3}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In another environment and another network: the beginner's own rehearsal may be up beside it."""
    # It uses none of the images that the shop needs beside its own.
    monkeypatch.setattr("fleet.rehearsal.rehearsal.SERVERS", {})
    init(tmp_path)
    (tmp_path / "inventories" / "rehearsal").rename(tmp_path / "inventories" / ENV)
    for path in [tmp_path / "invoke.yaml", *(tmp_path / "inventories").rglob("*.yml")]:
        text = path.read_text().replace(HERE, THERE)
        path.write_text(
            text.replace("env: rehearsal", f"env: {ENV}").replace(".fleet/rehearsal", f".fleet/{ENV}")
        )
    rehearsal = Rehearsal(tmp_path, print, env=ENV)
    try:
        rehearsal.up()
        yield tmp_path
    finally:
        rehearsal.down()


def run(root: Path, command: str) -> int:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    _, *words = shlex.split(command)
    done = subprocess.run(
        [BIN / "fleet", *words],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    print(f"$ {command}\n{done.stdout}{done.stderr}")
    return done.returncode


def test_its_steps_work_as_they_are_written(project: Path) -> None:
    for step in steps(project):
        command = step.removesuffix(" || true")
        if command == "fleet rehearse":
            # The hosts are there; the rest of it is this.
            assert run(project, "fleet deploy --version v41 --yes") == 0
        elif command.startswith("curl "):
            address = command.split()[1].replace(HERE, THERE)
            with urllib.request.urlopen(address, timeout=10) as answer:
                assert "This is v41 on web-1." in answer.read().decode()
        elif command != "fleet rehearse --down":
            assert run(project, command) == CODES.get(command, 0)
            assert (command in CODES) == step.endswith("|| true")
    # The way back from v44 has left everything as v42 had it.
    assert run(project, "fleet status --drift") == 0
    assert run(project, "fleet exec --limit web-1 -- sh -c 'docker ps -q | xargs docker stop -t 1'") == 0
    assert run(project, "fleet status --drift") == 75
