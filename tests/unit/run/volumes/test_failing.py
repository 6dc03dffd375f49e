"""What a failure says of the volume."""

from __future__ import annotations

import pytest

from fleet.errors import FleetError, RemoteFailed
from fleet.report import events as ev
from fleet.run.volumes.failing import Unknown, failing

HOW = "volume pgdata is used on db-1 as before"


def after(error: Exception, how: str | None = HOW) -> list[object]:
    """What is done and told when the block raises it."""
    done: list[object] = []

    def stands() -> str | None:
        done.append("put right")
        return how

    with pytest.raises(type(error)), failing(done.append, stands):
        raise error
    return done


def test_how_it_stands_comes_before_what_else_to_do() -> None:
    error = RemoteFailed("no space", hint="make room")
    assert after(error) == ["put right"]
    assert error.hint == f"{HOW}; make room"


def test_nothing_is_added_where_there_is_nothing_to_tell() -> None:
    error = FleetError("no space", hint="make room")
    assert after(error, None) == ["put right"]
    assert error.hint == "make room"


def test_an_error_of_the_program_goes_on_and_how_it_stands_is_told_beside_it() -> None:
    assert after(ZeroDivisionError()) == ["put right", ev.Note(HOW, "warning")]


def test_what_nobody_knows_is_not_put_right() -> None:
    error = Unknown("nobody knows", hint="look there")
    assert after(error) == []
    assert error.hint == "look there"
