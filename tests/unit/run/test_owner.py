"""A run that began here and died need not be waited for; of any other nobody knows."""

from __future__ import annotations

import subprocess

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
