"""A run that began here and died need not be waited for; of any other nobody knows."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fleet.run.owner import gone, process


def test_this_process_lives() -> None:
    assert process()
    assert not gone(process())


def test_a_process_that_has_ended_is_gone() -> None:
    child = subprocess.Popen(["sleep", "60"])
    name = process(child.pid)
    assert not gone(name)
    child.kill()
    child.wait()
    assert gone(name)


def test_a_number_that_was_given_anew_is_another_process() -> None:
    boot, space, number, started = process().split(" ")
    assert gone(f"{boot} {space} {number} {int(started) + 1}")


@pytest.mark.parametrize("name", ["", "nonsense", "boot pid:[1] 12 34", "a b c d e"])
def test_of_another_machine_nothing_is_known(name: str) -> None:
    assert not gone(name)


def test_a_process_that_proc_hides_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounted with hidepid, /proc shows nobody the processes of others."""
    child = subprocess.Popen(["sleep", "60"])
    name = process(child.pid)
    read, signal = Path.read_text, os.kill

    def hiding(path: Path, *args: str, **more: str) -> str:
        if path == Path(f"/proc/{child.pid}/stat"):
            raise FileNotFoundError(path)
        return read(path, *args, **more)

    def refused(pid: int, number: int) -> None:
        signal(pid, number)
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", hiding)
    with monkeypatch.context() as others:
        others.setattr(os, "kill", refused)
        assert not gone(name)
    assert not gone(name)
    child.kill()
    child.wait()
    assert gone(name)


def test_a_number_that_no_process_can_have_tells_nothing() -> None:
    boot, space, _, started = process().split(" ")
    assert not gone(f"{boot} {space} {10**30} {started}")
