"""Looking at a host, and asking a registry through it."""

from __future__ import annotations

import time

import pytest

from fleet.errors import RemoteFailed
from fleet.model.examined import Verdict
from fleet.model.found import Unknown
from fleet.ops.effects import ApiCall, ResolveDigest
from fleet.run.examine import ask_registry, examine
from fleet.transport.base import ApiFailed
from tests.support.stub import StubTransport, ended

IMAGE = "registry.example/app:v1"


def test_the_clock_is_heard_when_it_is_told_and_not_at_the_end() -> None:
    off = int(time.time()) + 100
    host = StubTransport([([f"clock 0 {off}", "name 0 0"], ended(0, f"clock 0 {off}\nname 0 0\n"))])
    found, ahead = examine(host, (), ("a.example",))
    assert found.clock == off
    assert 98 < ahead <= 100


def test_a_clock_that_is_not_known_is_not_off() -> None:
    host = StubTransport([((), ended(0, "clock 0 ?\n"))])
    found, ahead = examine(host, (), ())
    assert isinstance(found.clock, Unknown)
    assert ahead == 0


def test_a_host_that_does_not_do_it() -> None:
    host = StubTransport([((), ended(1, err="no tmp"))])
    with pytest.raises(RemoteFailed, match="look at the host: exit status 1"):
        examine(host, (), ())


def asked(error: Exception | None, *, exact: bool = False) -> tuple[Verdict, str]:
    def answer(call: ApiCall) -> str:
        assert isinstance(call, ResolveDigest)
        if error:
            raise error
        return "sha256:1"

    one = ask_registry(StubTransport(answer=answer), "registry.example", IMAGE, None, exact=exact)
    return one.verdict, one.text


def test_a_registry_that_answers() -> None:
    assert asked(None) == (Verdict.OK, "registry.example answers")
    assert asked(None, exact=True) == (Verdict.OK, f"registry.example answers and has {IMAGE}")


def test_a_missing_image_matters_only_where_it_was_asked_for() -> None:
    missing = ApiFailed(f"there is no image {IMAGE}", status=404)
    assert asked(missing) == (Verdict.OK, "registry.example answers")
    assert asked(missing, exact=True) == (Verdict.ERROR, f"there is no image {IMAGE}")


def test_a_registry_that_refuses() -> None:
    refused = ApiFailed("the registry refuses the login", status=401, why="unauthorized")
    assert asked(refused) == (Verdict.ERROR, "the registry refuses the login\nunauthorized")
    assert asked(ApiFailed("it asks for a pause", status=429))[0] is Verdict.WARNING
    assert asked(RemoteFailed("sudo asks for a password")) == (Verdict.ERROR, "sudo asks for a password")
