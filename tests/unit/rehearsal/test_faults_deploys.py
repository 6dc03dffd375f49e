"""A deploy in another process: what it tells, how it ends, and that it is not left behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from fleet.rehearsal.faults import deploys
from fleet.rehearsal.faults.deploys import Deploy

SAYS = """#!/bin/sh
echo "$*" >said
echo '{"event": "RunStarted", "command": "deploy", "version": "v42", "release": 1}'
echo "error: the disk is full" >&2
exit 1
"""
# A shell cannot trap what was ignored when it began, as ^C is in the background.
HANGS = f"""#!{sys.executable}
import pathlib, signal, sys

def end(*_):
    pathlib.Path("ended").touch()
    sys.exit(130)

signal.signal(signal.SIGINT, end)
print('{{"event": "RunStarted", "command": "deploy", "version": "v42", "release": 1}}', flush=True)
while True:
    signal.pause()
"""


def begun(root: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> Deploy:
    (root / "fleet").write_text(program)
    (root / "fleet").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(root / "python"))
    began = time.monotonic()
    return Deploy(root, "try", "v42", lambda: time.monotonic() - began)


def test_its_events_and_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with begun(tmp_path, monkeypatch, SAYS) as deploy:
        told = [event["event"] for _, event in deploy.events() if event]
        ended = deploy.ended()
    assert told == ["RunStarted", "Error"]
    assert (ended.command, ended.code, ended.outcome) == (
        "deploy --version v42",
        1,
        "error: the disk is full",
    )
    assert (tmp_path / "said").read_text() == "deploy --env try --version v42 --yes --json\n"


def until_it_has_begun(deploy: Deploy) -> None:
    next(event for _, event in deploy.events() if event)


def test_it_is_asked_to_end_where_nobody_listens_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(tmp_path, monkeypatch, HANGS) as deploy:
        until_it_has_begun(deploy)
    assert (tmp_path / "ended").exists()


def test_one_without_an_end_is_asked_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with begun(tmp_path, monkeypatch, HANGS) as deploy:
        until_it_has_begun(deploy)
        monkeypatch.setattr(deploys, "LONGEST", 0)
        assert not [event for _, event in deploy.events() if event]
        assert deploy.ended().code == 130
