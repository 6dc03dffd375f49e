"""Commands and log files of the controller."""

from __future__ import annotations

import json
import os
import stat
import time
from dataclasses import replace

import pytest

from fleet.model.notices import Command, LogFile, Moment
from fleet.notify.command import to_command
from fleet.notify.delivery import Delivery, Undelivered
from fleet.notify.log import to_log
from tests.support.processes import ends
from tests.unit.notify.conftest import notice


def script(delivery: Delivery, text: str) -> Command:
    path = delivery.root / "announce"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Command(("./announce", "a b"))


def failure(target: Command, delivery: Delivery) -> str:
    with pytest.raises(Undelivered) as caught:
        to_command(target, notice(), delivery)
    return str(caught.value)


def test_a_command_gets_json_in_the_projects_root(delivery: Delivery) -> None:
    to_command(script(delivery, 'cat > "$1"; pwd > where'), notice(), delivery)
    assert json.loads((delivery.root / "a b").read_text()) == json.loads(json.dumps(notice().as_dict()))
    assert (delivery.root / "where").read_text() == f"{delivery.root}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo one; echo two >&2; echo; exit 3", "exit status 3: two"),
        ("exit 1", "exit status 1"),
        ("kill -TERM $$", "killed by SIGTERM"),
    ],
)
def test_a_command_that_fails(delivery: Delivery, text: str, said: str) -> None:
    assert failure(script(delivery, text), delivery) == said


def test_a_command_that_is_not_there(delivery: Delivery) -> None:
    assert failure(Command(("./nowhere",)), delivery) == "it cannot be run: No such file or directory"


def test_a_command_that_hangs_is_killed_with_its_children(delivery: Delivery) -> None:
    target = script(delivery, "trap '' TERM\nsleep 300 &\necho $! > child; wait")
    assert failure(target, replace(delivery, timeout=0.5)) == "no end after 0.5 s"
    child = int((delivery.root / "child").read_text())
    assert ends(child)


def test_a_child_that_is_left_behind_is_not_waited_for(delivery: Delivery) -> None:
    began = time.monotonic()
    to_command(script(delivery, "sleep 300 & echo $! > child"), notice(), delivery)
    assert time.monotonic() - began < delivery.timeout
    os.kill(int((delivery.root / "child").read_text()), 9)


def test_a_log_gets_a_line_for_each_notice(delivery: Delivery) -> None:
    to_log(LogFile("deploys.log"), notice(Moment.STARTED), delivery)
    to_log(LogFile("deploys.log"), notice(Moment.FAILED, why="two\nlines"), delivery)
    path = delivery.root / "deploys.log"
    assert path.read_text() == (
        "2026-01-31T14:22:33Z production: deploy of v42 by anna began on 2 hosts (release 7)"
        " · run 20260131-142233-4711\n"
        "2026-01-31T14:22:33Z production: deploy of v42 by anna failed after 1 min 12 s (release 7):"
        " two lines · run 20260131-142233-4711\n"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_keeps_the_mode_that_it_has(delivery: Delivery) -> None:
    path = delivery.root / "deploys.log"
    path.touch()
    path.chmod(0o644)
    to_log(LogFile(str(path)), notice(), delivery)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("path", "cause"), [("nowhere/deploys.log", "No such file or directory"), (".", "Is a directory")]
)
def test_a_log_that_cannot_be_written(delivery: Delivery, path: str, cause: str) -> None:
    with pytest.raises(Undelivered, match=f"it cannot be written: {cause}"):
        to_log(LogFile(path), notice(), delivery)


def test_a_full_disk(delivery: Delivery) -> None:
    with pytest.raises(Undelivered, match="No space left on device"):
        to_log(LogFile("/dev/full"), notice(), delivery)
