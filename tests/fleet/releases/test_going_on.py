"""A run that was cut off or failed on a part of the hosts, and going on from there."""

from __future__ import annotations

from collections.abc import Callable

from fleet.rehearsal import Host
from tests.support.look import answer, ids, only_version
from tests.support.operators import Operator, history, out_of_order, slowly
from tests.support.project import ENV

Web = Callable[[int], Host]
ALL = (1, 2, 3)


def cut_off(fleet: Operator, version: str) -> None:
    """The controller is killed while web-2 is at its gate."""
    slowly(fleet)
    run = fleet.begin(version)
    run.until("web-2 ✓ replace")
    run.kill()
    run.end()


def test_a_run_that_was_killed_goes_on_at_once_under_its_own_number(fleet: Operator, web: Web) -> None:
    fleet.deploy("v1").ended(0)
    cut_off(fleet, "v2")
    done = fleet.resume().ended(0)
    done.says("of this machine has ended without giving the lease back: taking it over", "release 2")
    assert [answer(web(number)) for number in ALL] == ["ok v2"] * 3
    story = [(1, "v1", ["running", "good"]), (2, "v2", ["running", "running", "good"])]
    assert history(fleet, web(1)) == story
    fleet.resume().ended(64).says("nothing to go on with: release 2 (v2) is good")


def test_another_version_after_a_run_that_was_killed_supersedes_it(fleet: Operator, web: Web) -> None:
    fleet.deploy("v1").ended(0)
    cut_off(fleet, "v2")
    fleet.deploy("v3").ended(0).says("release 3")
    assert [answer(web(number)) for number in ALL] == ["ok v3"] * 3
    assert [outcomes[-1] for *_, outcomes in history(fleet, web(1))] == ["good", "superseded", "good"]


def test_what_failed_on_one_host_is_tried_again_there_only(fleet: Operator, web: Web) -> None:
    fleet.project.role(update={"failure_action": "continue"}, gate={"deadline": "1500ms"})
    fleet.deploy("v1").ended(0)
    with out_of_order(web(2)):
        failed = fleet.deploy("v2").ended(1)
    failed.says("web-2", f"inv deploy --env {ENV} --resume")
    others = [ids(web(number)) for number in (1, 3)]
    fleet.say("deploy", "--retry-failed", "--yes").ended(0).says("release 2")
    assert [ids(web(number)) for number in (1, 3)] == others
    assert [only_version(web(number)) for number in ALL] == ["v2"] * 3
    assert history(fleet, web(1))[-1] == (2, "v2", ["running", "failed", "running", "good"])
    fleet.say("deploy", "--retry-failed", "--yes").ended(64).says("is good")
