"""Errors as an operator reads them, and the exit codes that scripts build on."""

from __future__ import annotations

import pytest

from fleet.errors import (
    ConfigError,
    ConfigErrors,
    Drift,
    Exit,
    FleetError,
    Interrupted,
    Position,
    RemoteFailed,
    Unreachable,
    UsageError,
)


def test_what_where_why_and_what_next() -> None:
    error = FleetError("it broke", why="line 1\nline 2", hint="repair it", host="web-1", step="web-1/x")
    assert str(error).splitlines() == [
        "web-1 web-1/x: it broke",
        "    line 1",
        "    line 2",
        "  → repair it",
    ]


def test_a_plain_error_is_its_sentence() -> None:
    assert str(FleetError("it broke")) == "it broke"


def test_a_place_reads_as_editors_jump_to_it() -> None:
    assert str(ConfigError("no such key", at=Position("a.yml", 3, 7))) == "a.yml:3:7: no such key"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FleetError, 1),
        (RemoteFailed, 1),
        (UsageError, 64),
        (ConfigError, 65),
        (Unreachable, 69),
        (Drift, 75),
        (Interrupted, 130),
    ],
)
def test_exit_codes(kind: type[FleetError], code: int) -> None:
    assert kind("x").code == code


def test_the_other_exit_codes() -> None:
    assert (Exit.OK, Exit.CHANGES, Exit.ROLLED_BACK) == (0, 2, 3)


def test_all_configuration_errors_in_the_order_of_their_places() -> None:
    errors = [
        ConfigError("last: nowhere"),
        ConfigError("third", at=Position("b.yml", 1, 1)),
        ConfigError("second", at=Position("a.yml", 10, 1)),
        ConfigError("first", at=Position("a.yml", 9, 2), hint="so"),
    ]
    assert str(ConfigErrors(errors)).splitlines() == [
        "a.yml:9:2: first",
        "  → so",
        "a.yml:10:1: second",
        "b.yml:1:1: third",
        "last: nowhere",
    ]
    assert ConfigErrors(errors).code is Exit.CONFIG
