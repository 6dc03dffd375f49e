"""Lines of many hosts at once: in blocks where they come together, never for long."""

from __future__ import annotations

import threading

from fleet.run.blocks import MOST, Blocks
from fleet.run.printed import Printing


def test_what_a_host_prints_until_its_end_is_one_block() -> None:
    put: list[str] = []
    blocks = Blocks(lambda host, stream, line: put.append(f"{host} {stream} {line}"))
    for number in range(3):
        for host in ("a", "b"):
            blocks.take(host, "out", str(number))
    blocks.end("b", lambda: put.append("b ended"))
    blocks.end("a", lambda: put.append("a ended"))
    assert put == ["b out 0", "b out 1", "b out 2", "b ended", "a out 0", "a out 1", "a out 2", "a ended"]


def test_a_line_is_put_out_while_its_host_goes_on() -> None:
    came = threading.Event()
    blocks = Blocks(lambda *_: came.set())
    with blocks.ticking():
        blocks.take("a", "out", "line")
        assert came.wait(10)


def test_not_all_is_held_that_a_host_can_print() -> None:
    put: list[str] = []
    blocks = Blocks(lambda host, stream, line: put.append(line))
    for number in range(MOST + 1):
        blocks.take("a", "out", str(number))
    assert len(put) == MOST


def test_of_very_much_the_beginning_is_shown_and_all_of_it_compared() -> None:
    found = []
    for last in ("x", "y"):
        printing = Printing()
        for line in ("a" * (1 << 20), last):
            printing.take("out", line)
        found.append(printing.ended("exit status 0", True))
    assert found[0].lines[-1] == "… 1048577 characters in all"
    assert found[0].lines == found[1].lines
    assert found[0] != found[1]
