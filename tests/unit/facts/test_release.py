"""Which release a host was last part of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet.facts.probe import Answer, Question
from fleet.facts.release import ReleaseProbe
from fleet.ledger.copies import copy_script
from fleet.model.desired import HostState
from fleet.model.found import HostRelease
from fleet.model.releases import Outcome
from tests.support.ledger import LedgerHost, entry, record
from tests.support.shells import SHELLS, Bench

GOOD = (entry(), entry(Outcome.GOOD), entry(None, why="a job"))


@pytest.fixture
def host(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerHost:
    (tmp_path / "one").mkdir()
    made = LedgerHost.at(tmp_path / "one")
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    return made


def found(bench: Bench, host: LedgerHost, shell: str = "sh") -> object:
    question = Question("shop", "test", host.place.state_dir, HostState("web-1"))
    done = bench.run(f"(:\n{ReleaseProbe().script(question)}\n) 2>&1", shell=shell)
    return ReleaseProbe().parse(Answer(done.stdout.decode(errors="replace"), done.returncode))


@pytest.mark.parametrize("shell", SHELLS)
def test_the_last_outcome_counts(bench: Bench, host: LedgerHost, shell: str) -> None:
    assert found(bench, host, shell) is None
    assert host.run(copy_script(host.place, record("v7", 7), GOOD, "web-1"))[0] == 0
    assert found(bench, host, shell) == HostRelease(7, "v7", "web-1", "good")


def test_a_copy_that_is_being_replaced_is_found(bench: Bench, host: LedgerHost) -> None:
    host.run(copy_script(host.place, record("v7", 7), GOOD, "web-1"))
    (host.base / "copy").rename(host.base / "copy.old")
    assert found(bench, host) == HostRelease(7, "v7", "web-1", "good")


@pytest.mark.parametrize("name", ["000007.head", "000007.e02", "000007.e01"])
@pytest.mark.parametrize("how", ["cut", "empty", "changed", "binary"])
def test_a_damaged_copy_is_told_and_is_never_unknown(
    bench: Bench, host: LedgerHost, name: str, how: str
) -> None:
    host.run(copy_script(host.place, record("v7", 7), GOOD, "web-1"))
    path = host.base / "copy" / name
    data = path.read_bytes()
    path.write_bytes({"cut": data[:9], "empty": b"", "changed": data.replace(b"1", b"2", 1),
                      "binary": b"\xff\xfe"}[how])  # fmt: skip
    one = found(bench, host)
    assert isinstance(one, HostRelease)
    assert one.damaged
    assert one.number == 7


def test_a_copy_without_a_head(bench: Bench, host: LedgerHost) -> None:
    (host.base / "copy").mkdir(parents=True)
    one = found(bench, host)
    assert isinstance(one, HostRelease)
    assert one.damaged
