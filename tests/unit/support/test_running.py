"""How tests wait for a command that runs: a silent one ends no later than they want to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.project import Running


def running(program: str) -> Running:
    process = subprocess.Popen(
        [sys.executable, "-uc", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return Running(process, ["-"])


def test_one_that_falls_silent_is_not_waited_for_for_ever() -> None:
    silent = running("print('begun'); import signal; signal.pause()")
    silent.until("begun")
    with pytest.raises(AssertionError, match=r"0\.1 s without 'more':\nbegun"):
        silent.until("more", 0.1)
    silent.kill()
    assert silent.end().code == -9


def test_one_that_has_ended_says_no_more() -> None:
    short = running("print('one'); print('one, again'); raise SystemExit(3)")
    short.until("one", times=2)
    with pytest.raises(AssertionError, match="ended without 'three'"):
        short.until("three")
    done = short.end()
    assert (done.code, done.text) == (3, "one\none, again\n")


def test_one_that_does_not_end_is_killed() -> None:
    silent = running("import signal; signal.pause()")
    assert silent.end(0.1).code == -9
