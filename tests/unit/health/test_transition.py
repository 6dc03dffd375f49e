"""The script that waits around a start or a stop, in a real shell."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.health.transition import UNMET, waiting
from fleet.model.gates import ExecCheck, HttpCheck, TcpCheck
from fleet.model.transitions import CommandCheck, FreeCheck, SleepCheck, Transition, TransitionCheck

DOCKER = """#!/bin/sh
case $1 in
  inspect) [ ! -f "$HERE/ended" ] || { echo false; exit; }
    case $3 in *Running*) echo true ;; *) echo running 0 0 - now 127.0.0.1 ;; esac ;;
  exec) shift 2; "$@" ;;
esac
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    return tmp_path


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def wait(
    host: Path,
    *checks: TransitionCheck,
    state: str = "pre-stop",
    container: str = "web",
    deadline: float = 0.5,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-s"], input=waiting(state, Transition(checks, deadline, 0.05), container),
        capture_output=True, text=True, timeout=30, check=False,
        env={"PATH": f"{host}:{os.environ['PATH']}", "HERE": str(host)},
    )  # fmt: skip


def test_one_after_the_other(host: Path, port: int) -> None:
    log = host / "log"
    append = ("sh", "-c", f"echo inside >>{log}")
    done = wait(
        host, ExecCheck(append), SleepCheck(0.1), CommandCheck(("sh", "-c", f"echo host >>{log}")),
        TcpCheck(port), TcpCheck(port, "127.0.0.1"),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert log.read_text().split() == ["inside", "host"], "what was good once is not asked again"


def test_what_is_not_good_is_asked_again(host: Path) -> None:
    slow = ("sh", "-c", f"echo >>{host}/tries; [ $(wc -l <{host}/tries) -ge 3 ]")
    assert wait(host, CommandCheck(slow), deadline=20).returncode == 0
    assert (host / "tries").read_text() == "\n" * 3


def test_the_deadline_says_what_is_missing(host: Path, port: int) -> None:
    cases: dict[TransitionCheck, str] = {
        ExecCheck(("sh", "-c", "echo 2 jobs are left; exit 1")): "exec sh: 2 jobs are left",
        CommandCheck(("sh", "-c", "echo locked >&2; exit 1")): "command sh: locked",
        CommandCheck(("false",)): "command false: exit status 1",
        CommandCheck(("no-such-program",)): "command no-such-program: ",
        FreeCheck(port): f"free :{port}: something listens",
        HttpCheck(1, host="127.0.0.1"): "http 127.0.0.1:1/: no answer",
        TcpCheck(1, "127.0.0.1"): "tcp 127.0.0.1:1: nothing listens",
        TcpCheck(1): "tcp :1: nothing listens",
    }
    for check, expected in cases.items():
        done = wait(host, check)
        assert done.returncode == UNMET
        assert done.stderr.startswith(f"pre-stop: not within 0.5 s: {expected}"), done.stderr


def test_a_command_has_the_time_that_is_left_and_not_more(host: Path) -> None:
    began = time.monotonic()
    done = wait(host, ExecCheck(("sleep", "60")), deadline=1)
    assert done.stderr == "pre-stop: not within 1 s: exec sleep: no end after 1 s\n"
    assert time.monotonic() - began < 20


def test_a_port_that_is_free(host: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert wait(host, FreeCheck(held.getsockname()[1]), state="stopped", container="").returncode == 0


def test_a_container_that_has_ended_has_nothing_to_finish(host: Path) -> None:
    (host / "ended").touch()
    assert wait(host, ExecCheck(("false",))).returncode == 0
    assert wait(host, CommandCheck(("false",)), state="stopped", container="").returncode == UNMET


def test_words_stay_words(host: Path) -> None:
    done = wait(host, CommandCheck(("sh", "-c", 'echo "$1" >&2; exit 1', "sh", "$(touch owned) ' ;")))
    assert "$(touch owned) ' ;" in done.stderr
