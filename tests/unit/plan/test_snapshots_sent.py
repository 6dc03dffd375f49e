"""Snapshots that lie on another host, in a plan: sent there, and brought back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.model.desired import Desired
from fleet.model.found import Facts
from fleet.model.volume_care import VolumeCare
from fleet.plan.keeping import RestoreVolume, ShipSnapshot, TakeSnapshot
from fleet.plan.volume_by_name import restore, snapshot
from tests.support.build import host_facts
from tests.support.simulate import every_step
from tests.unit.plan.test_snapshots import OLD, caring, holding
from tests.unit.plan.test_upgrades import kinds
from tests.unit.plan.test_volumes import NAME, facts, refusals, serving, wish

SENT = replace(OLD, lineage="first")


def wanted(*hosts: str) -> Desired:
    return caring(wish(*(hosts or ("db-1",)), rate=1000), VolumeCare())


def seen(desired: Desired) -> Facts:
    """The snapshot lies on db-3."""
    return facts(desired, serving("db-1"), holding(host_facts("db-3"), SENT))


def test_taken_here_and_sent_there() -> None:
    planned = snapshot(wanted(), seen(wanted()), "data", {}, "db-2")
    assert not planned.errors
    assert kinds(planned) == ["Pull", "Pull", "TakeSnapshot", "ShipSnapshot"]
    (one,) = [each for each in every_step(planned) if isinstance(each, ShipSnapshot)]
    assert (one.host, one.source, one.volume, one.snapshot) == ("db-2", "db-1", NAME, None)
    assert one.describe() == f"send the snapshot of volume {NAME} from db-1, where none stays of it"
    move = one.relocation(SENT)
    assert (move.volume, move.source, move.target, move.rate) == (SENT.name, "db-1", "db-2", 1000)


@pytest.mark.parametrize(
    ("to", "told"),
    [("db-9", "--to db-9: it is not a host of this run"), ("db-1", "--to db-1: it has the volume itself")],
)
def test_not_there(to: str, told: str) -> None:
    planned = snapshot(wanted(), seen(wanted()), "data", {}, to)
    assert any(told in one for one in refusals(planned))
    assert not [*every_step(planned)]


def test_brought_back_before_it_is_restored() -> None:
    planned = restore(wanted(), seen(wanted()), "data", SENT.id, {})
    assert not planned.errors
    assert kinds(planned)[:4] == ["Pull", "Pull", "ShipSnapshot", "RestoreVolume"]
    one, then = [each for each in every_step(planned) if isinstance(each, ShipSnapshot | RestoreVolume)]
    assert isinstance(one, ShipSnapshot)
    assert (one.host, one.source, one.snapshot) == ("db-1", "db-3", SENT)
    assert one.describe() == f"bring snapshot {SENT.id} of volume {NAME} from db-3"
    assert isinstance(then, RestoreVolume)
    assert then.restoring.snapshot == SENT


def test_of_several_hosts_the_one_whose_data_it_is() -> None:
    both = wanted("db-1", "db-2")
    other = replace(serving("db-2"), volumes={})
    there = facts(both, serving("db-1"), other, holding(host_facts("db-3"), SENT))
    planned = restore(both, there, "data", SENT.id, {})
    (one,) = [each for each in every_step(planned) if isinstance(each, ShipSnapshot)]
    assert one.host == "db-1"
    foreign = replace(
        there, hosts={**there.hosts, "db-3": holding(host_facts("db-3"), replace(OLD, lineage="x"))}
    )
    assert any(
        "no host of this run has a snapshot" in one
        for one in refusals(restore(both, foreign, "data", OLD.id, {}))
    )


def test_without_another_host_it_stays() -> None:
    planned = snapshot(wanted(), seen(wanted()), "data", {})
    assert [type(one) for one in every_step(planned)][-1] is TakeSnapshot
