"""Where the ledger says that data lives, after a run has looked."""

from __future__ import annotations

from dataclasses import replace

from fleet.model.found import HostFacts, Unknown
from fleet.model.volumes import Home, State
from fleet.plan.homes import homes
from tests.support.build import host_facts
from tests.unit.plan.test_volumes import AWAY, ELSE, FENCED, LIVE, NAME, facts, lying, wish

FIRST = {NAME: (Home("db-1", LIVE.lineage, 2),)}


def now(*hosts: HostFacts, before: dict[str, tuple[Home, ...]] | None = None, **moving: object) -> dict:  # type: ignore[type-arg]
    wanted = wish("db-1", "db-2", run=("db-1", "db-2"), **moving)
    seen = replace(facts(wanted), hosts={host.host: host for host in hosts})
    return homes(FIRST if before is None else before, wanted, seen)


def test_what_lives_there_is_known() -> None:
    assert now(lying("db-1"), before={}) == FIRST
    assert now(lying("db-2", ELSE)) == {NAME: (*FIRST[NAME], Home("db-2", "second", 0))}


def test_what_went_elsewhere_is_there() -> None:
    assert now(lying("db-1", replace(FENCED, peer="db-2")), lying("db-2", AWAY)) == {
        NAME: (Home("db-2", LIVE.lineage, 3),)
    }
    # Also when its source was not seen.
    assert now(lying("db-2", AWAY)) == {NAME: (Home("db-2", LIVE.lineage, 3),)}


def test_an_incomplete_copy_lives_nowhere() -> None:
    incoming = replace(LIVE, state=State.INCOMING, peer="db-1")
    assert now(lying("db-2", incoming), before={}) == {}


def test_what_is_not_seen_or_gone_is_still_expected() -> None:
    assert now() == FIRST
    assert now(host_facts("db-1")) == FIRST
    assert now(lying("db-1", None)) == FIRST
    assert now(host_facts("db-1", volumes=Unknown("volumes: down"))) == FIRST


def test_what_began_anew_is_expected_nowhere_else() -> None:
    gone = {NAME: (Home("db-0", LIVE.lineage, 2),)}
    assert now(lying("db-2", ELSE), before=gone, empty=("data",)) == {NAME: (Home("db-2", "second", 0),)}
    # Not before it has; what was there already is no beginning.
    assert now(host_facts("db-2"), before=gone, empty=("data",)) == gone
    both = {NAME: (*gone[NAME], Home("db-2", "second", 0))}
    assert now(lying("db-2", ELSE), before=both, empty=("data",)) == both
    # A host of the role that was not looked at still has its own.
    assert now(lying("db-2", ELSE), empty=("data",)) == {NAME: (*FIRST[NAME], Home("db-2", "second", 0))}


def test_a_mark_of_another_environment_is_not_ours() -> None:
    assert now(lying("db-1", env="prod"), before={}) == {}
    assert now(lying("db-1", replace(LIVE, generation=7), env="prod")) != {}, "the ledger knew that data"


def test_volumes_of_others_are_no_concern_of_ours() -> None:
    theirs = lying("db-1", LIVE, project="other")
    other = replace(theirs.volumes[NAME], name="other_data")  # type: ignore[index]
    assert now(replace(theirs, volumes={"other_data": other}), before={}) == {}
